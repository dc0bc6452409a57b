"""Which model is better on average, as far as the range of its scores lets few seeds know."""

import math

import numpy as np
import pytest

from seqexp.statistics import betting
from seqexp.statistics.mean_difference import mean_difference


def judged(a, b, *, direction="max", bounds=(0.0, 1.0), **more):
    return mean_difference(a, b, direction=direction, bounds=bounds, **more)


def test_the_interval_is_the_bets_in_the_metrics_units():
    a, b = np.array([60.0, 80, 70]), np.array([50.0, 60, 40])
    low, high = betting.mean_interval(((a - b) / 100 + 1) / 2, 0.95, anytime=False)
    result = judged(a, b, bounds=(0, 100))
    assert (result.effect, result.low, result.high) == pytest.approx((20, 200 * low - 100, 200 * high - 100))


@pytest.mark.parametrize("n, verdict", [(10, "not resolved"), (20, "better")])
def test_a_large_difference_takes_many_seeds_since_failures_may_be_unseen(n, verdict):
    result = judged([0.99] * n, [0.55] * n)
    assert result.verdict == verdict
    assert (result.low > 0) == (verdict == "better") == (n >= result.needed)
    assert result.unseen == pytest.approx(1 - 0.05 ** (1 / n))


def test_a_narrower_range_takes_fewer_seeds():
    assert judged([0.99] * 5, [0.55] * 5, bounds=(0.5, 1)).needed < judged([0.99] * 5, [0.55] * 5).needed
    assert judged([0.5] * 5, [0.5] * 5).needed is None


def test_what_is_said_to_be_needed_suffices_and_one_less_does_not():
    needed = judged([0.9], [0.6]).needed
    assert judged([0.9] * needed, [0.6] * needed).verdict == "better"
    assert judged([0.9] * (needed - 1), [0.6] * (needed - 1)).verdict == "not resolved"


def test_a_run_without_a_score_counts_as_the_worst_of_the_range():
    assert judged([0.8, None], [0.5, 0.6]).effect == pytest.approx((0.3 - 0.6) / 2)
    assert judged([2.0, None], [5.0, 6.0], direction="min", bounds=(1, 9)).effect == pytest.approx((3 - 3) / 2)


def test_without_a_range_nothing_is_claimed():
    result = judged([50.0] * 40, [90.0] * 39 + [None], direction="min", bounds=None)
    assert (result.verdict, result.p, result.bounded) == ("unknown", 1.0, False)
    assert (result.effect, result.n, result.left_out) == (40.0, 39, 1)
    assert "no worst score" in result.assumption


def test_without_a_range_the_interval_is_students():
    from scipy import stats

    a, b = np.random.default_rng(0).normal(size=(2, 9))
    result, expected = judged(a, b, bounds=None), stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high))
    assert judged([1.0], [2.0], bounds=None).high == math.inf


def test_swapped_labels_turn_the_answer_round():
    a, b = np.random.default_rng(1).beta(2, 1, (2, 30))
    one, other = judged(a, b, anytime=True), judged(b, a, anytime=True)
    assert (other.effect, other.low, other.high) == pytest.approx((-one.effect, -one.high, -one.low))
    assert other.p == one.p


@pytest.mark.parametrize("a, b, bounds", [([0.5], [1.5], (0, 1)), ([0.5], [0.5], (1, 0)), ([0.5], [0.5, 0.6], (0, 1))])
def test_senseless_input_is_refused(a, b, bounds):
    with pytest.raises(ValueError, match=r"bounds must|same n"):
        judged(a, b, bounds=bounds)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_without_a_range_too_it_is_told_what_share_of_seeds_may_end_otherwise(n):
    """A share q of all seeds is missing among n with probability (1 - q)^n."""
    result = judged([1.0] * n, [2.0] * n, bounds=None, level=0.9)
    assert result.unseen == pytest.approx(1 - 0.1 ** (1 / n))
    assert math.isinf(result.low) == (n == 1)


def test_no_pair_with_both_scores_leaves_everything_open():
    result = judged([None, 1.0], [1.0, None], bounds=None)
    assert math.isnan(result.effect)
    assert (result.n, result.left_out, result.unseen) == (0, 2, 1.0)
