"""The test that may be looked at after every pair: its laws by counting every sign pattern, and what it decides."""

import itertools
import math

import numpy as np
import pytest

from seqexp.statistics import betting
from seqexp.statistics.sequential import Sequential, outcomes


def run(d, *, margin=0.0, level=0.95, direction="max", seeds=None) -> Sequential:
    """The test after as many of the differences d as it takes."""
    test = Sequential(level, margin, seeds or len(d), direction)
    for value in d:
        test.update(value, 0.0)
        if test.done:
            break
    return test


@pytest.mark.parametrize("chances", [(0.5, 0.0, 0.5), (0.3, 0.4, 0.3), (0.1, 0.8, 0.1)], ids=str)
def test_every_sequence_of_outcomes_counted_the_game_is_fair_and_the_level_kept(chances):
    """Losses, ties and wins with these chances: no side is better, whatever the sizes of the differences are."""
    patterns = np.array(list(itertools.product([0.0, 0.5, 1.0], repeat=8)))  # (3^8, 8)
    weights = np.prod(np.array(chances)[(2 * patterns).astype(int)], axis=1)
    for x in (patterns, 1 - patterns):
        assert weights @ betting.wealth(x, 0.5)[:, -1] == pytest.approx(1, rel=1e-12)
        for level in (0.5, 0.8, 0.95):
            reached = betting.p_larger(x, 0.5, anytime=True) <= (1 - level) / 2
            assert weights @ reached <= (1 - level) / 2
            assert level > 0.8 or reached.any()


def test_only_the_signs_count():
    d = np.random.default_rng(5).normal(0.3, 1, 30)
    assert run(d).p == run(np.sign(d)).p == run(d * np.abs(d) ** 3).p
    assert run(d).probability() == run(np.sign(d)).probability()


def test_a_run_without_a_score_loses_and_two_of_them_tie():
    test = Sequential(0.95, 0.5, 40, "min")
    for a, b in [(1.0, None), (None, 1.0), (None, None)]:
        test.update(a, b)
    assert outcomes(test._d).tolist() == [1.0, 0.0, 0.5]
    failing = Sequential(0.95, 0.5, 40, "min")
    while not failing.done:
        failing.update(3.0, None)
    assert (failing.verdict, failing.n) == ("better", 7)
    assert failing.interval() == (-math.inf, math.inf), "lost runs have no difference in the metric's units"


def test_more_claims_need_more_pairs():
    needed = []
    for claims in (1, 88):
        test = Sequential(0.95, 0.0, 40, "max", claims=claims)
        while not test.done:
            test.update(1.0, 0.0)
        needed.append(test.n)
        assert test.p <= 0.05 / claims
    assert needed == [7, 15]


def test_verdicts_and_how_soon():
    assert (run(np.ones(20)).verdict, run(np.ones(20)).n) == ("better", 7)
    assert (run(-np.ones(20)).verdict, run(-np.ones(20)).n) == ("worse", 7)
    assert (run(np.ones(20), direction="min").verdict) == "worse"
    assert (run(np.zeros(20), margin=0.1).verdict, run(np.zeros(20), margin=0.1).n) == ("equivalent", 7)
    assert (run(np.zeros(20)).verdict, run(np.zeros(20)).n) == ("equivalent", 7), "ties are within a margin of 0"
    assert (run(np.full(20, 0.1), margin=0.1).verdict) == "equivalent", "and the margin itself is within it"
    assert run(np.ones(6)).verdict == "not resolved"
    assert run([1.0, -1.0] * 20, margin=0.1).verdict == "not resolved"
    assert [Sequential(0.95, 0, n, "max").reachable for n in (6, 7, 40)] == [False, True, True]


def test_most_effects_of_one_deviation_are_found_within_forty():
    ends = [run(d) for d in np.random.default_rng(3).normal(1, 1, (100, 40))]
    assert np.mean([test.verdict == "better" for test in ends]) >= 0.9
    assert np.median([test.n for test in ends]) <= 18


@pytest.mark.parametrize("seed", range(5))
def test_laws(seed):
    d = np.random.default_rng(seed).normal(seed / 4, 1, 15)
    one, other, scaled = run(d, margin=0.5), run(-d, margin=0.5), run(8 * d, margin=4)
    assert other.verdict == {"better": "worse", "worse": "better"}.get(one.verdict, one.verdict)
    assert other.n == one.n == scaled.n
    assert scaled.verdict == one.verdict
    assert other.p == scaled.p == one.p == run(-d, margin=0.5, direction="min").p
    assert other.probability()[0] == pytest.approx(1 - one.probability()[0])


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_holds_what_is_not_refuted(seed):
    d = np.random.default_rng([1, seed]).normal(0.4, 1, 25)
    test = run(d, margin=0.0)
    low, high = test.interval()
    assert low < np.median(d[: test.n]) < high
    assert not test.refutes((low + high) / 2)
    width = high - low
    assert all(test.refutes(effect) for effect in (low - 1e-6 * width, high + 1e-6 * width, low - 9, high + 9))
    assert (test.verdict == "better") == (low > -1e-6)
    moved = Sequential(0.95, 0.0, 25, "max")
    for value in d[: test.n]:
        if not moved.done:
            moved.update(value + 0.25, 0.25)
    assert moved.interval() == pytest.approx((low, high), abs=1e-6)


def test_few_pairs_leave_the_interval_open():
    assert run(np.ones(6)).interval() == (-math.inf, math.inf)
    assert Sequential(0.95, 0.0, 9, "max").interval() == (-math.inf, math.inf)
    assert run(np.ones(7)).interval() == pytest.approx((1, 1), abs=1e-6)


def test_thousands_of_pairs_do_not_overflow():
    test = run(np.resize([1.0, -1.0], 600), margin=0.0)
    assert test.verdict == "not resolved"
    assert test.refutes(-3)
    assert test.interval() == (-1, 1), "the median of two values may be either"
    ones = betting.p_larger(np.ones(5000), 0.5, anytime=True)
    assert 0 <= ones < 1e-300


def test_a_verdict_stands_and_spent_seeds_are_spent():
    for over in (run(np.ones(20)), run([1.0, -1.0] * 3)):
        assert over.done
        with pytest.raises(ValueError, match="over after"):
            over.update(-5.0, 0.0)
    assert run([1.0, -1.0] * 3).verdict == "not resolved"


def test_senseless_input_is_refused():
    with pytest.raises(ValueError, match="max_seeds"):
        Sequential(0.95, 0.0, 0, "max")
    test = Sequential(0.95, 0.0, 9, "max")
    with pytest.raises(ValueError, match="finite"):
        test.update(math.nan, 0.0)
    assert test.n == 0
