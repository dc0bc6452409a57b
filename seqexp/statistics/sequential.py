"""A sequential test: one may look for a verdict after every pair of seeds."""

import math
from collections.abc import Callable

import numpy as np

from seqexp.statistics.pairs import ROUNDING, Direction, Verdict, checked, differences

LAMBDAS = np.array([0.5, 1.0, 2.0])  # how much the three gamblers stake
RICHEST = 300.0  # log of a wealth above all thresholds; without a limit, exp overflows after a thousand pairs
HALVINGS = 40  # of the bisection for an interval's end: 2^-40 of the distance, about 1e-12
MOST_STAKE = 0.98  # of the wealth: a gambler who stakes everything can lose everything


class Sequential:
    """A test that one may look at after every pair and stop at any; it is wrong in at most 1 - level of cases.

    A gambler starts with 1 and bets on each pair that its sign is +. She stakes tanh(lambda |d_i| / s_i) of her wealth,
    with s_i the root mean square of d_1..d_i:

        W_i = W_{i-1} (1 + sign(d_i) tanh(lambda |d_i| / s_i))

    If d is symmetric about 0 - as it is if a and b are the same model - the sign is a fair coin whatever |d_i| is. So
    the game is fair, and the chance that the wealth *ever* reaches 2 / alpha is at most alpha / 2 (Ville 1939).
    A second gambler bets on -. Each is the mean over lambda = 1/2, 1, 2, which is fair too.

    better, worse: the first or the second gambler has 2 / alpha, 40 for level 0.95.
    equivalent:    the first has it in the game on d + margin, and the second in that on d - margin.
    A verdict stands from then on. Neither normality nor a number of pairs chosen beforehand is assumed.

    Source: fair bets on the signs of symmetric data, Efron 1969, de la Pena 1999; as tests, Vovk and Wang 2024,
    Ramdas et al. 2020. The stakes are our choice: powerful for effects of half to two standard deviations.
    """

    def __init__(self, level: float, margin: float, max_seeds: int, direction: Direction) -> None:
        """Raises ValueError for senseless settings."""
        self._alpha = checked(direction, margin, level)
        if max_seeds < 1:
            raise ValueError(f"max_seeds must be at least 1, got {max_seeds}")
        self.level, self.margin, self.max_seeds, self.direction = level, margin, max_seeds, direction
        self._d = np.empty(0)
        self.verdict: Verdict = "not resolved"

    @property
    def n(self) -> int:
        """The number of pairs so far."""
        return self._d.size

    @property
    def done(self) -> bool:
        """Whether there is a verdict, or ``max_seeds`` pairs are used."""
        return self.verdict != "not resolved" or self.n >= self.max_seeds

    @property
    def reachable(self) -> bool:
        """Whether ``max_seeds`` equal differences bring a verdict: seven do at level 0.95."""
        return bool(_wealth(np.ones(self.max_seeds))[0, -1] >= 2 / self._alpha)

    def update(self, a: float, b: float) -> Verdict:
        """The verdict with one more pair. Raises ValueError for scores that are not finite, or when ``done``."""
        if self.done:
            raise ValueError(f"the test is over after {self.n} pairs ({self.verdict}): no further pair can change it")
        self._d = np.append(self._d, differences([a], [b], self.direction))
        games = self._d + np.array([[0.0], [self.margin], [-self.margin]])  # (3, n)
        (plus, minus), (above, _), (_, below) = (_wealth(games).max(axis=2) >= 2 / self._alpha).tolist()
        if above and below:
            self.verdict = "equivalent"
        elif plus or minus:
            self.verdict = "better" if plus else "worse"
        return self.verdict

    def interval(self) -> tuple[float, float]:
        """The effects not yet refuted: a confidence sequence, valid although the number of pairs was not fixed.

        An effect m is refuted once a gambler on d - m has 2 / alpha (Howard et al. 2021 on such intervals). It is
        wider than `paired`'s, which holds for a number of pairs fixed beforehand. (-inf, inf) for the first few pairs.
        """
        if not self.reachable or not self.n or _wealth(np.ones(self.n))[0, -1] < 2 / self._alpha:
            return -math.inf, math.inf
        middle, reach = float(np.median(self._d)), 2 * float(np.ptp(self._d)) or ROUNDING
        return _edge(self.refutes, middle, -reach), _edge(self.refutes, middle, reach)

    def refutes(self, effect: float) -> bool:
        """Whether the pairs so far rule out this effect, now or at an earlier look."""
        return self.n > 0 and bool((_wealth(self._d - effect) >= 2 / self._alpha).any())


def _wealth(d: np.ndarray) -> np.ndarray:
    """What the gamblers on + and on - have (..., 2, n) after each of the differences d (..., n)."""
    scale = np.sqrt(np.cumsum(d * d, axis=-1) / np.arange(1, d.shape[-1] + 1))
    x = np.divide(d, scale, out=np.zeros_like(d), where=scale > 0)[..., None, None, :]
    bets = np.clip(np.tanh(LAMBDAS[:, None] * x), -MOST_STAKE, MOST_STAKE)  # (..., 1, 3, n)
    logs = np.cumsum(np.log1p(np.concatenate([bets, -bets], axis=-3)), axis=-1)
    return np.exp(np.minimum(logs, RICHEST)).mean(axis=-2)


def _edge(refuted: Callable[[float], bool], inside: float, step: float) -> float:
    """The end of the effects that are not refuted, from ``inside`` in the direction of ``step``, by bisection."""
    outside = inside + step
    while not refuted(outside):
        outside += step
        step *= 2
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if refuted(middle) else (middle, outside)
    return outside
