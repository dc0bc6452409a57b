"""Series of numbers: gaps filled, and channels put on one scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqexp.data.batch import Split
from seqexp.system.errors import UserError

MISSING = ("", "?", "nan", "na", "null", "none")  # how a missing value is written, in small letters


@dataclass(frozen=True)
class Labelled:
    """series: one (T, X) float64 each, nan where a value is missing; labels: its class; channels: their names."""

    series: list[np.ndarray]
    labels: list[str]
    channels: tuple[str, ...]


def refuse_unlike(source: str, channels: Mapping[Split, int]) -> None:
    """UserError where the parts have different numbers of channels."""
    if len({*channels.values()}) > 1:
        told = ", ".join(f"{split} {count}" for split, count in channels.items())
        raise UserError(f"task.source: {source}: expected as many channels in each part; got {told}")


def interpolated(one: np.ndarray) -> np.ndarray:
    """A series (T, X) without gaps: a straight line between neighbours, and the nearest value at both ends."""
    steps, filled = np.arange(len(one)), one.copy()
    for channel in filled.T:
        gap = np.isnan(channel)
        if gap.any():
            channel[gap] = np.interp(steps[gap], steps[~gap], channel[~gap])
    return filled


@dataclass(frozen=True)
class Scale:
    """(x - mean) / deviation of each channel, as a training part has them."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, series: Sequence[np.ndarray]) -> "Scale":
        """A channel that never changes is only moved to 0."""
        steps = np.concatenate(series)
        deviation = np.nanstd(steps, axis=0)
        return cls(tuple(np.nanmean(steps, axis=0).tolist()), tuple(np.where(deviation > 0, deviation, 1.0).tolist()))

    def __call__(self, one: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = (one - np.array(self.mean)) / np.array(self.deviation)
        return scaled
