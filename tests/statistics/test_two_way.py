"""Seeds and test examples as two samples: the interval against a crossed model with known parts, and by hand."""

import numpy as np
import pytest

from seqexp.statistics.two_way import pigeonhole, two_way


def crossed(rng, seeds, examples, sd_seeds, sd_examples, sd_rest, effect=0.0):
    """Two models' scores (S, E), the first ahead by an effect with crossed random parts."""
    d = effect + sd_seeds * rng.normal(size=(seeds, 1)) + sd_examples * rng.normal(size=examples)
    b = rng.normal(size=(seeds, examples))
    return b + d + sd_rest * rng.normal(size=b.shape), b


def test_the_parts_are_found():
    found = two_way(*crossed(np.random.default_rng(0), 300, 300, 1.0, 2.0, 3.0, effect=5.0), direction="max")
    assert (found.sd_seeds, found.sd_examples, found.sd_rest) == pytest.approx((1, 2, 3), rel=0.1)
    assert found.effect == pytest.approx(5, abs=0.5)
    assert found.se == pytest.approx(np.sqrt((1 + 4 + 9 / 300) / 300), rel=0.1)


def test_the_mean_squares_by_hand():
    a, b = np.array([[1.0, 2.0], [2.0, 5.0]]), np.zeros((2, 2))
    # means: rows 1.5 and 3.5, columns 1.5 and 3.5, all 2.5. Mean squares: rows 4, columns 4, rest 4 * 0.25 = 1.
    found = two_way(a, b, direction="max")
    assert found.se == pytest.approx(np.sqrt((4 + 4 - 1) / 4))
    assert found.df == pytest.approx(7**2 / (16 + 16 + 1))
    assert found.se_seeds == pytest.approx(np.sqrt(4 / 4))


@pytest.mark.parametrize("parts", [(0.1, 1.0, 1.0), (1.0, 1.0, 1.0), (0.5, 0.0, 1.0), (0.0, 0.0, 1.0)], ids=str)
def test_the_interval_covers_where_one_over_seeds_alone_does_not(parts):
    rng = np.random.default_rng(7)
    found = [two_way(*crossed(rng, 6, 40, *parts), direction="max") for _ in range(400)]
    covered = np.mean([each.low <= 0 <= each.high for each in found])
    assert covered >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 400)
    if parts[1] == 1.0 and parts[0] == 0.1:
        assert np.mean([abs(each.effect) <= 2.57 * each.se_seeds for each in found]) < 0.85, "t with 5 df"


def test_with_many_seeds_the_bootstrap_over_both_agrees():
    a, b = crossed(np.random.default_rng(1), 60, 80, 1.0, 1.0, 1.0)
    found, (low, high) = two_way(a, b, direction="max"), pigeonhole(a, b, np.random.default_rng(2), direction="max")
    assert (high - low) / (found.high - found.low) == pytest.approx(1, abs=0.1)
    assert (high + low) / 2 == pytest.approx(found.effect, abs=0.1 * (high - low))


def test_the_direction_turns_the_difference_round():
    a, b = crossed(np.random.default_rng(3), 4, 9, 1.0, 1.0, 1.0)
    one, other = two_way(a, b, direction="max"), two_way(a, b, direction="min")
    assert (one.effect, one.low, one.high) == pytest.approx((-other.effect, -other.high, -other.low))


def test_two_models_that_answer_alike_differ_by_nothing():
    found = two_way(np.ones((3, 5)), np.ones((3, 5)), direction="max")
    assert (found.low, found.high, found.se) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (5,)])
def test_one_seed_or_one_example_is_refused(shape):
    with pytest.raises(ValueError, match="two or more"):
        two_way(np.ones(shape), np.ones(shape), direction="max")


def test_the_interval_does_not_depend_on_the_unit():
    a, b = crossed(np.random.default_rng(5), 4, 9, 1.0, 1.0, 1.0)
    one, other = two_way(a, b, direction="max"), two_way(a / 1000, b / 1000, direction="max")
    assert (other.df, 1000 * other.low, 1000 * other.high) == pytest.approx((one.df, one.low, one.high))
