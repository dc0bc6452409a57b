"""The chance that a run of a beats a run of b, from independent runs: a test and an interval for any shapes of scores.

    theta = P(a > b) + P(a = b) / 2, estimated by the share of all n m pairs of runs that a wins, ties half.

Brunner and Munzel's statistic is T = (theta - 1/2) / sqrt(V), V = S_a^2 / n + S_b^2 / m, with S_a^2 the variance of
the shares of b's runs that each run of a beats (Brunner and Munzel 2000, the nonparametric Behrens-Fisher problem).
Two p values are computed, and the larger one counts:

- the studentized permutation test: T among those of all divisions of the n + m scores (Neubert and Brunner 2007). It is
  exact if a and b have the same distribution. Where one model's scores are nearly constant it is not: in up to 13 % of
  cases, seven runs call two models with theta = 1/2 different.
- the exact test of a share in a sample of the size that V amounts to, n_e = theta (1 - theta) / V (Korn and Graubard
  1998, with Clopper and Pearson 1934). n_e is never taken to be below min(n, m), since V is at most
  theta (1 - theta) / min(n, m) (Birnbaum and Klose 1957), nor above four times as much. If n_e = min(n, m), the runs
  are like coins, and the test is exact. If it is larger, theta is nearly continuous, and half its atom counts (mid-p).

Scores come as ranks in blocks of ties: counts a, b (..., K) of both models' runs in each of K blocks, worst block
first.
"""

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import combinations

import numpy as np
from scipy import special

from seqexp.numerics.rng import Purpose, stream
from seqexp.statistics.pairs import ROUNDING

EXACT = 13_000  # up to this many divisions of the scores, all are counted: eight runs of each model have 12,870
DIVISIONS = 39_999  # random ones above that, and the real one: 132 claims under Holm need a p of 0.0004 that is right
MOST_KEPT, A_PART = 8_000_000, 1_000_000  # scores: of divisions that are kept, and that are worked on together
LARGEST = 4.0  # of n_e, in min(n, m)
CONTINUOUS = 0.1  # the part by which n_e exceeds min(n, m) where theta counts as continuous
LEAST_VARIANCE = 1e-12


