"""Examples from arrays whose answers are values, or are told at each step: ``seqexp.run(task=(X, y))`` takes these
beside those with a class at the end (``SeriesClasses``, ``SymbolClasses``) or values at the end (``SeriesValues``)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seqexp.codecs import STRICT, Answer, Codec, Row, register
from seqexp.codecs.classes import SymbolClasses, Tokens
from seqexp.codecs.series import SeriesClasses, SeriesValues, value_answers, value_rows
from seqexp.codecs.tags import tag_rows, tagged
from seqexp.data.batch import Batch
from seqexp.data.shape import Shape


@register("symbol_values")
@dataclass(frozen=True)
class SymbolValues(SymbolClasses):
    """Symbols, typed as those of classes, and the values that ``labels`` name, told at the last step."""

    __pydantic_config__ = STRICT

    @property
    def shape(self) -> Shape:
        return replace(super().shape, loss="squared")

    def encode(self, texts: Sequence[str]) -> Batch:
        return replace(super().encode(texts), target=np.zeros((len(self.labels), len(texts))))

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        return value_answers(self.labels, y)

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        return value_rows(batch.answers(), y)


class _EachStep(Codec):
    """What is told at the last step, told at each."""

    labels: Tokens

    @property
    def shape(self) -> Shape:
        return replace(super().shape, answers="steps", causal=False)  # type: ignore[safe-super]

    def encode(self, texts: Sequence[str]) -> Batch:
        batch = super().encode(texts)  # type: ignore[safe-super]
        assert batch.lengths is not None
        target = np.zeros((len(batch.x), *batch.target.shape), batch.target.dtype)
        return replace(batch, target=target, answered=np.arange(len(batch.x))[:, None] < batch.lengths)


class _ClassEachStep(_EachStep):
    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        return tagged(batch, y, self.labels)

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        return tag_rows(batch, y, [()] * batch.size, self.labels)


class _ValuesEachStep(_EachStep):
    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        """Steps with spaces between them, a step's values with commas; a row a step."""
        assert batch.answered is not None
        column = np.nonzero(batch.answered)[1]
        told = [value_answers(self.labels, y[:, column == b]) for b in range(batch.size)]
        return [
            Answer(" ".join(one.text.replace(" ", ",") for one in steps), rows=sum((one.rows for one in steps), ()))
            for steps in told
        ]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        assert batch.answered is not None
        steps, columns = (places.tolist() for places in np.nonzero(batch.answered))
        rows = zip(columns, steps, value_rows(batch.answers(), y), strict=True)
        return [{"column": column, "step": step} | row for column, step, row in rows]


@register("series_tags")
@dataclass(frozen=True)
class SeriesTags(_ClassEachStep, SeriesClasses):
    """Series, and a class for each step."""

    __pydantic_config__ = STRICT


@register("symbol_tags")
@dataclass(frozen=True)
class SymbolTags(_ClassEachStep, SymbolClasses):
    """Symbols, and a class for each."""

    __pydantic_config__ = STRICT


@register("series_curves")
@dataclass(frozen=True)
class SeriesCurves(_ValuesEachStep, SeriesValues):
    """Series, and the values that ``labels`` name at each step."""

    __pydantic_config__ = STRICT


@register("symbol_curves")
@dataclass(frozen=True)
class SymbolCurves(_ValuesEachStep, SymbolValues):
    """Symbols, and the values that ``labels`` name at each."""

    __pydantic_config__ = STRICT
