"""Strings of a formal language, and at each step the set of symbols that answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqexp.codecs import STRICT, Answer, Codec, Row, register
from seqexp.codecs.classes import Tokens, symbol_ids
from seqexp.data.batch import Batch
from seqexp.data.shape import Shape
from seqexp.data.text import Ragged


@register("symbol_sets")
@dataclass(frozen=True)
class SymbolSets(Codec):
    """Symbols, typed with spaces between them; a step's answer is the symbols with a chance above 1/2.

    echo: the mark after which, without input, as many steps are asked as there were symbols; None: each step is asked.
    """

    symbols: Tokens
    echo: str | None = None

    input_field = output_field = "symbols"
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.echo is not None and self.echo not in self.symbols:
            raise ValueError(f"echo must be one of the symbols, got {self.echo!r}")

    @property
    def shape(self) -> Shape:
        return Shape(inputs=len(self.symbols), tokens=True, outputs=len(self.symbols), answers="steps", loss="sigmoid")

    def encode(self, texts: Sequence[str]) -> Batch:
        """x (T, B) int32, lengths (B,), answered (T, B). UserError where a symbol is none of those."""
        ids = [symbol_ids(self.symbols, text) for text in texts]
        first = np.zeros(len(texts), np.int64)
        if self.echo is not None:
            first = np.array([len(each) for each in ids])
            mark = self.symbols.index(self.echo)
            ids = [np.concatenate([each, [mark], np.full(len(each) - 1, -1)]).astype(np.int32) for each in ids]
        x, lengths = Ragged.of(ids).padded(np.arange(len(texts)))
        steps = np.arange(len(x))[:, None]
        answered = (steps >= first) & (steps < lengths)
        return Batch(x, np.zeros((len(x), len(self.symbols), len(texts)), np.float32), lengths, answered)

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        return [Answer(said) for said in self._sets(batch, y > 0)]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        """A row for each string: what was read, the right sets and those answered, with spaces between."""
        read = [" ".join(self.symbols[id] for id in column if id >= 0) for column in batch.x.T]
        both = zip(read, self._sets(batch, batch.answers() > 0), self._sets(batch, y > 0), strict=True)
        return [{"text": text, "truth": truth, "answer": answer} for text, truth, answer in both]

    def _sets(self, batch: Batch, chosen: np.ndarray) -> list[str]:
        """Each column's sets, of chosen (Y, N): a or b is ``ab``, and none is ``-``."""
        assert batch.answered is not None
        columns: list[list[str]] = [[] for _ in range(batch.size)]
        for column, of_step in zip(np.nonzero(batch.answered)[1].tolist(), chosen.T, strict=True):
            symbols = "".join(self.symbols[row] for row in np.flatnonzero(of_step))
            columns[column].append(symbols or "-")
        return [" ".join(column) for column in columns]
