"""Series of numbers, and a class for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import MinLen

from seqexp.codecs import STRICT, Answer, Codec, Row, distribution, register, unread
from seqexp.codecs.classes import Tokens, class_rows
from seqexp.data.batch import Batch
from seqexp.data.series import MISSING, Scale, interpolated
from seqexp.data.shape import Shape

Missing = Literal["interpolate", "mask"]


def columns(series: Sequence[np.ndarray], scale: Scale, missing: Missing) -> tuple[np.ndarray, np.ndarray]:
    """x (T, X, B) float32 and lengths (B,) of series (T, X) with nan where a value is missing.

    mask: a missing value is the channel's mean, and as many channels again say where one is missing.
    """
    lengths = np.array([len(one) for one in series])
    width = len(scale.mean) * (2 if missing == "mask" else 1)
    x = np.zeros((int(lengths.max()), width, len(series)), np.float32)
    for b, one in enumerate(series):
        if missing == "mask":
            gaps = np.isnan(one)
            x[: len(one), :, b] = np.concatenate([np.where(gaps, 0, scale(one)), gaps], axis=1)
        else:
            x[: len(one), :, b] = scale(interpolated(one))
    return x, lengths


@register("series_classes")
@dataclass(frozen=True)
class SeriesClasses(Codec):
    """Series, typed as steps with spaces between them, a step's channels with commas: ``0.1,2 0.3,? 0.2,1.5``; a ?
    is missing. mean, deviation: of the training part's channels."""

    labels: Tokens
    mean: Annotated[tuple[float, ...], MinLen(1)]
    deviation: Annotated[tuple[float, ...], MinLen(1)]
    missing: Missing

    output_field = "labels"
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.deviation) or min(self.deviation) <= 0:
            raise ValueError("mean and deviation must be as many, and each deviation above 0")

    @property
    def scale(self) -> Scale:
        return Scale(self.mean, self.deviation)

    @property
    def shape(self) -> Shape:
        inputs = len(self.mean) * (2 if self.missing == "mask" else 1)
        return Shape(inputs=inputs, tokens=False, outputs=len(self.labels), answers="last", loss="softmax")

    def encode(self, texts: Sequence[str]) -> Batch:
        x, lengths = columns([self._read(text) for text in texts], self.scale, self.missing)
        return Batch(x, np.zeros(len(texts), np.int64), lengths)

    def _read(self, text: str) -> np.ndarray:
        width = len(self.mean)
        expected = f"steps with spaces between them, each of {width} numbers with commas between"
        try:
            steps = [
                [np.nan if v.strip().lower() in MISSING else float(v) for v in step.split(",")] for step in text.split()
            ]
            one = np.array(steps, np.float64)
        except ValueError:
            raise unread("series", text, expected) from None
        if one.ndim != 2 or one.shape[1] != width or np.isinf(one).any() or np.isnan(one).all(axis=0).any():
            raise unread("series", text, expected)
        return one

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        return [Answer(next(iter(each)), each) for each in distribution(self.labels, y)]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        assert batch.lengths is not None
        return class_rows(["" for _ in range(batch.size)], self.labels, batch.answers(), y)


@register("row_classes")
@dataclass(frozen=True)
class RowClasses(SeriesClasses):
    """A row of numbers, typed with commas or spaces between them, and its class; a ? is missing where some were in
    training."""

    __pydantic_config__ = STRICT

    def _read(self, text: str) -> np.ndarray:
        expected = f"{len(self.mean)} numbers with commas or spaces between them"
        words = text.replace(",", " ").replace(";", " ").split()
        try:
            row = np.array([np.nan if word.lower() in MISSING else float(word) for word in words])
        except ValueError:
            raise unread("row", text, expected) from None
        gaps = np.isnan(row)
        if (
            row.shape != (len(self.mean),)
            or np.isinf(row).any()
            or gaps.all()
            or (gaps.any() and self.missing != "mask")
        ):
            raise unread("row", text, expected)
        return row[None]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        width, x = len(self.mean), batch.x[0].astype(np.float64)  # (X, B)
        values = x[:width] * np.array(self.deviation)[:, None] + np.array(self.mean)[:, None]
        if self.missing == "mask":
            values[x[width:] > 0] = np.nan
        texts = [" ".join("?" if np.isnan(v) else f"{v:.9g}" for v in row) for row in values.T]
        return class_rows(texts, self.labels, batch.answers(), y)


def typed(series: np.ndarray) -> str:
    """A series (T, X) or (T,) as it would be typed, to the last bit; tokens (T,) as symbols."""
    return " ".join(",".join(map(repr, np.atleast_1d(step).tolist())) for step in series)
