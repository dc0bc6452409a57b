"""How good the best trial of a search is after each trial, in this search and in one of the same length."""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln


def best_so_far(scores: Sequence[float | None] | np.ndarray, direction: str) -> np.ndarray:
    """(N,) the best score after each of N trials; nan before the first trial with a score."""
    better = np.fmin if direction == "min" else np.fmax
    best: np.ndarray = better.accumulate(np.array(scores, float))  # None becomes nan, which loses to any number
    return best


def expected_best(scores: Sequence[float | None] | np.ndarray, direction: str) -> np.ndarray:
    """(N,) the expected best score of k = 1..N trials, drawn from these N without replacement; validation scores.

        E_k = sum_i C(i - 1, k - 1) / C(N, k) v_(i),    v_(1) the worst, v_(N) the best of all

    It is unbiased for trials drawn independently (Tang et al. 2020). The formula with replacement (Dodge et al. 2019)
    is too pessimistic, most for k near N (Dodge et al. 2021). It is only for random search, whose trials do not depend
    on each other. A trial without a score counts as the worst one with a score; all nan if there is none.
    """
    values = np.array(scores, float)
    if not np.isfinite(values).any():
        return np.full(values.shape, np.nan)
    sign = -1.0 if direction == "min" else 1.0
    ranked = sign * values
    ranked = np.sort(np.where(np.isfinite(ranked), ranked, ranked[np.isfinite(ranked)].min()))
    n = len(ranked)
    last = np.arange(n)  # i - 1
    expected = np.empty(n)
    for k in range(1, n + 1):
        # The chance that trial i is the best of k: C(i - 1, k - 1) / C(N, k), in logs, since N may be hundreds.
        logs = gammaln(last + 1) - gammaln(np.maximum(last - k + 2, 1)) - gammaln(k) - _log_choose(n, k)
        expected[k - 1] = (np.where(last >= k - 1, np.exp(logs), 0.0) * ranked).sum()
    return np.asarray(sign * expected)


def _log_choose(n: int, k: int) -> float:
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
