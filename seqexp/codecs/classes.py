"""Texts, and a class for each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge, MinLen

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
from seqexp.codecs.cuts import Cut
from seqexp.data.batch import Batch
from seqexp.data.shape import Shape
from seqexp.data.text import Ragged

Tokens = Annotated[tuple[str, ...], MinLen(1)]


def class_rows(texts: Sequence[str], labels: Sequence[str], truth: np.ndarray, y: np.ndarray) -> list[Row]:
    """Rows of text, true class, likeliest class, and each class's probability, for y (Y, N)."""
    rows: list[Row] = []
    for text, true, said, chances in zip(texts, truth, y.argmax(axis=0), distribution(labels, y), strict=True):
        row: Row = {"text": text, "truth": labels[true], "answer": labels[said]}
        rows.append(row | {f"p({label})": chances[label] for label in labels})
    return rows


@register("text_classes")
@dataclass(frozen=True)
class TextClasses(Tokenized):
    """Texts of one of some classes.

    cut:        how texts become tokens; tokens: those known, by id, the first of which is ``<unk>``.
    max_length: tokens read of each text.
    """

    cut: Cut
    tokens: Tokens
    labels: Tokens
    max_length: Annotated[int, Ge(1)]

    output_field = "labels"
    __pydantic_config__ = STRICT

    @property
    def shape(self) -> Shape:
        return Shape(inputs=len(self.tokens), tokens=True, outputs=len(self.labels), answers="last", loss="softmax")

    def _read(self, texts: Sequence[str]) -> tuple[list[np.ndarray], list[tuple[str, ...]]]:
        ids, unknown = [], []
        for text in texts:
            tokens = cuts.cut(self.cut, text)[: self.max_length]
            if not tokens:
                raise unread("text", text, "words")
            ids.append(self.vocabulary.encode(tokens))
            unknown.append(self.vocabulary.missing(tokens))
        return ids, unknown

    def steps(self, text: str, batch: Batch) -> list[str]:
        return cuts.cut(self.cut, text)[: self.max_length]

    def encode(self, texts: Sequence[str]) -> Batch:
        """x (T, B) int32, lengths (B,), in the order of the texts."""
        x, lengths = Ragged.of(self._read(texts)[0]).padded(np.arange(len(texts)))
        return Batch(x, np.zeros(len(texts), np.int64), lengths)

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        said = y.argmax(axis=0)
        chances = distribution(self.labels, y)
        return [Answer(self.labels[one], each) for one, each in zip(said, chances, strict=True)]

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        answers = super().answer(network, texts, options)
        return [replace(one, unknown=missing) for one, missing in zip(answers, self._read(texts)[1], strict=True)]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        lengths = np.full(batch.size, len(batch.x)) if batch.lengths is None else batch.lengths
        columns = [batch.x[:n, column] for column, n in enumerate(lengths)]
        texts = [cuts.joined(self.cut, self.vocabulary.decode(ids)) for ids in columns]
        return class_rows(texts, self.labels, batch.answers(), y)


@register("symbol_classes")
@dataclass(frozen=True)
class SymbolClasses(Codec):
    """Sequences of a few symbols, typed with spaces between them, each of one of some classes."""

    symbols: Tokens
    labels: Tokens

    input_field, output_field = "symbols", "labels"
    __pydantic_config__ = STRICT

    @property
    def shape(self) -> Shape:
        return Shape(inputs=len(self.symbols), tokens=True, outputs=len(self.labels), answers="last", loss="softmax")

    def encode(self, texts: Sequence[str]) -> Batch:
        """x (T, B) int32, lengths (B,). UserError where a symbol is none of those."""
        x, lengths = Ragged.of([symbol_ids(self.symbols, text) for text in texts]).padded(np.arange(len(texts)))
        return Batch(x, np.zeros(len(texts), np.int64), lengths)

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        chances = distribution(self.labels, y)
        return [Answer(next(iter(each)), each) for each in chances]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        lengths = np.full(batch.size, len(batch.x)) if batch.lengths is None else batch.lengths
        columns = [batch.x[:n, column] for column, n in enumerate(lengths)]
        texts = [" ".join(self.symbols[id] for id in ids) for ids in columns]
        return class_rows(texts, self.labels, batch.answers(), y)


def symbol_ids(symbols: Sequence[str], text: str) -> np.ndarray:
    """Ids (n,) int32 of symbols with spaces between them. UserError where there are none, or others."""
    words = text.split()
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    for word in words:
        if word not in numbers:
            raise unread("symbols", word, f"symbols of {' '.join(symbols)[:200]}, with spaces between them")
    if not words:
        raise unread("symbols", text, f"symbols of {' '.join(symbols)[:200]}")
    return np.array([numbers[word] for word in words], np.int32)
