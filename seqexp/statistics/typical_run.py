"""The typical run: which model wins on a fresh seed, from a fixed number of runs of each.

    theta = P(a's run is better than b's) + P(they tie) / 2, of two independent runs.

A run without a score (failed, diverged) loses against every run with one; two of them tie. Nothing else is asked of the
scores: theta knows their order and no mean, so that a model which wins in most seeds and fails in a few is better here.
Whether it is better on average is another question, and `mean_difference` answers it.

Runs are compared all with all, not seed with seed. Scores of two models that share a seed have a correlation of 0.04
here: there is nothing to gain from pairing, and what it leaves out costs a third of the pairs' information. A
positive correlation makes the test careful; models that share more than the seed (one split that is hard for both) keep
the level too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from seqexp.statistics import brunner_munzel
from seqexp.statistics.families import reachable
from seqexp.statistics.pairs import ROUNDING, Direction, Verdict, at_most, checked

Scores = Sequence[float | None] | np.ndarray
POWER = 0.8  # the probability that `more` more runs give a verdict
MOST_RUNS = 10_000  # a larger number is no useful advice


@dataclass(frozen=True)
class TypicalRun:
    """What n runs of a and m of b say about a fresh run of each.

    probability: theta; low, high: its interval at the given level, which has 1/2 inside where p is above 1 - level.
    p:           two-sided, of theta = 1/2.
    p_equivalent: of the opposite of equivalent: in half of all pairs of runs, one of the two is ahead by more than the
                 margin.
    verdict:     at this level, for this claim alone. `verdict_at` judges a p that was corrected for others.
    unseen:      1 - (1 - level)^(1 / min(n, m)): this share of one model's runs may well end differently from all seen.
    reachable:   whether so few runs can decide, as one of ``claims`` claims: six of each for one claim at 0.95.
    more:        how many more runs of each would decide with probability 0.8, if the shares and their spread stay as
                 seen (Noether 1987); 0 with a verdict, None where 10,000 would not suffice.
    """

    probability: float
    low: float
    high: float
    p: float
    p_equivalent: float
    n: int
    m: int
    verdict: Verdict
    unseen: float
    reachable: bool
    more: int | None = 0

    @property
    def p_claim(self) -> float:
        """The p of the verdict; of the difference where there is none."""
        return self.p_equivalent if self.verdict == "equivalent" else self.p

    def verdict_at(self, p_corrected: float, level: float) -> Verdict:
        """The verdict once `p_claim` was corrected for the other claims of a family."""
        return self.verdict if at_most(p_corrected, 1 - level) else "not resolved"


def typical_run(
    a: Scores, b: Scores, *, direction: Direction, margin: float, level: float = 0.95, claims: int = 1
) -> TypicalRun:
    """Judge scores a (n,) against b (m,); None or nan is a run without a score. ``margin``: what does not matter.

    equivalent:   a is behind by no more than the margin in most pairs of runs, and ahead by no more than the margin in
                  most (their median difference lies within it), each at (1 - level) / 2. It comes first, since a
                  difference that is certain but does not matter is no victory.
    better/worse: theta is above or below 1/2, two-sided at 1 - level.

    Raises ValueError for no runs or senseless settings.
    """
    alpha = checked(direction, margin, level)
    left, right = oriented(a, direction), oriented(b, direction)
    if not (left.ndim == right.ndim == 1 and left.size and right.size):
        raise ValueError(f"a and b must be scores (n,) and (m,) of at least one run, got {left.shape}, {right.shape}")
    p_better, p_worse, p_equivalent = map(float, p_values(left, right, margin))
    p = min(1.0, 2 * min(p_better, p_worse))
    theta, low, high = map(float, probability(left, right, p_better, p_worse, level))
    verdict: Verdict = "not resolved"
    if at_most(p_equivalent, alpha):
        verdict = "equivalent"
    elif at_most(p, alpha):
        verdict = "better" if theta > 0.5 else "worse"
    fewest = min(left.size, right.size)
    return TypicalRun(
        probability=theta,
        low=low,
        high=high,
        p=p,
        p_equivalent=p_equivalent,
        n=left.size,
        m=right.size,
        verdict=verdict,
        unseen=1 - alpha ** (1 / fewest),
        reachable=reachable(2.0 ** (1 - fewest), claims, level),
        more=0 if verdict != "not resolved" else _more(left, right, margin, alpha),
    )


def oriented(scores: Scores, direction: Direction) -> np.ndarray:
    """Scores of which larger is better; -inf for a run without one."""
    values = np.array(scores, float)  # None becomes nan
    return np.where(np.isfinite(values), values if direction == "max" else -values, -np.inf)


def p_values(a: np.ndarray, b: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """p (...,) of better and of worse, one-sided, and of equivalent, twice the larger of its two; a (..., n), b (...,
    m) are `oriented`."""
    within = _within(a, b, margin)
    not_worse, not_better = _p_larger(a + within, b), _p_larger(b + within, a)
    return *p_sides(a, b), np.minimum(1, 2 * np.maximum(not_worse, not_better))


def p_sides(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p (...,) of better and of worse, one-sided; a (..., n), b (..., m) are `oriented`."""
    return _p_larger(a, b), _p_larger(b, a)


