"""Bets on a bounded mean: fair games, and intervals that cover it."""

import numpy as np
import pytest

from seqexp.statistics import betting


@pytest.mark.parametrize("mean", [0.1, 0.5, 0.9])
def test_the_wealth_is_the_product_of_the_bets(mean):
    x = np.array([0.2, 1.0, 0.0, 0.7])
    by_hand = [np.prod([1 + c * (value - mean) / mean for value in x]) for c in betting.STAKES]
    assert betting.wealth(x, mean)[-1] == pytest.approx(np.mean(by_hand), rel=1e-12)
    assert betting.wealth(x, mean)[0] == pytest.approx(np.mean(1 + betting.STAKES * (0.2 - mean) / mean), rel=1e-12)


@pytest.mark.parametrize("anytime", [False, True])
@pytest.mark.parametrize("order", [1, -1])
def test_the_ends_are_the_means_that_just_make_no_gambler_rich(anytime, order):
    x = np.sort(np.random.default_rng(0).beta(2, 5, 30))[::order]  # rising or falling, as the wealth then does
    low, high = betting.mean_interval(x, 0.95, anytime=anytime)
    assert low < x.mean() < high
    assert betting.p_larger(x, float(low), anytime=anytime) == pytest.approx(0.025, rel=1e-6)
    assert betting.p_larger(1 - x, 1 - float(high), anytime=anytime) == pytest.approx(0.025, rel=1e-6)


def test_looking_whenever_one_likes_costs_width_and_never_loses_what_was_known():
    x = np.random.default_rng(1).random((20, 40))
    low, high = betting.mean_interval(x, 0.95, anytime=True)
    low_early, high_early = betting.mean_interval(x[:, :20], 0.95, anytime=True)
    assert (low >= low_early).all()
    assert (high <= high_early).all()
    fixed_low, fixed_high = betting.mean_interval(x, 0.95, anytime=False)
    assert (fixed_low <= low).all(), "what was refuted at an earlier look stays so"
    assert (high <= fixed_high).all()


@pytest.mark.parametrize("chance", [0.02, 0.1, 0.5])
def test_a_mean_of_coins_is_covered_at_every_look(chance):
    x = (np.random.default_rng([2, int(100 * chance)]).random((1500, 40)) < chance).astype(float)
    above, below = betting.p_larger(x, chance, anytime=True), betting.p_larger(1 - x, 1 - chance, anytime=True)
    assert 0 < np.mean(np.minimum(above, below) < 0.025) <= 0.05


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_equal_values_leave_what_is_unseen(value):
    low, high = betting.mean_interval(np.full(10, value), 0.95, anytime=False)
    assert low <= value <= high
    unseen = 1 - 0.025 ** (1 / 10)  # no honest interval can know more: so many values may lie at the far end
    assert low <= value * (1 - unseen) + 1e-9
    assert high >= value + (1 - value) * unseen - 1e-9


def test_many_samples_at_once_are_each_as_alone():
    x = np.random.default_rng(0).random((3, 2, 9))
    low, high = betting.mean_interval(x, 0.95, anytime=True)
    assert low.shape == high.shape == (3, 2)
    for place in np.ndindex(3, 2):
        assert (low[place], high[place]) == betting.mean_interval(x[place], 0.95, anytime=True)
