"""The verdict on paired seeds: values against independent implementations, laws, calibration, degenerate input."""

import math

import numpy as np
import pytest
from scipy import stats

from seqexp.statistics.paired import Paired, paired
from seqexp.statistics.pairs import half_interval, sign_flip
from seqexp.statistics.sequential import Sequential


def scores(n: int, seed: int = 0, effect: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([n, seed])
    return rng.normal(effect, 1, n), rng.normal(0, 1, n)


def judge(a, b, direction="max", margin=0.0, level=0.95) -> Paired:
    return paired(a, b, direction=direction, margin=margin, level=level)


# -- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 5, 10, 40])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_t_interval_and_p_are_scipys(n, level):
    a, b = scores(n, effect=0.7)
    want = stats.ttest_rel(a, b)
    low, high = want.confidence_interval(level)
    got = judge(a, b, level=level)
    assert [got.low, got.high, got.p_t] == pytest.approx([low, high, want.pvalue], rel=1e-9, abs=1e-12)
    assert [got.effect, got.sd] == pytest.approx([np.mean(a - b), stats.tstd(a - b)], rel=1e-12)
    assert got.n == n


@pytest.mark.parametrize("n", [2, 3, 12])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_interval_of_a_mean_is_scipys(n, level):
    values = scores(n)[0]
    low, high = stats.t.interval(level, n - 1, np.mean(values), stats.sem(values))
    assert half_interval(values.tolist(), level) == pytest.approx((high - low) / 2, rel=1e-9)


def test_one_value_has_no_interval_and_two_have_a_wide_one():
    assert half_interval([0.0, 2.0]) == pytest.approx(12.7062, rel=1e-5)  # t of one degree of freedom
    assert math.isnan(half_interval([1.0]))
    assert math.isnan(half_interval([]))


@pytest.mark.parametrize("n", [2, 5, 6, 9, 12])
@pytest.mark.parametrize("kind", ["real", "tied", "zeros"])
def test_sign_flip_p_is_scipys(n, kind):
    a, b = scores(n, effect=0.5)
    d = {"real": a - b, "tied": np.round(a - b), "zeros": np.where(np.arange(n) % 3, a - b, 0)}[kind]
    want = stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    assert sign_flip(d) == pytest.approx(want, rel=1e-9)


def counted(d: np.ndarray) -> float:
    """The sign-flip p of whole numbers by the distribution of their signed sum, one number at a time."""
    ways = np.array([1.0])
    for value in np.abs(d):
        wider = np.zeros(ways.size + 2 * value)
        wider[: ways.size] += ways / 2
        wider[2 * value :] += ways / 2
        ways = wider
    sums = np.arange(ways.size) - ways.size // 2
    return float(ways[np.abs(sums) >= abs(d.sum())].sum())


@pytest.mark.parametrize("n", [7, 20, 31, 32])
def test_sign_flip_counts_every_pattern_of_many_pairs(n):
    d = np.random.default_rng(n).integers(-9, 12, n)
    assert sign_flip(d) == pytest.approx(counted(d), rel=1e-9)
    assert sign_flip(d / 10) == pytest.approx(counted(d), rel=1e-9)  # tenths are rounded, and tie all the same


@pytest.mark.parametrize("n, effect", [(33, 2), (50, 1), (120, 0)])
def test_sign_flip_draws_patterns_of_more_pairs(n, effect):
    d = np.random.default_rng(n).integers(-9, 10, n) + effect
    want = counted(d)
    assert sign_flip(d) == pytest.approx(want, abs=5 * math.sqrt(want * (1 - want) / 99_999) + 1e-5)
    assert sign_flip(d) == sign_flip(-d) == sign_flip(d[::-1])
    assert sign_flip(np.ones(n)) == 1 / 100_000  # never zero


def test_the_patterns_drawn_are_the_same_every_time_and_on_every_machine():
    assert sign_flip(np.arange(-17, 24)) == 0.12005  # whole numbers, so that no machine rounds


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_sign_flip_loses_no_small_difference_beside_a_large_one(dtype):
    """2^24 + 1 is not a float32. Of the eight patterns only + + + and - - - have a sum of 2^24 + 2."""
    assert sign_flip(np.array([2**24, 1, 1], dtype)) == 2 / 8


@pytest.mark.parametrize("wins, n", [(0, 5), (3, 6), (17, 20), (20, 20)])
def test_probability_of_winning_a_fresh_seed_has_the_exact_interval(wins, n):
    a = np.where(np.arange(n) < wins, 1.0, -1.0)
    got = judge(a, np.zeros(n))
    want = stats.binomtest(wins, n).proportion_ci(method="exact")
    assert (got.p_superior, got.wins) == (wins / n, wins / n)
    assert [got.p_low, got.p_high] == pytest.approx([want.low, want.high], rel=1e-9, abs=1e-12)


def test_ties_count_half():
    got = judge([1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0])
    assert got.wins == 0.5
    assert got.p_low == pytest.approx(1 - got.p_high)


@pytest.mark.parametrize("effect, pairs", [(0.3, 90), (0.5, 34), (0.7, 19)])  # statsmodels' TTestPower, rounded up
def test_more_seeds_is_the_power_analysis(effect, pairs):
    d = np.array([-1.0, 1.0] * 4)
    d = d / d.std(ddof=1) + effect
    got = judge(d, np.zeros(8))
    assert (got.verdict, got.more_seeds) == ("not resolved", pairs - 8)


def test_more_seeds_would_do():
    rng, n = np.random.default_rng(5), 8
    d = np.array([-1.0, 1.0] * 4)
    d /= d.std(ddof=1)
    for effect, margin in ((0.6, 0.0), (0.0, 0.8), (0.1, 0.9)):
        got = judge(d + effect, np.zeros(n), margin=margin)
        assert got.more_seeds
        fresh = rng.normal(effect, 1, (400, n + got.more_seeds))
        resolved = np.mean([judge(x, np.zeros(x.size), margin=margin).verdict != "not resolved" for x in fresh])
        assert 0.72 <= resolved <= 0.9


# -- laws ------------------------------------------------------------------------------------------------------------

MIRRORED = {"better": "worse", "worse": "better"}


def close(one: Paired, other: Paired, scale: float = 1.0) -> None:
    assert (one.verdict, one.n, one.reachable, one.wins) == (other.verdict, other.n, other.reachable, other.wins)
    assert one.more_seeds == other.more_seeds
    lengths = ("effect", "low", "high", "sd")
    assert [getattr(one, x) for x in lengths] == pytest.approx([scale * getattr(other, x) for x in lengths], abs=1e-9)
    assert [one.p_t, one.p_sign_flip] == pytest.approx([other.p_t, other.p_sign_flip], rel=1e-6)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [5, 7, 12])
