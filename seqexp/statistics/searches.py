"""How good the best trial of a search is after each trial."""

from collections.abc import Sequence

import numpy as np


def best_so_far(scores: Sequence[float | None] | np.ndarray, direction: str) -> np.ndarray:
    """(N,) the best score after each of N trials; nan before the first trial with a score."""
    better = np.fmin if direction == "min" else np.fmax
    best: np.ndarray = better.accumulate(np.array(scores, float))  # None becomes nan, which loses to any number
    return best
