"""The mean: which model is better on average over seeds, as far as the scores' range lets so few seeds know.

A rare failure moves the mean, and n seeds may not contain one. If all n agree, 1 - alpha^(1/n) of all seeds may still
end
anyhow: 26 % at ten seeds. How far these can move the mean depends on the worst possible score. So there are two
answers:

- with a range (accuracy lies in 0..1, or nothing is worse than without memory): the interval of `betting` for the mean
  of the differences, which holds for all scores of that range. Nothing else is assumed. A run without a score counts as
  the worst score of the range.
- without one (perplexity, squared error): no test of the mean holds its level for all distributions and still finds
  anything, for whatever n (Bahadur and Savage 1956). What is given is Student's interval of the finished runs. It
  assumes that no seed is far from those seen, and no claim is made from it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seqexp.statistics import betting
from seqexp.statistics.pairs import Direction, at_most, checked, half_width
from seqexp.statistics.typical_run import oriented

Known = Literal["better", "worse", "not resolved", "unknown"]
MOST_SEEDS = 10_000  # a larger number is no useful advice


@dataclass(frozen=True)
class MeanDifference:
    """Mean score of a less that of b, positive where a is better, in the metric's units.

    low, high: its interval; bounded: whether it holds whatever the scores' distribution in their range is.
    p:         two-sided, of equal means; 1 if not bounded.
    verdict:   "unknown" if not bounded: the interval then rests on what `assumption` says.
    n:         pairs of seeds used; left_out: pairs without both scores, which only a range can count.
    unseen:    1 - (1 - level)^(1/n): this share of seeds may well end differently from all of these.
    needed:    seeds that a verdict would take if each showed this very difference; None above 10,000 or if unbounded.
    """

    effect: float
    low: float
    high: float
    p: float
    bounded: bool
    verdict: Known
    n: int
    left_out: int
    unseen: float
    needed: int | None

    @property
    def assumption(self) -> str:
        if self.bounded:
            return "no score lies outside the metric's range"
        return "no seed ends far from those seen: the metric has no worst score, so that one rare failure could undo it"


def mean_difference(
    a: Sequence[float | None] | np.ndarray,
    b: Sequence[float | None] | np.ndarray,
    *,
    direction: Direction,
    bounds: tuple[float, float] | None,
    level: float = 0.95,
    anytime: bool = False,
) -> MeanDifference:
    """Judge the means of scores a (n,) and b (n,) of the same seeds, in their order; None or nan is a run without a
    score.

    bounds:  smallest and largest possible score, or None if there is none.
    anytime: whether the number of seeds was chosen while looking; only with bounds.

    Raises ValueError for scores outside the bounds, unequal numbers or senseless settings.
    """
    alpha = checked(direction, 0.0, level)
    left, right = oriented(a, direction), oriented(b, direction)
    if left.shape != right.shape or left.ndim != 1 or not left.size:
        raise ValueError(f"a and b must be scores (n,) of the same n >= 1 seeds, got {left.shape} and {right.shape}")
    if bounds is None:
        return _unbounded(left, right, level)
    worst, best = bounds if direction == "max" else (-bounds[1], -bounds[0])
    scored = np.concatenate([left[np.isfinite(left)], right[np.isfinite(right)]])
    if not worst < best or (scored < worst).any() or (scored > best).any():
        raise ValueError(f"bounds must hold all scores, low < high, got {bounds} for scores {a} and {b}")
    d = np.maximum(left, worst) - np.maximum(right, worst)
    range_ = best - worst
    x = np.clip((d / range_ + 1) / 2, 0, 1)
    low, high = ((2 * float(end) - 1) * range_ for end in betting.mean_interval(x, level, anytime=anytime))
    sides = betting.p_larger(np.stack([x, 1 - x]), 0.5, anytime=anytime)
    p, effect = min(1.0, 2 * float(sides.min())), float(d.mean())
    verdict: Known = "not resolved"
    if at_most(p, alpha):
        verdict = "better" if sides[0] < sides[1] else "worse"
    unseen = 1 - alpha ** (1 / d.size)
    return MeanDifference(effect, low, high, p, True, verdict, d.size, 0, unseen, _needed(abs(effect) / range_, alpha))


def _unbounded(a: np.ndarray, b: np.ndarray, level: float) -> MeanDifference:
    both = np.isfinite(a) & np.isfinite(b)
    d = a[both] - b[both]
    n, left_out = d.size, int((~both).sum())
    effect = float(d.mean()) if n else math.nan
    half = half_width(float(d.std(ddof=1)), n, level) if n > 1 else math.inf
    unseen = 1 - (1 - level) ** (1 / n) if n else 1.0
    return MeanDifference(effect, effect - half, effect + half, 1.0, False, "unknown", n, left_out, unseen, None)


def _needed(effect: float, alpha: float) -> int | None:
    """The fewest seeds that all show this effect, as a part of the range, and refute 0."""

    def enough(n: int) -> bool:
        return bool(np.mean((1 + betting.STAKES * effect) ** n) >= 2 / alpha * (1 - 1e-9))

    return next((n for n in range(1, MOST_SEEDS + 1) if enough(n)), None) if effect > 0 else None