def test_laws(n, seed):
    a, b = scores(n, seed, effect=seed / 4)
    one = judge(a, b, margin=0.5)
    swapped = judge(b, a, margin=0.5)
    assert swapped.verdict == MIRRORED.get(one.verdict, one.verdict)
    assert (swapped.effect, swapped.low, swapped.high) == pytest.approx((-one.effect, -one.high, -one.low))
    assert (swapped.p_sign_flip, swapped.p_t) == (one.p_sign_flip, one.p_t)
    assert (swapped.p_low, swapped.p_high) == pytest.approx((1 - one.p_high, 1 - one.p_low))
    assert judge(b, a, direction="min", margin=0.5) == one
    close(judge(a + 3, b + 3, margin=0.5), one)
    close(judge(4 * a, 4 * b, margin=2), one, scale=4)
    order = np.random.default_rng(seed).permutation(n)
    close(judge(a[order], b[order], margin=0.5), one)


# -- the verdict -----------------------------------------------------------------------------------------------------


def test_five_pairs_can_never_reach_five_percent_and_six_can():
    five, six = (judge(np.arange(n) / 100 + 1, np.zeros(n)) for n in (5, 6))
    assert (five.verdict, five.reachable, five.p_sign_flip) == ("not resolved", False, 0.0625)
    assert five.p_t < 1e-6
    assert five.more_seeds == 1
    assert (six.verdict, six.reachable, six.more_seeds) == ("better", True, 0)
    assert judge(np.arange(5) / 100 + 1, np.zeros(5), level=0.9375).verdict == "better"  # 1 - 1/16, exactly


@pytest.mark.parametrize("unit", [1.0, 1e-3, -1.0])
def test_an_outlier_that_carries_the_mean_convinces_only_together_with_signs(unit):
    d = unit * np.array([1.0, 1.1, 0.9, 1.0, 1.2, 0.8, 1.0, 30.0])
    got = judge(d, np.zeros(8))
    assert (got.verdict, got.p_sign_flip < 0.05, got.low < 0 < got.high) == ("not resolved", True, True)


