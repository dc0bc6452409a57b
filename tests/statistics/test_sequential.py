"""The test that may be looked at after every pair: its laws by counting every sign pattern, and what it decides."""

import itertools
import math

import numpy as np
import pytest

from seqexp.statistics.sequential import Sequential, _wealth


def wealth(test):
    """What the gamblers on "a is better" and "a is worse" have now."""
    plus, minus = _wealth(test._d)[:, -1]
    return float(plus), float(minus)


def run(d, *, margin=0.0, level=0.95, direction="max", seeds=None) -> Sequential:
    """The test after as many of the differences d as it takes."""
    test = Sequential(level, margin, seeds or len(d), direction)
    for value in d:
        test.update(value, 0.0)
        if test.done:
            break
    return test


MAGNITUDES = {
    "equal": np.ones(8),
    "growing": 2.0 ** np.arange(8),
    "heavy": np.abs(np.random.default_rng(0).standard_t(1, 8)),
    "with ties": np.array([0, 1, 2, 0, 1, 5, 0, 1.0]),
}


@pytest.mark.parametrize("magnitude", MAGNITUDES.values(), ids=MAGNITUDES)
def test_every_sign_pattern_counted_the_game_is_fair_and_the_level_kept(magnitude):
    patterns = [magnitude * signs for signs in itertools.product([1.0, -1.0], repeat=magnitude.size)]
    ends = [wealth(run(d, level=1 - 1e-9)) for d in patterns]  # a level that no eight pairs reach: played to the end
    assert np.mean(ends, axis=0) == pytest.approx([1, 1], rel=1e-9)
    for level in (0.5, 0.8, 0.95):
        verdicts = [run(d, level=level).verdict for d in patterns]
        assert verdicts.count("better") == verdicts.count("worse") <= (1 - level) / 2 * len(patterns)
        assert level > 0.5 or verdicts.count("better") > 0


def test_verdicts_and_how_soon():
    assert (run(np.ones(20)).verdict, run(np.ones(20)).n) == ("better", 7)
    assert (run(-np.ones(20)).verdict, run(-np.ones(20)).n) == ("worse", 7)
    assert (run(np.ones(20), direction="min").verdict) == "worse"
    assert (run(np.zeros(20), margin=0.1).verdict, run(np.zeros(20), margin=0.1).n) == ("equivalent", 7)
    assert run(np.zeros(20)).verdict == "not resolved"
    assert run(np.ones(6)).verdict == "not resolved"
    assert run([1.0, -1.0] * 20, margin=0.1).verdict == "not resolved"
    assert [Sequential(0.95, 0, n, "max").reachable for n in (6, 7, 40)] == [False, True, True]


def test_most_effects_of_one_deviation_are_found_within_forty():
    ends = [run(d) for d in np.random.default_rng(3).normal(1, 1, (100, 40))]
    assert np.mean([test.verdict == "better" for test in ends]) >= 0.95
    assert np.median([test.n for test in ends]) <= 16


@pytest.mark.parametrize("seed", range(5))
def test_laws(seed):
    d = np.random.default_rng(seed).normal(seed / 4, 1, 15)
    one, other, scaled = run(d, margin=0.5), run(-d, margin=0.5), run(8 * d, margin=4)
    assert other.verdict == {"better": "worse", "worse": "better"}.get(one.verdict, one.verdict)
    assert other.n == one.n == scaled.n
    assert scaled.verdict == one.verdict
    assert wealth(other) == pytest.approx(wealth(one)[::-1])
    assert wealth(scaled) == pytest.approx(wealth(one))
    assert wealth(run(-d, margin=0.5, direction="min")) == wealth(one)


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


@pytest.mark.parametrize("shift", [0.0, 100.0, -100.0])
def test_the_interval_of_barely_enough_pairs_reaches_far_and_moves_with_the_pairs(shift):
    """Seven equal differences refute 0 up to the level 0.9666. At 0.966 an effect has to lie many times their spread
    away before seven unequal ones look equal from there."""
    d = np.random.default_rng([7, 0]).normal(0.4, 1, 7)
    test = run(d + shift, level=0.966)
    low, high = test.interval()
    assert low - shift < d.min() - 5 * np.ptp(d)
    assert (low - shift, high - shift) == pytest.approx(run(d, level=0.966).interval(), abs=1e-6)
    assert [test.refutes(effect) for effect in (low - 1e-6, low + 1e-6)] == [True, False]
    assert [test.refutes(effect) for effect in (high - 1e-6, high + 1e-6)] == [False, True]


def test_thousands_of_pairs_do_not_overflow():
    test = run(np.resize([1.0, -1.0], 1_200), margin=0.0)
    assert test.verdict == "not resolved"
    assert test.refutes(-3)
    low, high = test.interval()
    assert -0.5 < low < 0 < high < 0.5


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
