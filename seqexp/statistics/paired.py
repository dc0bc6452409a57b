"""Paired seeds of two models: the difference, its uncertainty, and a verdict.

The unit of replication is the seed: pair i holds the two models' scores after training on the same data with seed i.
`paired` judges a fixed number of pairs; `Sequential` judges after every pair and may stop at any of them.
docs/statistics.md explains both with formulas, and has the table that shows how often they are wrong.

Source: t interval, Student 1908; sign flips, Fisher 1935, section 21; two one-sided tests, Schuirmann 1987; exact
interval of a proportion, Clopper and Pearson 1934.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from seqexp.statistics.pairs import (
    Direction,
    Verdict,
    at_most,
    checked,
    clopper_pearson,
    differences,
    half_width,
    sign_flip,
)
from seqexp.statistics.sequential import Sequential

__all__ = ["Direction", "Paired", "Sequential", "Verdict", "paired", "sign_flip"]

POWER = 0.8  # the probability that `more_seeds` more seeds give a verdict, if the observed effect is the true one
MOST_SEEDS = 10_000  # a larger number is no useful advice


@dataclass(frozen=True)
class Paired:
    """What n paired seeds say about models a and b. Positive effects mean that a is better, whatever the direction.

    effect:      mean difference, in the metric's units; low, high: its t interval at the given level.
    sd:          standard deviation of the differences (n - 1 in the denominator); nan for one pair.
    wins:        share of pairs that a won, ties counting half.
    p_sign_flip: two-sided p of the sign-flip test; p_t: of the paired t test.
    p_superior:  probability that a beats b on a fresh seed, ties half: wins, with the interval p_low, p_high.
    more_seeds:  how many more seeds would, with probability 0.8, give a verdict if the true effect and spread are the
                 observed ones; 0 with a verdict, None if one pair hides the spread or 10,000 seeds would not suffice.
    unseen:      1 - (1 - level)^(1/n), the share of seeds that may well end differently from all of these n (0.45 for
                 five at 0.95). "equivalent" says nothing about them: one model may fail in that share.
    reachable:   whether n pairs can call a model better at all: 2 / 2^n <= 1 - level, six pairs for 0.95.
    """

    effect: float
    low: float
    high: float
    sd: float
    n: int
    wins: float
    p_sign_flip: float
    p_t: float
    p_superior: float
    p_low: float
    p_high: float
    verdict: Verdict
    more_seeds: int | None
    unseen: float
    reachable: bool


def paired(
    a: Sequence[float] | np.ndarray,
    b: Sequence[float] | np.ndarray,
    *,
    direction: Direction,
    margin: float,
    level: float = 0.95,
) -> Paired:
    """Judge scores a (n,) against b (n,) of the same seeds; ``margin``, in the metric's units, is what does not matter.

    The verdict is the first of these that holds, with alpha = 1 - level:

    equivalent:   the interval [low, high] lies within +- margin, and 2^-n <= alpha (five pairs). The interval is
                  the displayed one, at ``level``. Schuirmann's classical test uses the one at 1 - 2 alpha, so here the
                  chance to overlook a difference as large as the margin is only alpha / 2. The minimum of pairs exists
                  because a few equal pairs, such as two models that both score 1.0, have an interval of zero width but
                  prove little. It comes first: a difference that is certain but does not matter is no victory.
    better/worse: the interval excludes 0 *and* the sign-flip test has p <= alpha. The second holds alpha exactly,
                  whatever the distribution of the scores, if d is symmetric about 0 where nobody is better; swapping
                  the labels of one model makes it so. The first makes the verdict agree with the interval.
    not resolved: otherwise.

    The interval of ``p_superior`` is Clopper and Pearson's with half counts for ties, which can only narrow the
    distribution.

    Raises ValueError for no pairs, unequal lengths, scores that are not finite, or senseless settings.
    """
    alpha = checked(direction, margin, level)
    d = differences(a, b, direction)
    n = d.size
    effect, sd = float(d.mean()), float(d.std(ddof=1)) if n > 1 else math.nan
    if n > 1 and np.ptp(d) == 0:
        effect, sd = float(d[0]), 0.0  # the mean of equal numbers may differ from them by rounding
    half = half_width(sd, n, level) if n > 1 else math.inf
    low, high = effect - half, effect + half
    wins = float(np.mean((d > 0) + 0.5 * (d == 0)))
    p_low, p_high = clopper_pearson(n * wins, n, level)
    p_flip = sign_flip(d)
    verdict = _verdict(low, high, n, p_flip, margin, alpha)
    return Paired(
        effect=effect,
        low=low,
        high=high,
        sd=sd,
        n=n,
        wins=wins,
        p_sign_flip=p_flip,
        p_t=_t_test(effect, sd, n),
        p_superior=wins,
        p_low=p_low,
        p_high=p_high,
        verdict=verdict,
        more_seeds=_more_seeds(effect, sd, n, margin, alpha) if verdict == "not resolved" else 0,
        unseen=1 - alpha ** (1 / n),
        reachable=at_most(2.0 ** (1 - n), alpha),
    )


# -- parts -----------------------------------------------------------------------------------------------------------


def _t_test(effect: float, sd: float, n: int) -> float:
    if n < 2:
        return 1.0
    if sd == 0:
        return 1.0 if effect == 0 else 0.0
    return float(2 * special.stdtr(n - 1, -abs(effect) / sd * math.sqrt(n)))


def _verdict(low: float, high: float, n: int, p_flip: float, margin: float, alpha: float) -> Verdict:
    if -margin <= low and high <= margin and at_most(2.0**-n, alpha):
        return "equivalent"
    if (low > 0 or high < 0) and at_most(p_flip, alpha):
        return "better" if low > 0 else "worse"
    return "not resolved"


def _more_seeds(effect: float, sd: float, n: int, margin: float, alpha: float) -> int | None:
    """The fewest further pairs with power 0.8, by the noncentral t distribution."""
    if n < 2:
        return None

    def enough(m: int) -> bool:
        critical = special.stdtrit(m - 1, 1 - alpha / 2)
        scale = math.sqrt(m) / sd if sd else math.inf

        def passes(distance: float) -> float:  # the chance that the interval lies above a point this far below
            if sd == 0 or distance * scale > 100:
                return float(distance >= 0)
            return float(1 - special.nctdtr(m - 1, distance * scale, critical)) if distance > 0 else 0.0

        differs = passes(abs(effect)) if abs(effect) > 0 and at_most(2.0 ** (1 - m), alpha) else 0.0
        inside = passes(margin - effect) + passes(margin + effect) - 1 if at_most(2.0**-m, alpha) else 0.0
        return max(differs, inside) >= POWER

    # The power grows with the seeds: double until they suffice, then halve the gap.
    few, many = n, n + 1
    while not enough(many):
        if many >= MOST_SEEDS:
            return None
        few, many = many, min(2 * many, MOST_SEEDS)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many - n
