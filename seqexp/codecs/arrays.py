"""Examples of which values are told, or something at each step: ``seqexp.run(task=(X, y))`` takes these beside those of
which a class is told at the end (``SeriesClasses``, ``SymbolClasses``)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seqexp.codecs import STRICT, Answer, Codec, Row, register
from seqexp.codecs.classes import SymbolClasses, Tokens
from seqexp.codecs.series import SeriesClasses
from seqexp.codecs.tags import tag_rows, tagged
from seqexp.data.batch import Batch
from seqexp.data.shape import Shape


class _Values(Codec):
    """Values that ``labels`` name, told where a class would be."""

    labels: Tokens

    @property
    def shape(self) -> Shape:
        return replace(super().shape, loss="squared")  # type: ignore[safe-super]

    def encode(self, texts: Sequence[str]) -> Batch:
        batch = super().encode(texts)  # type: ignore[safe-super]
        return replace(batch, target=np.zeros((len(self.labels), len(texts))))

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        named = [dict(zip(self.labels, column.tolist(), strict=True)) for column in y.T]
        return [Answer(" ".join(f"{value:.6g}" for value in one.values()), rows=(dict(one),)) for one in named]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        """Several values of one answer stand with spaces between them."""
        columns = zip(batch.answers().T.tolist(), y.T.tolist(), strict=True)
        if len(self.labels) == 1:
            return [{"truth": truth, "answer": said} for (truth,), (said,) in columns]
        return [{"truth": " ".join(map(repr, truth)), "answer": " ".join(map(repr, said))} for truth, said in columns]


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


class _ValuesEachStep(_EachStep, _Values):
    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        """Steps with spaces between them, a step's values with commas; a row a step."""
        assert batch.answered is not None
        of_steps, columns = super().decode(batch, y), np.nonzero(batch.answered)[1]
        told: list[list[Answer]] = [[] for _ in range(batch.size)]
        for column, one in zip(columns.tolist(), of_steps, strict=True):
            told[column].append(one)
        return [
            Answer(" ".join(one.text.replace(" ", ",") for one in steps), rows=tuple(one.rows[0] for one in steps))
            for steps in told
        ]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        assert batch.answered is not None
        steps, columns = (places.tolist() for places in np.nonzero(batch.answered))
        rows = zip(columns, steps, super().record(batch, y), strict=True)
        return [{"column": column, "step": step} | row for column, step, row in rows]


@register("series_values")
@dataclass(frozen=True)
class SeriesValues(_Values, SeriesClasses):
    """Series, typed as those of classes, and values told at the last step."""

    __pydantic_config__ = STRICT


@register("symbol_values")
@dataclass(frozen=True)
class SymbolValues(_Values, SymbolClasses):
    """Symbols, typed as those of classes, and values told at the last one."""

    __pydantic_config__ = STRICT


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
class SeriesCurves(_ValuesEachStep, SeriesClasses):
    """Series, and values at each step."""

    __pydantic_config__ = STRICT


@register("symbol_curves")
@dataclass(frozen=True)
class SymbolCurves(_ValuesEachStep, SymbolClasses):
    """Symbols, and values at each."""

    __pydantic_config__ = STRICT