def test_the_interval_alone_does_not_decide():
    d = np.array([5.0, 5.1, 5.2, 4.9, 5.0])
    assert judge(d, np.zeros(5)).low > 0
    assert judge(d, np.zeros(5)).verdict == "not resolved"


def test_what_is_certain_but_within_the_margin_is_equivalent():
    d = np.array([0.1, 0.11, 0.09] * 4)
    assert judge(d, np.zeros(12), margin=0.05).verdict == "better"
    assert judge(d, np.zeros(12), margin=0.1).verdict == "better"  # the interval sticks out
    assert judge(d, np.zeros(12), margin=0.2).verdict == "equivalent"
    assert judge(-d, np.zeros(12), margin=0.2).verdict == "equivalent"


def test_equal_scores_are_equivalent_once_there_are_five():
    two, four, five = (judge(np.ones(n), np.ones(n), margin=0.01) for n in (2, 4, 5))
    assert (two.verdict, two.more_seeds) == ("not resolved", 3)
    assert (four.verdict, four.more_seeds) == ("not resolved", 1)
    assert five.verdict == "equivalent"
    assert (five.effect, five.low, five.high, five.p_t, five.p_sign_flip, five.wins) == (0, 0, 0, 1, 1, 0.5)
    # Failures in this share of seeds would have been seen in five with a chance of 95 %.
    assert 1 - (1 - five.unseen) ** 5 == pytest.approx(0.95)


def test_a_constant_difference_needs_six():
    five, six = (judge(np.full(n, 0.75), np.full(n, 0.5), margin=0.01) for n in (5, 6))
    assert (five.verdict, five.more_seeds, five.p_t) == ("not resolved", 1, 0)
    assert (six.verdict, six.low, six.high) == ("better", 0.25, 0.25)
    tenth = judge(np.full(6, 0.1), np.zeros(6))  # the mean of six tenths is rounded to less
    assert (tenth.effect, tenth.sd, tenth.low, tenth.high, tenth.p_t) == (0.1, 0, 0.1, 0.1, 0)


def test_rounding_is_no_difference():
    assert judge([0.1 + 0.2] * 8, [0.3] * 8).wins == 0.5
    assert judge([0.1 + 0.2] * 8, [0.3] * 8).verdict == "equivalent"


def test_one_pair_says_nothing_of_the_spread():
    got = judge([1.0], [0.0])
    assert (got.verdict, got.reachable, got.more_seeds, got.p_t) == ("not resolved", False, None, 1)
    assert (got.low, got.high) == (-math.inf, math.inf)
    assert math.isnan(got.sd)


def test_no_number_of_seeds_resolves_no_effect_without_a_margin():
    got = judge([1.0, -1.0] * 4, np.zeros(8))
    assert (got.effect, got.verdict, got.more_seeds) == (0, "not resolved", None)


@pytest.mark.parametrize(
    "a, b, settings, says",
    [
        ([], [], {}, "n >= 1"),
        ([1, 2], [1], {}, "same n"),
        ([[1, 2]], [[1, 2]], {}, "same n"),
        ([1, math.nan], [1, 2], {}, "finite"),
        ([1, 2], [1, -math.inf], {}, "finite"),
        ([1, None], [1, 2], {}, "finite"),
        ([1, 2], [None, 2], {}, "finite"),
        ([1, 2], [1, 2], {"direction": "up"}, "direction"),
        ([1, 2], [1, 2], {"margin": -1}, "margin"),
        ([1, 2], [1, 2], {"margin": math.nan}, "margin"),
        ([1, 2], [1, 2], {"level": 95}, "level"),
    ],
)
def test_senseless_input_is_refused(a, b, settings, says):
    with pytest.raises(ValueError, match=says):
        judge(a, b, **settings)
    if settings:
        with pytest.raises(ValueError, match=says):
            Sequential(**{"level": 0.95, "margin": 0.0, "direction": "max", "max_seeds": 9, **settings})


def test_one_standard_deviation_is_found_at_twenty_pairs():
    d = np.random.default_rng(2).normal(1, 1, (400, 20))
    assert np.mean([judge(x, np.zeros(20)).verdict == "better" for x in d]) >= 0.95
