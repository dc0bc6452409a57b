"""The best trial of a search, after each of its trials."""

import math
from itertools import combinations

import numpy as np
import pytest

from seqexp.statistics.searches import best_so_far, expected_best


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


def test_the_expected_best_is_the_mean_over_all_choices_of_trials():
    scores = np.array([3.0, 1.0, 4.0, 1.5, 9.0])
    for direction, best in (("max", max), ("min", min)):
        by_hand = [np.mean([best(chosen) for chosen in combinations(scores, k)]) for k in range(1, 6)]
        assert expected_best(scores, direction) == pytest.approx(by_hand, rel=1e-12)


def test_the_expected_best_is_not_biased():
    """Uniform trials: the best of k is k / (k + 1) on average, also for k as large as the search itself."""
    drawn = np.random.default_rng(0).random((1500, 6))
    means = np.mean([expected_best(scores, "max") for scores in drawn], axis=0)
    assert means == pytest.approx(np.arange(1, 7) / np.arange(2, 8), abs=0.015)
    with_replacement = np.mean([(np.sort(s) * np.diff((np.arange(7) / 6) ** 6)).sum() for s in drawn])
    assert with_replacement < 6 / 7 - 0.02, "the formula with replacement is too pessimistic"


def test_a_trial_without_a_score_counts_as_the_worst():
    assert expected_best([2.0, None, 5.0], "max").tolist() == pytest.approx(
        expected_best([2.0, 2.0, 5.0], "max").tolist()
    )
    assert np.isnan(expected_best([None, None], "min")).all()


def test_hundreds_of_trials_do_not_overflow():
    curve = expected_best(np.random.default_rng(1).normal(size=600), "max")
    assert np.isfinite(curve).all()
    assert (np.diff(curve) > 0).all()
