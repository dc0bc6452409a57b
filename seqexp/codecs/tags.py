"""Sentences, and a tag for each word."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from seqexp.codecs import STRICT, Answer, Answering, Codec, Options, Row, Tokenized, register, unread
from seqexp.codecs.classes import Tokens, symbol_ids
from seqexp.data.batch import Batch
from seqexp.data.files import composed
from seqexp.data.shape import Shape
from seqexp.data.text import Ragged


def looks(word: str) -> str:
    """A stand-in for a rare word: ``<Aed>`` for Walked, ``<0>`` for 1984, ``<a>`` in front of lower case."""
    if any(letter.isdigit() for letter in word):
        return "<0>"
    return f"<{'A' if word[:1].isupper() else 'a'}{word[-2:].lower()}>"


def tag_rows(batch: Batch, y: np.ndarray, words: Sequence[Sequence[str]], labels: Sequence[str]) -> list[Row]:
    """A row for each sentence of a batch: its words, true tags and likeliest tags, with spaces between."""
    assert batch.answered is not None
    said = np.zeros(batch.answered.shape, np.int64)
    said[batch.answered] = y.argmax(axis=0)
    rows: list[Row] = []
    for column, text in enumerate(words):
        asked = batch.answered[:, column]
        truth, answer = batch.target[asked, column], said[asked, column]
        spelled = {"truth": truth, "answer": answer}
        rows.append({"text": " ".join(text)} | {key: " ".join(labels[n] for n in of) for key, of in spelled.items()})
    return rows


def tagged(batch: Batch, y: np.ndarray, labels: Sequence[str]) -> list[Answer]:
    """Each column's likeliest tags, with spaces between."""
    assert batch.answered is not None
    said = np.zeros(batch.answered.shape, np.int64)
    said[batch.answered] = y.argmax(axis=0)
    columns = [said[batch.answered[:, column], column] for column in range(batch.size)]
    return [Answer(" ".join(labels[one] for one in column)) for column in columns]


@register("tags")
@dataclass(frozen=True)
class Tags(Tokenized):
    """Words with spaces between them; punctuation marks are words. A word that is not known goes by its looks.

    lookahead: how many words behind a word are read before its tag is told.
    """

    tokens: Tokens
    labels: Tokens
    lookahead: Annotated[int, Ge(0), Le(10_000)]

    output_field = "labels"
    __pydantic_config__ = STRICT

    @property
    def shape(self) -> Shape:
        inputs, outputs = len(self.tokens), len(self.labels)
        return Shape(inputs=inputs, tokens=True, outputs=outputs, answers="steps", loss="softmax", causal=False)

    def batch(self, words: Ragged, tags: Ragged, rows: np.ndarray) -> Batch:
        """x and target (T, B) int32; the tag of word t is asked at step t + lookahead, with no input past the end."""
        x, lengths = words.padded(rows)
        target, _ = tags.padded(rows)
        ahead = np.zeros((self.lookahead, len(rows)), np.int32)
        steps = np.arange(len(x) + self.lookahead)[:, None]
        fed = np.where(steps < lengths, np.concatenate([x, ahead]), np.int32(-1))
        answered = (steps >= self.lookahead) & (steps < lengths + self.lookahead)
        return Batch(fed, np.concatenate([ahead, target]), lengths + self.lookahead, answered)

    def encode(self, texts: Sequence[str]) -> Batch:
        ids = []
        for text in texts:
            words = composed(text).split()
            if not words:
                raise unread("text", text, "words with spaces between them")
            known = self.vocabulary.ids
            ids.append(self.vocabulary.encode([word if word in known else looks(word) for word in words]))
        words_of = Ragged.of(ids)
        return self.batch(words_of, words_of, np.arange(len(texts)))

    def steps(self, text: str, batch: Batch) -> list[str]:
        return [*composed(text).split(), *([""] * self.lookahead)]

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        return tagged(batch, y, self.labels)

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        """Unknown are words of which not even the looks are known."""
        known = self.vocabulary.ids
        answers = super().answer(network, texts, options)
        missing = [
            dict.fromkeys(w for w in composed(text).split() if w not in known and looks(w) not in known)
            for text in texts
        ]
        return [replace(one, unknown=tuple(words)) for one, words in zip(answers, missing, strict=True)]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        words = [self.vocabulary.decode(column[column >= 0]) for column in batch.x.T]
        if batch.lengths is not None:
            words = [one[: n - self.lookahead] for one, n in zip(words, batch.lengths, strict=True)]
        return tag_rows(batch, y, words, self.labels)


@register("right_context")
@dataclass(frozen=True)
class RightContextTags(Codec):
    """Words that are typed as numbers: 0 to K-1 are plain, K to 2K-1 ambiguous, 2K to 2K+3 full stops.

    Each word but the last ``ahead`` ones, and but full stops, is asked for its tag.
    """

    kinds: Annotated[int, Ge(2), Le(1_000_000)]
    ahead: Annotated[int, Ge(1)]
    marks: Annotated[int, Ge(1), Le(1000)]

    __pydantic_config__ = STRICT

    @property
    def words(self) -> int:
        return 2 * self.kinds + self.marks

    @property
    def input_words(self) -> Sequence[str]:
        return [*map(str, range(self.words))]

    @property
    def output_words(self) -> Sequence[str]:
        return [*map(str, range(self.kinds))]

    @property
    def shape(self) -> Shape:
        return Shape(inputs=self.words, tokens=True, outputs=self.kinds, answers="steps", loss="softmax", causal=False)

    def encode(self, texts: Sequence[str]) -> Batch:
        symbols = [str(number) for number in range(self.words)]
        x, lengths = Ragged.of([symbol_ids(symbols, text) for text in texts]).padded(np.arange(len(texts)))
        steps = np.arange(len(x))[:, None]
        spoken = np.array([(x[:n, b] < 2 * self.kinds).sum() for b, n in enumerate(lengths)])
        answered = (x < 2 * self.kinds) & (steps < np.minimum(lengths, spoken - self.ahead))
        if not answered.any(axis=0).all():
            raise unread("text", texts[int((~answered.any(axis=0)).argmax())], f"more than {self.ahead} words")
        return Batch(x, np.zeros(x.shape, np.int64), lengths, answered)

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        return tagged(batch, y, [str(kind) for kind in range(self.kinds)])

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        assert batch.lengths is not None
        words = [[str(id) for id in batch.x[:n, column]] for column, n in enumerate(batch.lengths)]
        return tag_rows(batch, y, words, [str(kind) for kind in range(self.kinds)])
