"""Which model wins on a fresh seed: values against SciPy and by hand, laws, and what is refused."""

import itertools
import math

import numpy as np
import pytest

from seqexp.statistics import brunner_munzel
from seqexp.statistics.typical_run import typical_run


def judged(a, b, *, direction="max", margin=0.0, **more):
    return typical_run(a, b, direction=direction, margin=margin, **more)


@pytest.mark.parametrize("seed", range(4))
def test_the_statistic_is_brunner_and_munzels(seed):
    from scipy import stats

    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.3, 2, 9).round(seed), rng.normal(size=7).round(seed)  # with many ties for seed 0
    theta, variance = brunner_munzel.share_and_variance(*brunner_munzel.blocks(a, b))
    assert (theta - 0.5) / math.sqrt(variance) == pytest.approx(stats.brunnermunzel(b, a).statistic, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_permutation_test_counts_every_division_of_the_scores(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.5, 1, 5), rng.normal(size=4)
    pooled = np.concatenate([a, b])

    def statistic(x, y):
        wins = (x[:, None] > y).astype(float)  # no ties here
        variance = wins.mean(axis=1).var(ddof=1) / len(x) + wins.mean(axis=0).var(ddof=1) / len(y)
        return (wins.mean() - 0.5) / math.sqrt(max(variance, 1e-12))

    reached = []
    for chosen in itertools.combinations(range(9), 5):
        mine = np.isin(np.arange(9), chosen)
        reached.append(abs(statistic(pooled[mine], pooled[~mine])) >= abs(statistic(a, b)) * (1 - 1e-9))
    theta, variance = brunner_munzel.share_and_variance(*brunner_munzel.blocks(a, b))
    p = np.mean(reached)
    one_sided = p / 2 if theta > 0.5 else 1 - p / 2 if theta < 0.5 else 1.0
    larger = brunner_munzel.p_larger(*brunner_munzel.blocks(a, b))
    assert larger == pytest.approx(max(one_sided, brunner_munzel.p_share(theta, variance, 4, 0.5)), rel=1e-9)


def test_nearly_constant_scores_are_judged_as_coins():
    """b's runs all score 1: a's are above or below. Six of seven above are a binomial tail, (7 + 1) / 2^7."""
    mixed = judged([2, 2.1, 2.2, 2.3, 2.4, 2.5, 0], [1] * 7)
    assert mixed.probability == pytest.approx(6 / 7)
    assert mixed.p == pytest.approx(2 * 8 / 2**7, rel=1e-6)
    assert (mixed.verdict, mixed.low) == ("not resolved", pytest.approx(0.385, abs=0.05))


@pytest.mark.parametrize("n, verdict", [(5, "not resolved"), (6, "better")])
def test_five_runs_of_each_never_suffice_and_six_do(n, verdict):
    result = judged(np.arange(n) + 10.0, np.arange(n))
    assert (result.verdict, result.reachable) == (verdict, n > 5)
    assert result.p == pytest.approx(2.0 ** (1 - n), rel=1e-6)
    assert (result.low >= 0.5) == (n > 5)
    assert result.unseen == pytest.approx(1 - 0.05 ** (1 / n))


def test_a_run_without_a_score_loses_and_two_of_them_tie():
    lost = judged([1.0, 1.0, None], [2.0, math.nan, None])
    # Each 1.0 loses to 2.0 and beats the two lost ones; the lost run of a loses to 2.0 and ties twice.
    assert lost.probability == pytest.approx((0 + 1 + 1 + 0 + 1 + 1 + 0 + 0.5 + 0.5) / 9)
    assert judged([None] * 8, [3.0] * 8, direction="min").verdict == "worse"
    assert judged([None] * 8, [None] * 8).p == 1.0


def test_a_model_that_wins_in_most_seeds_is_better_here_however_badly_it_fails_in_others():
    a = [0.95 + i / 1000 for i in range(19)] + [0.0]
    assert judged(a, np.linspace(0.90, 0.94, 20)).verdict == "better"
    assert np.mean(a) < 0.92, "although its mean is the worse one"


@pytest.mark.parametrize("seed", range(3))
def test_laws(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.8, 1, 12), rng.normal(size=12)
    one, swapped = judged(a, b), judged(b, a)
    assert (swapped.probability, swapped.p) == (pytest.approx(1 - one.probability), pytest.approx(one.p))
    assert (swapped.low, swapped.high) == (pytest.approx(1 - one.high), pytest.approx(1 - one.low))
    assert one == judged(np.exp(a), np.exp(b)), "only the order counts"
    assert one == judged(rng.permutation(a), rng.permutation(b)), "no pair of seeds counts"
    assert one == judged(-a, -b, direction="min")
    assert one.low <= one.probability <= one.high


def test_the_interval_is_that_of_the_level_asked_for():
    a, b = [0.1, 0.5, 0.3, 0.9, 0.7, 0.2], [0.4, 0.6, 0.8, 0.35, 0.65, 0.15]
    found = [typical_run(a, b, direction="max", margin=0.0, level=level) for level in (0.5, 0.9, 0.99)]
    assert found[0].high < found[1].high < found[2].high
    assert found[0].low > found[1].low > found[2].low


def test_equivalent_where_most_differences_lie_within_the_margin():
    scores = [0.5, 0.51, 0.52, 0.53, 0.54, 0.55]
    assert judged(scores, scores, margin=0.1).verdict == "equivalent"
    assert judged(scores, scores, margin=0.001).verdict == "not resolved"
    assert judged([1.0] * 6, [1.0] * 6).verdict == "equivalent", "all ties lie within a margin of 0"
    ahead = judged([0.6] * 6, [0.5] * 6, margin=0.1)
    assert (ahead.verdict, ahead.p_claim) == ("equivalent", ahead.p_equivalent), (
        "a certain difference that is no matter"
    )
    assert judged([0.6] * 6, [0.5] * 6, margin=0.09).verdict == "better"


def test_a_corrected_p_may_take_the_verdict_back():
    result = judged(np.arange(8) + 10.0, np.arange(8))
    assert result.verdict_at(result.p_claim, 0.95) == "better"
    assert result.verdict_at(0.06, 0.95) == "not resolved"
    assert not judged(np.arange(8) + 10.0, np.arange(8), claims=88).reachable


def test_scores_that_differ_by_rounding_tie():
    assert judged([0.1 + 0.2] * 7, [0.3] * 7).probability == 0.5


@pytest.mark.parametrize("a, b", [([], [1.0]), ([[1.0]], [1.0])])
def test_senseless_input_is_refused(a, b):
    with pytest.raises(ValueError, match="at least one run"):
        judged(a, b)


def test_divisions_of_many_runs_are_looked_at_in_parts_and_give_the_same_p(monkeypatch):
    numbers = np.random.default_rng(0)
    counts = brunner_munzel.blocks(numbers.normal(size=10).round(1), numbers.normal(size=12).round(1))
    whole = brunner_munzel.p_permuted(*counts)
    monkeypatch.setattr(brunner_munzel, "MOST_KEPT", 0)
    monkeypatch.setattr(brunner_munzel, "A_PART", 100_000)
    brunner_munzel._reference.cache_clear()
    assert brunner_munzel.p_permuted(*counts) == whole
    brunner_munzel._reference.cache_clear()


def sizes(theta, variance, n):
    """The size of a sample of coins with this variance, and what is left out of the count's atom."""
    size = min(max(theta * (1 - theta) / variance, n), 4 * n)
    return size, 0.5 * min(max((size / n - 1) / 0.1, 0), 1)


@pytest.mark.parametrize("spread", [0.02, 0.3, 3.0])
def test_the_chance_has_korn_and_graubards_interval_and_the_mid_p_of_its_coins(spread):
    from scipy import stats

    rng = np.random.default_rng(0)
    counts = brunner_munzel.blocks(rng.normal(0, spread, 9), rng.normal(0, 1, 6))
    theta, variance = map(float, brunner_munzel.share_and_variance(*counts))
    size, left_out = sizes(theta, variance, 6)
    p = stats.beta.cdf(0.5, theta * size + left_out, size * (1 - theta) + 1 - left_out)
    assert brunner_munzel.p_share(np.array(theta), np.array(variance), 6, 0.5) == pytest.approx(p)

    larger = variance * (stats.t.ppf(0.975, 9 + 6 - 2) / stats.norm.ppf(0.975)) ** 2  # it is estimated
    size, _ = sizes(theta, larger, 6)
    low, high = brunner_munzel.share_interval(*counts, 0.95)
    assert low == pytest.approx(stats.beta.ppf(0.025, theta * size, size * (1 - theta) + 1), abs=1e-9)
    assert high == pytest.approx(stats.beta.ppf(0.975, theta * size + 1, size * (1 - theta)), abs=1e-9)


def test_many_claims_at_once_are_each_as_alone():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(3, 5)).round(1), rng.normal(size=(3, 4)).round(1)
    a[1, 2] = -np.inf
    for i, (mine, theirs) in enumerate(zip(*brunner_munzel.blocks(a, b), strict=True)):
        alone = brunner_munzel.blocks(a[i], b[i])
        np.testing.assert_array_equal(mine, alone[0])
        np.testing.assert_array_equal(theirs, alone[1])


def test_further_runs_are_those_of_the_normal_distribution():
    from scipy import stats

    rng = np.random.default_rng(3)
    a, b = rng.normal(0.4, 1, 12), rng.normal(0, 1, 10)
    result = judged(a, b)
    theta, variance = map(float, brunner_munzel.share_and_variance(*brunner_munzel.blocks(a, b)))
    larger = variance * (stats.t.ppf(0.975, 20) / stats.norm.ppf(0.975)) ** 2
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert theta > 0.5
    assert result.more == math.ceil(10 * larger * (z / (theta - 0.5)) ** 2) - 10
