"""The typical run, tested sequentially: one may look for a verdict after every pair of seeds, and stop at any."""

import math

import numpy as np

from seqexp.statistics import betting
from seqexp.statistics.pairs import Direction, Verdict, checked, differences


class Sequential:
    """A test of which model wins on a fresh seed; however often one looks, it is wrong in at most 1 - level of cases.

    Pair i of seeds has the outcome x_i: 1 if a wins, 0 if b does, 1/2 for a tie. A run without a score (failed,
    diverged) loses; if both have none, it is a tie. Two gamblers of `betting` bet that theta, the mean of x, is above
    and below 1/2.

    better, worse: the first or the second gambler holds 2 / alpha, 40 for level 0.95 (seven pairs at the earliest).
    equivalent:    the first holds it if pairs count as won in which a is behind by the margin at most, and the second
                   if those count as lost in which a is ahead by the margin at most. Each model is ahead by more than
                   the margin in less than half of all seeds.
    A verdict stands from then on. Only signs are bet on. So the scores need no shape, no symmetry and no mean; a bet on
    sizes would need differences that are symmetric where nobody is better, and one model that fails in a twentieth of
    its seeds is enough to break that.

    Source: Waudby-Smith and Ramdas 2024; tests by betting in general, Ramdas et al. 2020, Shafer 2021.
    """

    def __init__(self, level: float, margin: float, max_seeds: int, direction: Direction, claims: int = 1) -> None:
        """``claims``: how many claims are made together; each then needs so many times the wealth (Bonferroni). Raises
        ValueError for senseless settings."""
        alpha = checked(direction, margin, level)
        if max_seeds < 1:
            raise ValueError(f"max_seeds must be at least 1, got {max_seeds}")
        if claims < 1:
            raise ValueError(f"claims must be at least 1, got {claims}")
        self.level, self.margin, self.max_seeds, self.direction = level, margin, max_seeds, direction
        self._error = alpha / 2 / claims  # of one gambler
        self._d: list[float] = []  # infinite where one run has no score, nan where both have none
        self.verdict: Verdict = "not resolved"

    @property
    def n(self) -> int:
        """The number of pairs so far."""
        return len(self._d)

    @property
    def done(self) -> bool:
        """Whether there is a verdict, or ``max_seeds`` pairs are used."""
        return self.verdict != "not resolved" or self.n >= self.max_seeds

    @property
    def reachable(self) -> bool:
        """Whether ``max_seeds`` pairs that a wins bring a verdict: seven do at level 0.95."""
        return betting.reachable(self.max_seeds, self._error)

    @property
    def p(self) -> float:
        """Two-sided p of theta = 1/2, valid at any time of looking."""
        return min(1.0, 2 * min(self._p(outcomes(self._d))))

    @property
    def p_equivalent(self) -> float:
        """p of the opposite of equivalent, valid at any time of looking."""
        d, within = np.array(self._d), self.margin * (1 + 1e-9)  # a difference as large as the margin is within it
        not_worse, not_better = outcomes(d, -within, tie=1.0), outcomes(d, within, tie=0.0)
        return min(1.0, 2 * max(self._p(not_worse)[0], self._p(not_better)[1]))

    def update(self, a: float | None, b: float | None) -> Verdict:
        """The verdict with one more pair; None is a run without a score. Raises ValueError for scores that are not
        finite, or when ``done``."""
        if self.done:
            raise ValueError(f"the test is over after {self.n} pairs ({self.verdict}): no further pair can change it")
        if a is None or b is None:
            self._d.append(math.nan if a is None and b is None else math.inf if b is None else -math.inf)
        else:
            self._d.append(float(differences([a], [b], self.direction)[0]))
        enough = 2 * self._error * (1 + 1e-9)
        if self.p_equivalent <= enough:
            self.verdict = "equivalent"
        elif self.p <= enough:
            better, worse = self._p(outcomes(self._d))
            self.verdict = "better" if better < worse else "worse"
        return self.verdict

    def probability(self) -> tuple[float, float, float]:
        """The share of pairs that a won, ties half, and the interval of theta: a confidence sequence."""
        if not self.n:
            return 0.5, 0.0, 1.0
        x = outcomes(self._d)
        low, high = betting.mean_interval(x, 1 - 2 * self._error, anytime=True)
        return float(x.mean()), float(low), float(high)

    def interval(self) -> tuple[float, float]:
        """The median differences not yet refuted, in the metric's units: a confidence sequence (Howard and Ramdas 2022
        on such sequences for quantiles). (-inf, inf) for the first few pairs."""
        at = np.unique(np.array(self._d)[np.isfinite(self._d)])
        if not at.size:
            return -math.inf, math.inf
        below, above = (np.stack([outcomes(self._d, value, tie=tie) for value in at]) for tie in (1.0, 0.0))
        low, high = (
            (betting.p_larger(x, 0.5, anytime=True) <= self._error * (1 + 1e-9)) for x in (below, 1 - above)
        )  # whether the effects just below, and just above, each difference are refuted
        return float(at[low].max(initial=-math.inf)), float(at[high].min(initial=math.inf))

    def refutes(self, effect: float) -> bool:
        """Whether the pairs so far rule out this median difference, now or at an earlier look."""
        return self.n > 0 and min(self._p(outcomes(self._d, effect))) <= self._error * (1 + 1e-9)

    @staticmethod
    def _p(x: np.ndarray) -> tuple[float, float]:
        """One-sided p of "the mean of x (n,) is above 1/2" and of "below"."""
        if not x.size:
            return 1.0, 1.0
        return tuple(betting.p_larger(np.stack([x, 1 - x]), 0.5, anytime=True).tolist())


def outcomes(d: "np.ndarray | list[float]", effect: float = 0.0, tie: float = 0.5) -> np.ndarray:
    """x (...): 1 where d (...) exceeds an effect, 0 where it falls short, ``tie`` where it is equal; nan is 1/2."""
    d = np.asarray(d, float)
    x = np.where(d > effect, 1.0, np.where(d < effect, 0.0, tie))
    return np.where(np.isnan(d), 0.5, x)
