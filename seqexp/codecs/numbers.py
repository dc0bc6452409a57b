"""Numbers and plain symbols: the marked sum, and what is to be copied."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from seqexp.codecs import STRICT, Answer, Codec, Row, register, unread
from seqexp.codecs.classes import symbol_ids
from seqexp.data.batch import Batch
from seqexp.data.shape import Shape

MARK = "*"


@register("marked_numbers")
@dataclass(frozen=True)
class MarkedNumbers(Codec):
    """Numbers with spaces between them, some of which are marked, ``0.3 0.5* 0.2 0.9*``; and their sum."""

    values: Annotated[int, Ge(1), Le(1)] = 1  # rows of an answer

    __pydantic_config__ = STRICT

    @property
    def shape(self) -> Shape:
        return Shape(inputs=2, tokens=False, outputs=1, answers="last", loss="squared")

    def encode(self, texts: Sequence[str]) -> Batch:
        """x (T, 2, B), lengths (B,)."""
        columns = [[_number(word) for word in text.split()] for text in texts]
        for text, column in zip(texts, columns, strict=True):
            if not column:
                raise unread("numbers", text, "numbers such as 0.3 0.5* 0.2 0.9*")
        lengths = np.array([len(column) for column in columns])
        x = np.zeros((int(lengths.max()), 2, len(texts)))
        for b, column in enumerate(columns):
            x[: len(column), :, b] = column
        return Batch(x, np.zeros((1, len(texts))), lengths)

    def steps(self, text: str, batch: Batch) -> list[str]:
        return text.split()

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        return [Answer(f"{value:.4g}") for value in y[0]]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        texts = [" ".join(f"{v!r}{MARK * (m > 0)}" for v, m in batch.x[:, :, b].tolist()) for b in range(batch.size)]
        values = zip(texts, batch.answers()[0], y[0], strict=True)
        return [{"text": text, "truth": float(truth), "answer": float(said)} for text, truth, said in values]


def _number(word: str) -> tuple[float, float]:
    try:
        value = float(word.removesuffix(MARK))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or not word.isascii():
        raise unread("numbers", word, "numbers with spaces between them, the marked ones with a * behind")
    return value, float(word.endswith(MARK))


@register("copying")
@dataclass(frozen=True)
class Copying(Codec):
    """Symbols with spaces between them, 0 to ``alphabet`` - 1; and the same again after ``delay`` blank steps."""

    alphabet: Annotated[int, Ge(2), Le(1_000_000)]
    delay: Annotated[int, Ge(0), Le(1_000_000)]

    alone = True
    __pydantic_config__ = STRICT

    @property
    def input_words(self) -> Sequence[str]:
        return [*map(str, range(self.alphabet)), "blank", "go"]

    @property
    def output_words(self) -> Sequence[str]:
        return [*map(str, range(self.alphabet))]

    @property
    def shape(self) -> Shape:
        inputs, outputs = self.alphabet + 2, self.alphabet
        return Shape(inputs=inputs, tokens=True, outputs=outputs, answers="steps", loss="softmax", causal=False)

    def asked(self, symbols: np.ndarray) -> Batch:
        """The batch that asks for symbols (L, B)."""
        blank, go = self.alphabet, self.alphabet + 1
        L, B = symbols.shape
        x = np.full((2 * L + self.delay, B), blank)
        x[:L] = symbols
        x[L + self.delay] = go
        target = np.zeros_like(x)
        target[-L:] = symbols
        answered = np.zeros(x.shape, bool)
        answered[-L:] = True
        return Batch(x, target, answered=answered)

    def encode(self, texts: Sequence[str]) -> Batch:
        (text,) = texts
        return self.asked(symbol_ids([str(n) for n in range(self.alphabet)], text)[:, None])

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        said = y.argmax(axis=0).reshape(-1, batch.size)  # (L, B)
        return [Answer(" ".join(map(str, column))) for column in said.T]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        truth = batch.answers().reshape(-1, batch.size)
        said = y.argmax(axis=0).reshape(-1, batch.size)
        return [
            {"truth": " ".join(map(str, one)), "answer": " ".join(map(str, other))}
            for one, other in zip(truth.T, said.T, strict=True)
        ]
