"""Several tasks: values against published examples and other formulas, laws of the scale, the bootstrap's manners."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from seqexp.statistics import across_tasks

# Scores of the tests of rliable (Agarwal et al. 2021), whose values are published there: runs x tasks.
X = np.array([[1, 2], [2, 2], [1, 1], [2, 1]])
Y = np.array([[1, 1], [2, 2], [3, 3]])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def matrix(seed: int, runs: int = 5, tasks: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(runs, tasks)) + np.arange(tasks)


# -- summaries -------------------------------------------------------------------------------------------------------


def test_rliables_published_values():
    assert across_tasks.interquartile_mean(X) == pytest.approx(1.5, abs=1e-9)
    assert across_tasks.interquartile_mean(Y) == pytest.approx(2.0, abs=1e-9)
    assert across_tasks.probability_of_improvement(X, Y) == pytest.approx(1 / 3, abs=1e-9)


@pytest.mark.parametrize("runs, tasks", [(1, 1), (3, 1), (5, 7), (4, 4)])
def test_interquartile_mean_by_hand(runs, tasks):
    scores = matrix(0, runs, tasks)
    cut = runs * tasks // 4
    assert across_tasks.interquartile_mean(scores) == pytest.approx(
        np.sort(scores.ravel())[cut : runs * tasks - cut].mean()
    )


def test_probability_of_improvement_is_mann_and_whitneys():
    a, b = np.round(matrix(0, 5)), np.round(matrix(1, 8) + 0.3)  # rounded: ties
    want = [stats.mannwhitneyu(x, y).statistic / 40 for x, y in zip(a.T, b.T, strict=True)]
    assert across_tasks.probability_of_improvement(a, b) == pytest.approx(np.mean(want), abs=1e-9)
    assert across_tasks.probability_of_improvement(b, a) == pytest.approx(1 - np.mean(want), abs=1e-9)
    with pytest.raises(ValueError, match="same K tasks"):
        across_tasks.probability_of_improvement(a, b[:, :3])


def test_bootstrap_intervals_hold_the_value_and_come_again():
    a, b = matrix(0), matrix(1)
    for estimate in (lambda g: across_tasks.iqm(a, g), lambda g: across_tasks.improvement(a, b, g)):
        one = estimate(rng(3))
        assert one == estimate(rng(3)) != estimate(rng(4))
        assert one.low < one.value < one.high
    assert across_tasks.improvement(a + 9, b, rng()) == across_tasks.Estimate(1, 1, 1)


def test_the_bootstrap_draws_runs_within_each_task_independently():
    constant = np.tile(np.arange(8.0), (6, 1))  # runs alike, tasks apart: nothing to resample
    estimate = across_tasks.iqm(constant, rng())
    assert (estimate.low, estimate.high) == (estimate.value, estimate.value)
    coins = np.tile([[0.0], [1.0]], (2, 2))  # two tasks; if drawn together their mean would vary twice as much
    profile = across_tasks.performance_profile(coins, [0.5], rng(), level=0.9, repetitions=20_000)
    law = stats.binom(8, 0.5)  # eight independent draws
    assert (profile.low[0], profile.high[0]) == (law.ppf(0.05) / 8, law.ppf(0.95) / 8)


def test_blocks_of_resamples_are_all_counted(monkeypatch):
    whole = across_tasks.iqm(matrix(0), rng(), repetitions=300)
    monkeypatch.setattr(across_tasks, "BLOCK", 50)
    parts = across_tasks.iqm(matrix(0), rng(), repetitions=300)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high), abs=1e-12)


def test_one_run_a_task_has_no_interval():
    estimate = across_tasks.iqm(matrix(0, runs=1), rng())
    assert math.isfinite(estimate.value)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_performance_profile():
    taus = np.linspace(-4, 12, 33)
    profile = across_tasks.performance_profile(matrix(0), taus, rng())
    want = [np.mean([np.mean(task > tau) for task in matrix(0).T]) for tau in taus]
    assert profile.share == pytest.approx(want)
    assert (profile.share[0], profile.share[-1]) == (1, 0)
    assert (np.diff(profile.share) <= 0).all()
    assert (profile.low <= profile.share).all()
    assert (profile.share <= profile.high).all()
    assert (profile.high > profile.low).any()


# -- tests over tasks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tasks", [5, 6, 9])
def test_wilcoxon_counts_every_pattern(tasks):
    a, b = matrix(0, tasks=tasks), matrix(1, tasks=tasks) - 0.2
    d = a.mean(axis=0) - b.mean(axis=0)
    ranks = stats.rankdata(np.abs(d))
    rest = abs(ranks @ np.sign(d))
    every = [abs(ranks @ signs) >= rest - 1e-9 for signs in itertools.product([1, -1], repeat=tasks)]
    got = across_tasks.wilcoxon(a, b)
    assert got.p == pytest.approx(np.mean(every), abs=1e-9)
    assert (got.tasks, got.reachable) == (tasks, tasks >= 6)
    assert across_tasks.wilcoxon(b, a).p == got.p
    assert across_tasks.wilcoxon(a, a).p == 1


def test_friedman_and_nemenyi_by_their_formulas():
    scores = {"rnn": matrix(0), "stacked_rnn": matrix(1) + 0.4, "lstm": matrix(2) + 0.8, "other": matrix(3)}
    M, K = 4, 7
    means = np.stack([x.mean(axis=0) for x in scores.values()], axis=1)
    ranks = M - means.argsort(axis=1).argsort(axis=1)  # 1 the best
    R = ranks.mean(axis=0)
    chi2 = 12 * K / (M * (M + 1)) * (np.sum(R**2) - M * (M + 1) ** 2 / 4)  # Demsar 2006, 3.2.2
    got = across_tasks.friedman(scores)
    assert [*got.mean_ranks.values()] == pytest.approx(R.tolist(), abs=1e-12)
    assert (got.statistic, got.p) == pytest.approx((chi2, stats.chi2.sf(chi2, M - 1)), rel=1e-9)
    assert [*got.nemenyi] == [*itertools.combinations(scores, 2)]
    for (one, other), p in got.nemenyi.items():
        z = abs(got.mean_ranks[one] - got.mean_ranks[other]) / math.sqrt(M * (M + 1) / (6 * K))
        assert p == pytest.approx(stats.studentized_range.sf(z * math.sqrt(2), M, np.inf), rel=1e-9)


@pytest.mark.parametrize("models, K, q", [(3, 4, 2.343), (4, 14, 2.569), (10, 14, 3.164)])  # Demsar 2006, table 5
def test_nemenyis_critical_difference_is_the_published_one(models, K, q):
    level = 0.05
    order = np.tile(np.arange(models, dtype=float), (K, 1))  # everywhere the same order
    got = across_tasks.friedman({str(m): order[None, :, m] for m in range(models)})
    critical = q * math.sqrt(models * (models + 1) / (6 * K))
    apart = {pair: abs(got.mean_ranks[pair[0]] - got.mean_ranks[pair[1]]) for pair in got.nemenyi}
    assert {pair: p < level for pair, p in got.nemenyi.items()} == {pair: d > critical for pair, d in apart.items()}
    assert len({p < level for p in got.nemenyi.values()}) == 2


def test_models_that_are_all_alike_rank_alike():
    got = across_tasks.friedman({name: np.ones((3, 5)) for name in "abc"})
    assert (got.p, got.statistic, got.mean_ranks) == (1, 0, {"a": 2, "b": 2, "c": 2})
    assert set(got.nemenyi.values()) == {1.0}


# -- one scale -------------------------------------------------------------------------------------------------------


def test_the_scale_runs_from_no_memory_to_the_best_run():
    scores = {"rnn": np.array([[0.6, 9.0], [0.5, 12.0]]), "lstm": np.array([[1.0, 7.0], [0.9, 8.0]])}
    got = across_tasks.normalised(scores, [0.5, 10.0], ["max", "min"])
    assert got["rnn"] == pytest.approx(np.array([[0.2, 1 / 3], [0, -2 / 3]]))
    assert got["lstm"] == pytest.approx(np.array([[1, 1], [0.8, 2 / 3]]))


def test_the_scale_forgets_units():
    a, b = matrix(0), matrix(1)
    base = np.minimum(a, b).min(axis=0)
    one = across_tasks.normalised({"a": a, "b": b}, base, ["max"] * 7)
    other = across_tasks.normalised({"a": 3 - 5 * a, "b": 3 - 5 * b}, 3 - 5 * base, ["min"] * 7)
    assert other["a"] == pytest.approx(one["a"])
    assert max(one["a"].max(), one["b"].max()) == 1
    assert min(one["a"].min(), one["b"].min()) == 0


def test_a_task_nobody_learns_has_no_scale():
    scores = {"a": np.array([[0.5, 3.0]]), "b": np.array([[0.4, 2.0]])}
    assert across_tasks.has_scale(scores, [0.5, 3.0], ["max", "min"]).tolist() == [False, True]
    with pytest.raises(ValueError, match=r"tasks \[0\]"):
        across_tasks.normalised(scores, [0.5, 3.0], ["max", "min"])


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: across_tasks.interquartile_mean(np.ones(3)), "runs and tasks"),
        (lambda: across_tasks.interquartile_mean(np.ones((0, 3))), "runs and tasks"),
        (lambda: across_tasks.iqm(np.array([[1.0, math.nan]]), rng()), "finite"),
        (lambda: across_tasks.iqm(X, rng(), level=1.0), "level"),
        (lambda: across_tasks.friedman({"a": X, "b": X}), "three models"),
        (lambda: across_tasks.friedman({"a": X, "b": X, "c": X[:, :1]}), "same K"),
        (lambda: across_tasks.friedman(dict.fromkeys("abc", X[:, :1])), "two tasks"),
        (lambda: across_tasks.normalised({"a": X}, [0.0], ["max", "max"]), "K = 2"),
        (lambda: across_tasks.normalised({"a": X}, [0.0, math.nan], ["max", "max"]), "finite"),
        (lambda: across_tasks.normalised({"a": X}, [0.0, 0.0], ["max", "up"]), "directions"),  # type: ignore[list-item]
        (lambda: across_tasks.normalised({}, [0.0, 0.0], ["max", "max"]), "must be a model"),
    ],
)
def test_senseless_input_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
