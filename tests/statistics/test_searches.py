"""The best trial of a search, after each of its trials."""

import math

import numpy as np
import pytest

from seqexp.statistics.searches import best_so_far


@pytest.mark.parametrize(
    "direction, scores, best",
    [
        ("min", [3.0, 5.0, 2.0, 2.5], [3.0, 3.0, 2.0, 2.0]),
        ("max", [3.0, 5.0, 2.0, 7.0], [3.0, 5.0, 5.0, 7.0]),
        ("min", [4.0, None, 1.0], [4.0, 4.0, 1.0]),  # a trial without a score changes nothing
        ("max", [4.0, None, 9.0], [4.0, 4.0, 9.0]),
        ("max", [None, 2.0], [math.nan, 2.0]),  # there is no best before the first score
        ("min", [None, None], [math.nan, math.nan]),
        ("max", [], []),
    ],
)
def test_the_best_score_after_each_trial(direction, scores, best):
    np.testing.assert_array_equal(best_so_far(scores, direction), np.array(best, float))


def test_a_curve_of_bests_never_gets_worse():
    scores = np.random.default_rng(0).normal(size=50)
    assert (np.diff(best_so_far(scores, "max")) >= 0).all()
    assert (np.diff(best_so_far(scores, "min")) <= 0).all()
    assert best_so_far(scores, "min")[-1] == scores.min()
    assert best_so_far(-scores, "max").tolist() == (-best_so_far(scores, "min")).tolist()