def probability(
    a: np.ndarray, b: np.ndarray, p_better: np.ndarray | float, p_worse: np.ndarray | float, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """theta (...,) and its interval; the test decides on which side of 1/2 it ends."""
    counts = brunner_munzel.blocks(a, b)
    theta, _ = brunner_munzel.share_and_variance(*counts)
    low, high = brunner_munzel.share_interval(*counts, level)
    error = (1 - level) / 2 * (1 + 1e-9)  # 1 - level is rounded
    low = np.where(p_better <= error, np.maximum(low, 0.5), np.minimum(low, 0.5))
    return theta, low, np.where(p_worse <= error, np.minimum(high, 0.5), np.maximum(high, 0.5))


def _p_larger(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return brunner_munzel.p_larger(*brunner_munzel.blocks(a, b))


def _within(a: np.ndarray, b: np.ndarray, margin: float) -> float:
    """The largest difference that does not matter: one as large as the margin does not, whatever its rounding."""
    size = max(np.abs(each[np.isfinite(each)]).max(initial=margin) for each in (a, b))
    return margin + 4 * ROUNDING * float(size)


def _more(a: np.ndarray, b: np.ndarray, margin: float, alpha: float) -> int | None:
    """The fewest further runs of each with power 0.8, by the normal distribution of the share."""
    n, within = min(a.size, b.size), _within(a, b, margin)
    differs = _runs(a, b, alpha) or _runs(b, a, alpha)
    sides = [_runs(a + within, b, alpha), _runs(b + within, a, alpha)]
    equivalent = [] if None in sides else [max(side for side in sides if side is not None)]
    total = min([*([differs] if differs else []), *equivalent], default=MOST_RUNS)
    return max(total - n, 1) if total < MOST_RUNS else None


def _runs(a: np.ndarray, b: np.ndarray, alpha: float) -> int | None:
    """Runs of each that would show a share above 1/2 at alpha / 2; None where it is not above it."""
    share, variance = map(float, brunner_munzel.share_and_variance(*brunner_munzel.blocks(a, b)))
    if share <= 0.5:
        return None
    z = float(special.ndtri(1 - alpha / 2) + special.ndtri(POWER))
    quantiles = special.stdtrit(max(a.size + b.size - 2, 1), 1 - alpha / 2), special.ndtri(1 - alpha / 2)
    variance *= float(quantiles[0] / quantiles[1]) ** 2  # it is estimated, as in the interval
    fewest = math.ceil(1 - math.log2(alpha) - 1e-9)  # even if every run of a beats every run of b
    return max(fewest, math.ceil(min(a.size, b.size) * variance * (z / (share - 0.5)) ** 2))
