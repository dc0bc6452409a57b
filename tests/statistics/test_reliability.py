"""In what share of seeds a model solves its task, fails, or diverges."""

import pytest
from scipy import stats

from seqexp.statistics.reliability import reliability

STATUSES = ["FINISHED"] * 6 + ["FAILED", "DIVERGED", "DIVERGED", "KILLED"]
SCORES = [0.99, 0.98, 0.97, 0.99, 0.55, 0.96, None, None, 0.98, 0.99]


def test_the_shares_have_exact_intervals_and_a_killed_run_belongs_to_none():
    result = reliability(STATUSES, SCORES, direction="max", threshold=0.97)
    assert result.solved is not None
    counts = [(share.count, share.n) for share in (result.solved, result.failed, result.diverged)]
    assert counts == [(4, 9), (1, 9), (2, 9)]
    assert result.unended == 1
    for share in (result.solved, result.failed, result.diverged):
        exact = stats.binomtest(share.count, share.n).proportion_ci(0.95, method="exact")
        assert (share.low, share.high) == pytest.approx((exact.low, exact.high))


def test_a_smaller_score_may_be_the_better_one():
    solved = reliability(["FINISHED"] * 3, [0.1, 0.2, 0.3], direction="min", threshold=0.2).solved
    assert solved is not None
    assert solved.count == 2


def test_a_task_without_a_threshold_has_nothing_to_solve():
    assert reliability(STATUSES, SCORES, direction="max", threshold=None).solved is None


def test_no_run_that_ended_leaves_everything_open():
    share = reliability(["KILLED"], [None], direction="max", threshold=None).failed
    assert (share.count, share.n, share.low, share.high) == (0, 0, 0.0, 1.0)


def test_statuses_without_scores_are_refused():
    with pytest.raises(ValueError, match="status for each"):
        reliability(["FAILED"], [], direction="max", threshold=None)
    with pytest.raises(ValueError, match="status for each"):
        reliability(["FAILED"], [], direction="max", threshold=0.5)
