"""The memory horizon: the longest distance that a model solves in at least 80 % of its seeds, and its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqexp.statistics.pairs import clopper_pearson

SHARE = 0.8  # of the seeds must solve a distance
LEVEL = 0.95  # of the intervals


@dataclass(frozen=True)
class Horizon:
    """A model's horizon as its runs show it. None means below the shortest distance.

    distances: (K,) ascending, in steps; solved, runs: (K,) how many of how many runs solved each.
    reached:   the horizon itself. If it is the longest distance, the true horizon may lie beyond it.
    low, high: the ends of its interval, distances too.
    """

    distances: tuple[float, ...]
    solved: tuple[int, ...]
    runs: tuple[int, ...]
    reached: float | None
    low: float | None
    high: float | None


def horizon(
    distances: Sequence[float],
    solved: Sequence[int],
    runs: Sequence[int],
    *,
    share: float = SHARE,
    level: float = LEVEL,
) -> Horizon:
    """The longest distance that at least ``share`` of the runs solved, where the same holds for every shorter one.

    distances: (K,) ascending; solved, runs: (K,) counts, runs at least 1.

    The interval is about fresh seeds: with p(d) the probability that a seed solves distance d, the true horizon is the
    longest d with p(d) >= share. It assumes that a longer distance is never easier and that runs are independent. Then
    it holds the true horizon (among the tested distances) with a probability of at least ``level``:

    - low: from the shortest distance up, a distance passes if the exact lower bound of its fraction is above share.
      The last one that passes is the end. Since p never rises, runs at longer distances count as evidence too: as many
      distances are pooled as give the fewest runs with which any outcome can pass (17 for 0.8 and 95 %).
    - high: from the longest distance down, a distance is excluded if the exact upper bound of its fraction is below
      share. The first one that is not excluded is the end. Shorter distances are pooled if runs are too few (below 3).

    Each end is wrong with a probability of at most (1 - level) / 2, although several distances are tested: the claims
    are nested and tested in a fixed order up to the first that fails (Maurer, Hothorn and Lehmacher 1995), and which
    runs are pooled does not depend on their outcomes. The bounds are Clopper and Pearson's (1934).
    """
    error = (1 - level) / 2
    solved_, runs_ = np.asarray(solved), np.asarray(runs)
    last = len(solved_) - 1

    passed = -1
    while passed < last and solved_[passed + 1] / runs_[passed + 1] >= share:
        passed += 1
    low = -1
    to_pass = math.ceil(math.log(error) / math.log(share))  # n solved of n pass once share^n < error
    while count := _enough(runs_[low + 1 :], to_pass):
        pool = slice(low + 1, low + 1 + count)
        if clopper_pearson(solved_[pool].sum(), runs_[pool].sum(), level)[0] <= share:
            break
        low += 1
    high = last
    to_exclude = math.ceil(math.log(error) / math.log(1 - share))
    while count := _enough(runs_[: high + 1][::-1], to_exclude):
        pool = slice(high + 1 - count, high + 1)
        if clopper_pearson(solved_[pool].sum(), runs_[pool].sum(), level)[1] >= share:
            break
        high -= 1

    def at(index: int) -> float | None:
        return float(distances[index]) if index >= 0 else None

    counts = tuple(map(int, solved_)), tuple(map(int, runs_))
    return Horizon(tuple(map(float, distances)), *counts, at(passed), at(low), at(high))


def _enough(runs: np.ndarray, wanted: int) -> int:
    """How many of the first entries have ``wanted`` runs together; 0 if all of them have fewer."""
    together = np.cumsum(runs) >= wanted
    return int(together.argmax()) + 1 if together.any() else 0
