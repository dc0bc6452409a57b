"""Windows of series: what a network reads before it forecasts, on the scale of the training part."""

from typing import Literal

import numpy as np

from seqexp.data.series import interpolated

Level = Literal["train", "last"]
Missing = Literal["interpolate", "mask"]


def scaled(
    windows: np.ndarray, mean: np.ndarray, deviation: np.ndarray, level: Level, missing: Missing
) -> tuple[np.ndarray, np.ndarray]:
    """x (W, X, B) float32, or (W, 2 X, B) with ``mask``, and base (B,), what the target's values were moved by.

    windows (W, X, B): as measured, the target first, nan where a value is missing; mean, deviation (X, B): of each
    column's series. level ``last``: a window's target counts from its last known value. A gap is a straight line
    between what the window has, so that nothing behind the window is looked at.
    """
    z = (windows - mean) / deviation
    gaps = np.isnan(z)
    for column in np.flatnonzero(gaps.any(axis=(0, 1))):
        z[:, :, column] = interpolated(z[:, :, column])
    base = last_known(z, gaps) if level == "last" else np.zeros(z.shape[2])
    z[:, 0] -= base
    if missing == "mask":
        z = np.concatenate([np.where(gaps, 0, z), gaps], axis=1)
    return z.astype(np.float32), base


def last_known(windows: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """(B,): the target's last value of each window (W, X, B) that is no gap."""
    last = len(windows) - 1 - (~gaps[::-1, 0]).argmax(axis=0)
    found: np.ndarray = windows[last, 0, np.arange(windows.shape[2])]
    return found


def in_units(y: np.ndarray, base: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Answers y (H, B) in the target's own units; base, mean, deviation (B,)."""
    found: np.ndarray = (y.astype(np.float64) + base) * deviation + mean
    return found


def season_of(parts: list[np.ndarray]) -> int:
    """The lag from 2 on at which series (T,) look most like themselves, once a straight line is taken out; 1 where none
    stands out. It is a peak of the autocorrelation above 0.3, of lags up to a third of the longest series."""
    longest = max(map(len, parts))
    lags = longest // 3
    total, power = np.zeros(lags + 2), 0.0
    for part in parts:
        there = interpolated(part[:, None])[:, 0]
        steps = np.arange(len(there))
        there = there - np.polyval(np.polyfit(steps, there, 1), steps) if len(there) > 2 else there - there.mean()
        spectrum = np.fft.rfft(there, 2 * len(there))
        found = np.fft.irfft(np.abs(spectrum) ** 2)[: len(total)]
        total[: len(found)] += found
        power += float(there @ there)
    if lags < 3 or power <= 0:
        return 1
    r = total / power
    peaks = [lag for lag in range(2, lags + 1) if r[lag] > 0.3 and r[lag] >= r[lag - 1] and r[lag] >= r[lag + 1]]
    return max(peaks, key=lambda lag: (r[lag], -lag), default=1)
