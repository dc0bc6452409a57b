"""Bets on the mean of bounded values: an interval that holds for any distribution, any number, any time of looking.

A gambler starts with 1 and bets that the mean of x_1, x_2, ... in [0, 1] is larger than m. With the stake c / m,

    W_n(m) = prod_i (1 + c (x_i - m) / m),  0 < c <= 1.

If the mean is m or less, the game is not in her favour, so the chance that W *ever* reaches 1 / alpha is at most alpha
(Ville 1939). Nothing else is assumed: neither symmetry nor a shape, only that values to come have the mean m, given
those before. A second gambler bets on a smaller mean: the same game for 1 - x and 1 - m. Each divides her coin among
several c. The means that have made neither of them rich are a confidence interval.

Source: Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting" (the hedged capital
process, with a grid of fixed stakes). The stakes are our choice.
"""

import numpy as np

from seqexp.statistics.pairs import at_most

STAKES = np.arange(1, 9) / 8  # c: equal parts of the coin; eight equal values suffice at level 0.95
HALVINGS = 40  # of the bisection for an interval's end: 2^-40, about 1e-12
LEAST_MEAN = 1e-300  # a mean of 0 would divide by zero


def wealth(x: np.ndarray, m: np.ndarray | float) -> np.ndarray:
    """What bettors on a larger mean than m (...,) have after each of the values x (..., n) in [0, 1]: (..., n)."""
    m = np.maximum(np.asarray(m, float), LEAST_MEAN)[..., None, None]
    ratio = x[..., None, :] / m  # (..., 1, n)
    with np.errstate(divide="ignore", over="ignore"):  # a stake of all her coin is lost at 0: log 0 is right
        logs = np.log1p(STAKES[:, None] * (ratio - 1)).cumsum(axis=-1)
        return np.asarray(np.exp(logs).mean(axis=-2))


def p_larger(x: np.ndarray, m: float, *, anytime: bool) -> np.ndarray:
    """One-sided p (...,) of "the mean of x (..., n) is larger than m": 1 / wealth, at its height if ``anytime``."""
    won = wealth(x, m)
    with np.errstate(divide="ignore"):
        return np.asarray(np.minimum(1, 1 / (won.max(axis=-1) if anytime else won[..., -1])))


def mean_interval(x: np.ndarray, level: float, *, anytime: bool) -> tuple[np.ndarray, np.ndarray]:
    """The interval (...,), (...,) of the mean of x (..., n) in [0, 1], each end wrong with at most (1 - level) / 2.

    ``anytime``: whether it holds at all n at once, so that one may stop when it says enough (a confidence sequence).
    """
    error = (1 - level) / 2
    return _lowest(x, error, anytime), 1 - _lowest(1 - x, error, anytime)


def _lowest(x: np.ndarray, error: float, anytime: bool) -> np.ndarray:
    """The smallest mean that is not refuted from above. The wealth falls in m, so that halving finds it."""
    low, high = np.zeros(x.shape[:-1]), np.ones(x.shape[:-1])
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        won = wealth(x, middle)
        rich = (won.max(axis=-1) if anytime else won[..., -1]) >= 1 / error
        low, high = np.where(rich, middle, low), np.where(rich, high, middle)
    return low


def reachable(n: int, error: float) -> bool:
    """Whether n values of 1 refute a mean of 1/2."""
    return at_most(float(p_larger(np.ones(n), 0.5, anytime=False)), error)
