"""Text that goes on: a language model's next tokens, names of a category, and the one word of ``hello``."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from seqexp.codecs import (
    STRICT,
    Answer,
    Answering,
    Codec,
    Options,
    Row,
    Tokenized,
    cuts,
    distribution,
    register,
    unread,
)
from seqexp.codecs.classes import Tokens
from seqexp.codecs.cuts import Cut
from seqexp.data.batch import Batch
from seqexp.data.shape import Shape

Length = Annotated[int, Gt(0), Le(1_000_000)]
SUGGESTIONS = 5  # of the next token, that are told
CUT = "…"  # behind what did not end


def nats_rows(batch: Batch, y: np.ndarray, symbols: Sequence[str]) -> list[Row]:
    """A row for each scored token: its true symbol, the likeliest, and the true one's negative log-likelihood."""
    truth, said = batch.answers(), y.argmax(axis=0)
    largest = y.max(axis=0)  # (N,); cancels, and exp cannot overflow
    total = np.exp(y - largest).sum(axis=0, dtype=np.float64)
    nats = np.log(total) - (y[truth, np.arange(len(truth))] - largest)
    assert batch.answered is not None
    places = np.nonzero(batch.answered)
    return [
        {"column": int(b), "step": int(t), "truth": symbols[one], "answer": symbols[other], "nats": float(value)}
        for t, b, one, other, value in zip(*places, truth, said, nats, strict=True)
    ]


def asked_last(prompt: np.ndarray) -> Batch:
    """A batch of one prompt (T, 1) that is answered at its last step."""
    answered = np.zeros(prompt.shape, bool)
    answered[-1] = True
    return Batch(prompt, np.zeros(prompt.shape, np.int64), answered=answered)


def column(ids: Sequence[int] | np.ndarray) -> np.ndarray:
    """Ids as a prompt (T, 1)."""
    return np.asarray(ids, np.int32)[:, None]


def suggested(tokens: Sequence[str], y: np.ndarray) -> list[Answer]:
    """The likeliest next token of each column of y (Y, N), and the likeliest few with their chances."""
    few = [dict(list(chances.items())[:SUGGESTIONS]) for chances in distribution(tokens, y)]
    return [Answer(next(iter(likeliest)), likeliest) for likeliest in few]


@register("language")
@dataclass(frozen=True)
class Language(Tokenized):
    """A text so far, and what follows.

    cut, tokens: how a text becomes tokens, and those known by id, ``<unk>`` first. line_end: the token of a line's end,
    after which a text begins. temperature: of what is drawn unless one is asked for. length: tokens made likewise.
    """

    cut: Cut
    tokens: Tokens
    line_end: str
    temperature: Annotated[float, Ge(0)]
    length: Length

    alone = True
    output_field = "tokens"
    __pydantic_config__ = STRICT

    @property
    def shape(self) -> Shape:
        size = len(self.tokens)
        return Shape(inputs=size, tokens=True, outputs=size, answers="steps", loss="softmax")

    def cut_up(self, text: str) -> list[str]:
        """A prompt's tokens, with line ends between its lines and none behind the last."""
        if self.cut == "characters":
            return list(text)
        lines = [cuts.cut(self.cut, line) for line in text.split("\n")]
        tokens = [token for line in lines[:-1] if line for token in (*line, self.line_end)]
        return [*tokens, *lines[-1]]

    def steps(self, text: str, batch: Batch) -> list[str]:
        return [self.line_end, *self.cut_up(text)]

    def spelled(self, tokens: Sequence[str]) -> str:
        """The text of tokens."""
        if self.cut == "characters":
            return "".join(tokens)
        return " ".join("\n" if token == self.line_end else token for token in tokens)

    def encode(self, texts: Sequence[str]) -> Batch:
        """One prompt behind a line end, answered at its last step."""
        (text,) = texts
        tokens = [self.line_end, *self.cut_up(text)]
        return asked_last(column(self.vocabulary.encode(tokens)))

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        """The likeliest next token of each column, among others."""
        return suggested(self.tokens, y)

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        """What follows each prompt, and the likeliest next tokens behind it."""
        answers = []
        for text in texts:
            batch = self.encode([text])
            (likeliest,) = self.decode(batch, network.answers(batch)[0])
            temperature = self.temperature if options.temperature is None else options.temperature
            steps = options.length or self.length
            made = network.generate(batch.x, steps, "previous", temperature, options.seed, top_k=options.top_k)
            said = self.spelled(self.vocabulary.decode(made[:, 0]))
            unknown = self.vocabulary.missing(self.cut_up(text))
            answers.append(Answer(said, likeliest.probabilities, unknown))
        return answers

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        return nats_rows(batch, y, self.tokens)


