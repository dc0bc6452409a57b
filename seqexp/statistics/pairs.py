"""Pairs of scores of the same seed: the signs of their differences, and the intervals of a mean and of a share.

d (n,) holds the differences of n pairs, oriented so that positive means "a is better".
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import special  # the same distributions as scipy.stats has, a hundred times faster for single numbers

from seqexp.numerics.rng import Purpose, stream

Direction = Literal["max", "min"]
Verdict = Literal["better", "worse", "equivalent", "not resolved"]

EXACT = 32  # up to this many pairs, every one of the 2^n sign patterns is counted
FLIPS = 99_999  # random patterns above that; with d's own, 100,000
ROUNDING = 1e-12  # differences this small, relative to their scores, are ties


def checked(direction: str, margin: float, level: float) -> float:
    """alpha = 1 - level. ValueError for settings that make no sense."""
    if direction not in ("max", "min"):
        raise ValueError(f'direction must be "max" or "min", got {direction!r}')
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"margin must be a finite number >= 0, got {margin}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95, got {level}")
    return 1 - level


def differences(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray, direction: Direction) -> np.ndarray:
    """d (n,): positive where a is better, 0 where the scores differ only by rounding."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.ndim != 1 or a.shape != b.shape or not a.size:
        raise ValueError(f"a and b must be scores (n,) of the same n >= 1 seeds, got {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("scores must be finite: leave out the pairs of runs that diverged, and say how many")
    d = a - b if direction == "max" else b - a
    return np.where(np.abs(d) <= ROUNDING * np.maximum(np.abs(a), np.abs(b)), 0.0, d)


def at_most(p: float, alpha: float) -> bool:
    return p <= alpha * (1 + 1e-9)  # 1 - level is rounded


def half_width(sd: float, n: int, level: float) -> float:
    """Half the width of the t interval of the mean of n >= 2 values, t sd / sqrt(n) (Student 1908)."""
    return float(special.stdtrit(n - 1, 1 - (1 - level) / 2)) * sd / math.sqrt(n)


def half_interval(values: Sequence[float], level: float = 0.95) -> float:
    """Half the width of the t interval of the mean; nan for fewer than two values.

    For a few seeds with skewed scores, the interval covers the mean less often than ``level`` says.
    """
    if len(values) < 2:
        return math.nan
    return half_width(float(np.std(values, ddof=1)), len(values), level)


def clopper_pearson(count: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share, count / n (Clopper and Pearson 1934); ties may count half."""
    error = (1 - level) / 2
    low = float(special.betaincinv(count, n - count + 1, error)) if count > 0 else 0.0
    high = float(special.betaincinv(count + 1, n - count, 1 - error)) if count < n else 1.0
    return low, high


def sign_flip(d: Sequence[float] | np.ndarray) -> float:
    """Two-sided p of the sign-flip test of d (n,): the share of the 2^n sign patterns whose |sum| is at least d's.

    Up to 32 pairs every pattern is counted, the sums of one half of the pairs looked up among those of the other
    (Horowitz and Sahni 1974). Above, 99,999 patterns are drawn from a fixed seed, and d's own counts as one more, so
    that p is valid and never 0 (Phipson and Smyth 2010). Sums that differ by rounding only are equal.
    """
    d = np.asarray(d, float)
    reached = abs(d.sum()) - ROUNDING * np.abs(d).sum()
    d, n = np.sort(np.abs(d)), d.size  # all patterns of these; the order and signs given must not matter
    if reached <= 0:
        return 1.0
    if n <= EXACT:
        left, right = _all_sums(d[::2]), np.sort(_all_sums(d[1::2]))
        above = right.size - np.searchsorted(right, reached - left)  # of each left sum
        # Every pattern has an opposite one, so both tails together are twice the upper one.
        return float(2 * above.sum() / 2.0**n)
    rng, hits = stream(0, Purpose.SAMPLE, n), 0
    for block in np.array_split(np.arange(FLIPS), 100):  # 1,000 patterns at a time bound the memory
        signs = rng.integers(0, 2, (block.size, n), dtype=np.int8) * 2.0 - 1
        hits += int((np.abs(signs @ d) >= reached).sum())
    return (1 + hits) / (1 + FLIPS)


def _all_sums(d: np.ndarray) -> np.ndarray:
    """(2^n,), the sums of d (n,) over all sign patterns."""
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return sums