def blocks(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts (..., n + m), (..., n + m) of a (..., n) and b (..., m) in each block of equal scores, worst first.

    -inf is a run without a score. Scores that differ by rounding only are equal. Blocks that do not exist are empty.
    """
    both = np.concatenate([a, b], axis=-1)
    order = np.argsort(both, axis=-1, kind="stable")
    ranked = np.take_along_axis(both, order, axis=-1)
    size = np.where(np.isfinite(ranked), np.abs(ranked), 0.0)
    with np.errstate(invalid="ignore"):  # -inf - -inf: a tie
        apart = ranked[..., 1:] - ranked[..., :-1] > ROUNDING * np.maximum(size[..., 1:], size[..., :-1])
    block = np.concatenate([np.zeros((*apart.shape[:-1], 1), int), apart.cumsum(axis=-1)], axis=-1)
    mine = order < a.shape[-1]
    count = block[..., None, :] == np.arange(both.shape[-1])[:, None]  # (..., K, n + m)
    return (count & mine[..., None, :]).sum(axis=-1), (count & ~mine[..., None, :]).sum(axis=-1)


def share_and_variance(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """theta (...,) and V (...,) of counts a, b (..., K)."""
    n, m = a.sum(axis=-1), b.sum(axis=-1)
    a_wins = (b.cumsum(axis=-1) - b / 2) / m[..., None]  # the share of b's runs that a run of a in this block beats
    b_wins = (a.cumsum(axis=-1) - a / 2) / n[..., None]
    theta = (a * a_wins).sum(axis=-1) / n
    of_a = (a * (a_wins - theta[..., None]) ** 2).sum(axis=-1) / np.maximum(n - 1, 1)
    of_b = (b * (b_wins - 1 + theta[..., None]) ** 2).sum(axis=-1) / np.maximum(m - 1, 1)
    return theta, of_a / n + of_b / m


def p_larger(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One-sided p (...,) of "theta is above 1/2", of counts a, b (..., K); swapped, of "below"."""
    theta, variance = share_and_variance(a, b)
    n, m = (int(each.reshape(-1, each.shape[-1])[0].sum()) for each in (a, b))
    return np.maximum(p_permuted(a, b), p_share(theta, variance, min(n, m), 0.5))


def p_permuted(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One-sided p (...,) of the permutation test alone: half of the two-sided one on the side where theta lies."""
    flat_a, flat_b = (each.reshape(-1, each.shape[-1]) for each in (a, b))
    theta, variance = share_and_variance(flat_a, flat_b)
    n, m = (int(each[0].sum()) for each in (flat_a, flat_b))
    two_sided = np.empty(theta.shape)
    size = np.abs(_studentized(theta, variance))
    for i, together in enumerate(flat_a + flat_b):
        reference, drawn = _reference(tuple(together[together > 0].tolist()), n, m)
        reached = reference.size - np.searchsorted(reference, size[i] * (1 - 1e-9))
        # Drawn divisions are the same in every call: by bad luck all p would be too small. Two standard errors more.
        bound = reached + drawn * (1 + 2 * math.sqrt(reached + 1))
        two_sided[i] = min(bound / (reference.size + drawn), 1)
    permuted = np.where(theta > 0.5, two_sided / 2, np.where(theta < 0.5, 1 - two_sided / 2, 1.0))
    return np.asarray(permuted.reshape(a.shape[:-1]))


def p_share(theta: np.ndarray, variance: np.ndarray, n: int, null: np.ndarray | float, atom: float = 0.5) -> np.ndarray:
    """One-sided p of "the share is above ``null``", by a binomial sample of the size that the variance amounts to.
    Where theta is continuous, this part of its atom is left out."""
    spread = theta * (1 - theta)
    size = np.clip(spread / np.maximum(variance, LEAST_VARIANCE), n, LARGEST * n)
    size = np.where(spread > 0, size, n)  # all or nothing is won: a variance of 0 proves nothing
    half = atom * np.clip((size / n - 1) / CONTINUOUS, 0, 1)
    count = theta * size
    return np.asarray(special.betainc(np.maximum(count + half, LEAST_VARIANCE), size - count + 1 - half, null))


def share_interval(a: np.ndarray, b: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """The interval of theta (...,), (...,) from counts a, b (..., K), Korn and Graubard's: V is enlarged by
    (t / z)^2 with n + m - 2 degrees of freedom, since it is estimated. All of the atom counts: near 0 and 1 theta is
    discrete."""
    theta, variance = share_and_variance(a, b)
    n, m = int(a.reshape(-1, a.shape[-1])[0].sum()), int(b.reshape(-1, b.shape[-1])[0].sum())
    quantile = (1 + level) / 2
    variance = variance * (special.stdtrit(max(n + m - 2, 1), quantile) / special.ndtri(quantile)) ** 2
    low = _lowest(theta, variance, min(n, m), 1 - quantile)
    return low, 1 - _lowest(1 - theta, variance, min(n, m), 1 - quantile)


def _lowest(theta: np.ndarray, variance: np.ndarray, n: int, error: float) -> np.ndarray:
    """The smallest share that is not refuted, by bisection."""
    low, high = np.zeros(theta.shape), np.array(theta, float)
    for _ in range(40):
        middle = (low + high) / 2
        refuted = p_share(theta, variance, n, middle, atom=0.0) <= error
        low, high = np.where(refuted, middle, low), np.where(refuted, high, middle)
    return low


def _studentized(theta: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return (theta - 0.5) / np.sqrt(np.maximum(variance, LEAST_VARIANCE))


@lru_cache(maxsize=256)
def _reference(sizes: tuple[int, ...], n: int, m: int) -> tuple[np.ndarray, int]:
    """|T| of the divisions of blocks of these sizes, sorted, and 1 if they are drawn: then the real one is added
    (Phipson and Smyth 2010)."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    found = []
    for mine in _divisions(n, m):
        a = np.add.reduceat(mine, starts, axis=1)
        found.append(np.abs(_studentized(*share_and_variance(a, np.array(sizes) - a))))
    together = np.sort(np.concatenate(found))
    return together, int(len(together) == DIVISIONS)


def _divisions(n: int, m: int) -> Iterable[np.ndarray]:
    """Parts (P, n + m) of all divisions, 1 where one gives the score to a. Those of many runs are drawn anew each time:
    of 500 of each model they would take two gigabytes to keep and to work on."""
    return _parts(n, m) if DIVISIONS * (n + m) > MOST_KEPT else _kept(n, m)


@lru_cache(maxsize=16)
def _kept(n: int, m: int) -> tuple[np.ndarray, ...]:
    return (*_parts(n, m),)


def _parts(n: int, m: int) -> Iterator[np.ndarray]:
    if math.comb(n + m, n) <= EXACT:
        yield _marked(np.array(list(combinations(range(n + m), n))), n + m)
        return
    numbers, rows = stream(0, Purpose.SAMPLE, n, m), max(1, A_PART // (n + m))
    for start in range(0, DIVISIONS, rows):
        drawn = numbers.random((min(rows, DIVISIONS - start), n + m))
        yield _marked(np.argsort(drawn, axis=1)[:, :n], n + m)


def _marked(chosen: np.ndarray, runs: int) -> np.ndarray:
    mine = np.zeros((len(chosen), runs), np.int16)  # a third of the time
    np.put_along_axis(mine, chosen, 1, axis=1)
    return mine