@register("names")
@dataclass(frozen=True)
class NamesOf(Codec):
    """A category, or ``category: Beginning``, and a name of it.

    symbols: what answers stand for: the end, ``<unk>``, characters. categories: what inputs behind them stand for.
    """

    symbols: Tokens
    categories: Tokens
    temperature: Annotated[float, Ge(0)]
    length: Length

    alone = True
    output_field = "symbols"
    __pydantic_config__ = STRICT

    @property
    def input_words(self) -> Sequence[str]:
        return (*self.symbols, *self.categories)

    @property
    def shape(self) -> Shape:
        outputs = len(self.symbols)
        inputs = outputs + len(self.categories)
        return Shape(inputs=inputs, tokens=True, outputs=outputs, answers="steps", loss="softmax")

    @cached_property
    def ids(self) -> dict[str, int]:
        return {symbol: id for id, symbol in enumerate(self.symbols)}

    def _parts(self, text: str) -> tuple[int, list[str]]:
        """The category's number and the letters that a name begins with."""
        category, _, begun = text.partition(":")
        named = {one.casefold(): number for number, one in enumerate(self.categories)}
        if category.strip().casefold() not in named:
            listed = ", ".join(self.categories)
            raise unread("prompt", text, f"a {self.called}, or {self.called}: Beginning, of {listed[:300]}")
        return named[category.strip().casefold()], self.units(begun.strip())

    called: ClassVar[str] = "category"
    between: ClassVar[str] = ""  # units

    def units(self, begun: str) -> list[str]:
        """What has been said so far, cut as it was in training."""
        return cuts.characters(begun)

    def encode(self, texts: Sequence[str]) -> Batch:
        (text,) = texts
        category, letters = self._parts(text)
        return asked_last(column([len(self.symbols) + category, *(self.ids.get(letter, 1) for letter in letters)]))

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        """The likeliest next characters."""
        return suggested(self.symbols, y)

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        answers = []
        for text in texts:
            batch, letters = self.encode([text]), self._parts(text)[1]
            (likeliest,) = self.decode(batch, network.answers(batch)[0])
            temperature = self.temperature if options.temperature is None else options.temperature
            steps = options.length or self.length
            made = network.generate(batch.x, steps, "previous", temperature, options.seed, end=0, top_k=options.top_k)
            unknown = tuple(dict.fromkeys(letter for letter in letters if letter not in self.ids))
            said = self.between.join(filter(None, [*letters, self.spelled(made[:, 0])]))
            answers.append(Answer(said, likeliest.probabilities, unknown))
        return answers

    def spelled(self, tokens: np.ndarray) -> str:
        """The characters of answers up to the end; one that did not end has … behind it."""
        end = np.flatnonzero(tokens == 0)
        said = [self.symbols[token] for token in (tokens[: end[0]] if len(end) else tokens)]
        return self.between.join(said) + ("" if len(end) else CUT)

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        """A row for each symbol; ``column`` tells names apart."""
        categories = [self.categories[id - len(self.symbols)] for id in batch.x[0]]
        rows = nats_rows(batch, y, self.symbols)
        return [{"category": categories[int(row["column"])]} | row for row in rows]


@register("sentences")
@dataclass(frozen=True)
class SentencesOf(NamesOf):
    """A word, or ``word: The beginning``, and a sentence about it; symbols are words."""

    called: ClassVar[str] = "word"
    between: ClassVar[str] = " "
    __pydantic_config__ = STRICT

    def units(self, begun: str) -> list[str]:
        return cuts.cut("words", begun)


@register("word")
@dataclass(frozen=True)
class Word(Codec):
    """The letters of a word so far, and the rest of it. letters: start, end, and those of the word."""

    letters: Tokens
    feed: Literal["zeros", "previous"]
    length: Length

    alone = True
    input_field = output_field = "letters"
    __pydantic_config__ = STRICT

    @property
    def shape(self) -> Shape:
        size = len(self.letters)
        return Shape(inputs=size, tokens=True, outputs=size, answers="steps", loss="softmax")

    def encode(self, texts: Sequence[str]) -> Batch:
        (text,) = texts
        given = list(text.strip())
        if not given or not set(given) <= set(self.letters[2:]):
            raise unread("prompt", text, f"letters of {' '.join(self.letters[2:])}")
        return asked_last(column([self.letters.index(letter) for letter in [self.letters[0], *given]]))

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        return [Answer(next(iter(chances)), chances) for chances in distribution(self.letters, y)]

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        answers = []
        for text in texts:
            batch = self.encode([text])
            (next_one,) = self.decode(batch, network.answers(batch)[0])
            steps, heat = options.length or self.length, options.temperature or 0.0
            tokens = network.generate(batch.x, steps, self.feed, heat, options.seed, top_k=options.top_k)
            answers.append(Answer(text.strip() + self.spelled(tokens[:, 0]), next_one.probabilities))
        return answers

    def spelled(self, tokens: np.ndarray) -> str:
        """Up to the first end token; without one the word did not end, which the mark shows."""
        said = [self.letters[token] for token in tokens]
        end = self.letters[1]
        return "".join(said[: said.index(end)] if end in said else [*said, CUT])
