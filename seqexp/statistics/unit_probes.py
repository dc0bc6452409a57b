"""Linear probes of single units: how well one number tells something, on examples that it was not fitted to."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Probes:
    """A probe of each of U units for one target.

    fit, score: (U,) on the examples that were fitted, and on the others. Of yes or no: the chance that a yes has the
    higher value, turned so that the fitted examples have at least 1/2 (AUC). Of counts: R² of the fitted line, at most
    1, and below 0 where the mean would have said more.
    p: (U,) of no relation on the other examples, one-sided, in the direction that was fitted.
    direction: (U,) 1 where a unit rises with the target, and -1 where it falls.
    """

    fit: np.ndarray
    score: np.ndarray
    p: np.ndarray
    direction: np.ndarray


def probes(values: np.ndarray, target: np.ndarray, example: np.ndarray, fitted: np.ndarray, yes_no: bool) -> Probes:
    """Probes of values (N, U) for target (N,). example (N,): which sequence a row is of; fitted (N,) bool: of the
    examples that are fitted to.

    Rows of one sequence depend on each other, so the test counts sequences: its statistic is the t of the sequences'
    own sums of (u - mean u)(y - mean y), one number each.
    """
    from scipy.stats import t as student

    u, y, other = values[fitted], target[fitted].astype(float), ~fitted
    v, w = values[other], target[other].astype(float)
    slope = _products(u, y) / np.maximum(np.square(u - u.mean(axis=0)).sum(axis=0), np.finfo(float).tiny)
    direction = np.where(slope < 0, -1.0, 1.0)
    if yes_no:
        fit, score = area(u * direction, y > 0.5), area(v * direction, w > 0.5)
    else:
        line = y.mean() - slope * u.mean(axis=0)
        fit, score = (_r_squared(line + slope * one, truth) for one, truth in ((u, y), (v, w)))
    each = (v - v.mean(axis=0)) * (w - w.mean())[:, None] * direction
    sequences, which = np.unique(example[other], return_inverse=True)
    sums = np.zeros((len(sequences), values.shape[1]))
    np.add.at(sums, which, each)
    spread = sums.std(axis=0, ddof=1) / np.sqrt(len(sequences))
    t = np.divide(sums.mean(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    return Probes(fit, score, student.sf(t, len(sequences) - 1), direction)


def area(values: np.ndarray, yes: np.ndarray) -> np.ndarray:
    """(U,) the chance that a row of ``yes`` (N,) has a higher value (N, U) than another; ties count half."""
    from scipy.stats import rankdata

    n = int(yes.sum())
    ranks = rankdata(values, axis=0)
    return (ranks[yes].sum(axis=0) - n * (n + 1) / 2) / (n * (len(yes) - n))


def _products(u: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (y - y.mean()) @ (u - u.mean(axis=0))


def _r_squared(said: np.ndarray, truth: np.ndarray) -> np.ndarray:
    left = np.square(truth[:, None] - said).sum(axis=0)
    return 1 - left / np.square(truth - truth.mean()).sum()
