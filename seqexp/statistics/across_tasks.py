"""Several tasks at once: scores on one scale, summaries of many runs, and tests over tasks.

A model's scores are a matrix (R, K) of R runs (seeds) on each of K tasks; larger is better after `normalised`.
Summaries and their intervals describe the runs at hand and follow Agarwal et al. 2021 ("Deep reinforcement learning at
the edge of the statistical precipice"). Their stratified bootstrap covers too little where R K is small, so verdicts
come from each task's own test, with p values corrected by `families.holm`, and from the tests over tasks below (Demsar
2006), whose unit of replication is the task.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from seqexp.statistics.pairs import Direction, at_most, differences

REPETITIONS = 2_000  # of a bootstrap
BLOCK = 2_000_000  # numbers of a bootstrap's resamples in memory at once


@dataclass(frozen=True)
class Estimate:
    """A summary and its bootstrap interval. Both ends are nan if one run per task leaves nothing to resample."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Profile:
    """Performance profile: the share (M,) of runs above each threshold (M,), with equal task weights, and its band."""

    thresholds: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's test of two models over ``tasks`` tasks; reachable: whether so few can reach the level."""

    p: float
    tasks: int
    reachable: bool


@dataclass(frozen=True)
class Ranking:
    """Friedman's test of M > 2 models over ``tasks`` tasks, and Nemenyi's of each pair.

    mean_ranks: model -> mean rank; 1 is the best, and ties share their ranks.
    nemenyi:    (model, model) in the order given -> p, already corrected for the number of pairs.
    """

    p: float
    statistic: float
    tasks: int
    mean_ranks: dict[str, float]
    nemenyi: dict[tuple[str, str], float]


# -- one scale -------------------------------------------------------------------------------------------------------


def has_scale(
    scores: Mapping[str, np.ndarray], baseline: Sequence[float] | np.ndarray, directions: Sequence[Direction]
) -> np.ndarray:
    """(K,) bool: on which tasks some run is better than the best memoryless baseline."""
    _, _, width = _ends(scores, baseline, directions)
    return np.asarray(width > 0)


def normalised(
    scores: Mapping[str, np.ndarray], baseline: Sequence[float] | np.ndarray, directions: Sequence[Direction]
) -> dict[str, np.ndarray]:
    """Models' scores (R, K), each task in its own metric, on one scale: what memory gained.

        (score - baseline) / (best - baseline)

    0 is the best memoryless baseline, ``baseline`` (K,); 1 is the best run of any given model. Scores below 0 are worse
    than without memory; they are not cut off. The best run is the divisor because many metrics (perplexity, nats a
    frame) have no perfect score. So only models that are normalised together can be compared. The scale is affine on
    each task, so order, ties and the tests below are those of the metric itself.

    Raises ValueError if a task has no scale; `has_scale` says which to leave out, and a report should name them.
    """
    lower, sign, width = _ends(scores, baseline, directions)
    if not (width > 0).all():
        raise ValueError(
            f"tasks {np.flatnonzero(width <= 0).tolist()}: no run is better than the memoryless baseline, "
            "so they have no scale; leave them out (has_scale) and say so"
        )
    return {model: sign * (matrix - lower) / width for model, matrix in scores.items()}


# -- summaries -------------------------------------------------------------------------------------------------------


def interquartile_mean(scores: np.ndarray) -> float:
    """The mean of the middle half of all runs of all tasks (R, K): cuts a quarter from each end, rounded down."""
    from scipy.stats import trim_mean

    return float(trim_mean(_matrix(scores), 0.25, axis=None))


def iqm(
    scores: np.ndarray, rng: np.random.Generator, *, level: float = 0.95, repetitions: int = REPETITIONS
) -> Estimate:
    """`interquartile_mean` of (R, K) with its stratified bootstrap interval: runs are resampled within each task."""
    from scipy.stats import trim_mean

    scores = _matrix(scores)

    def of(drawn: np.ndarray) -> np.ndarray:
        return np.asarray(trim_mean(drawn.reshape(len(drawn), -1), 0.25, axis=1))

    low, high = _bootstrap(of, [scores], rng, level, repetitions)
    return Estimate(interquartile_mean(scores), float(low), float(high))


def probability_of_improvement(a: np.ndarray, b: np.ndarray) -> float:
    """P(a run of a beats a run of b) on a random task, ties half: the mean over tasks of U / (R_a R_b).

    a (R_a, K), b (R_b, K); U is Mann and Whitney's. Runs are compared across seeds, all with all, so this is about
    two independent runs; `paired`'s ``p_superior`` is about two runs of the same seed.
    """
    a, b = _matrix(a), _matrix(b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a and b must have the same K tasks, got {a.shape[1]} and {b.shape[1]}")
    return float(_beats(a[None], b[None])[0])


def improvement(
    a: np.ndarray, b: np.ndarray, rng: np.random.Generator, *, level: float = 0.95, repetitions: int = REPETITIONS
) -> Estimate:
    """`probability_of_improvement` with its stratified bootstrap interval."""
    value = probability_of_improvement(a, b)
    low, high = _bootstrap(_beats, [_matrix(a), _matrix(b)], rng, level, repetitions)
    return Estimate(value, float(low), float(high))


def performance_profile(
    scores: np.ndarray,
    thresholds: Sequence[float] | np.ndarray,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    repetitions: int = REPETITIONS,
) -> Profile:
    """The share of runs of (R, K) above each of M thresholds, with a pointwise stratified bootstrap band."""
    scores, thresholds = _matrix(scores), np.asarray(thresholds, float)

    def of(drawn: np.ndarray) -> np.ndarray:  # (repetitions, M)
        return np.stack([(drawn > tau).mean(axis=(1, 2)) for tau in thresholds], axis=1)

    low, high = _bootstrap(of, [scores], rng, level, repetitions)
    return Profile(thresholds, of(scores[None])[0], low, high)


# -- tests over tasks ------------------------------------------------------------------------------------------------


def wilcoxon(a: np.ndarray, b: np.ndarray, *, level: float = 0.95) -> SignedRank:
    """Wilcoxon's signed-rank test of the mean scores of a and b (each (R, K)) over the tasks, two-sided.

    Tasks without a difference are left out (Wilcoxon 1945). Exact where no two differences are equally large.
    """
    from scipy import stats

    d = differences(_matrix(a).mean(axis=0), _matrix(b).mean(axis=0), "max")
    p = float(stats.wilcoxon(d[d != 0]).pvalue) if d.any() else 1.0
    return SignedRank(p, d.size, at_most(2.0 ** (1 - d.size), 1 - level))


def friedman(scores: Mapping[str, np.ndarray]) -> Ranking:
    """Friedman's test that M >= 3 models' mean scores (R, K) rank alike over the tasks, and Nemenyi's of each pair.

    The chi-square behind p is rough below some ten tasks; compare the pairs only where p is small (Demsar 2006, 3.2).
    Raises ValueError for fewer than three models or two tasks, or models with different tasks.
    """
    from scipy import stats

    names = list(scores)
    if len(names) < 3:
        raise ValueError(f"Friedman's test compares three models or more, got {names}; for two, use wilcoxon")
    means = np.stack([_matrix(scores[name]).mean(axis=0) for name in _same_tasks(scores)], axis=1)  # (K, M)
    if len(means) < 2:
        raise ValueError("Friedman's test needs two tasks or more, got 1")
    ranks = stats.rankdata(-means, axis=1)
    pairs = list(combinations(range(len(names)), 2))
    if np.ptp(ranks) == 0:  # all equal on every task, for which SciPy gives nan
        statistic, p, nemenyi = 0.0, 1.0, {(names[i], names[j]): 1.0 for i, j in pairs}
    else:
        statistic, p = map(float, stats.friedmanchisquare(*means.T))
        mean, width = ranks.mean(axis=0), np.sqrt(len(names) * (len(names) + 1) / (12 * len(means)))
        apart = np.array([abs(mean[i] - mean[j]) for i, j in pairs]) / width
        p_values = stats.studentized_range.sf(apart, len(names), np.inf)  # Demsar 2006, 3.2.2
        nemenyi = {(names[i], names[j]): float(p) for (i, j), p in zip(pairs, p_values, strict=True)}
    mean_ranks = dict(zip(names, ranks.mean(axis=0).tolist(), strict=True))
    return Ranking(p, statistic, len(means), mean_ranks, nemenyi)


# -- parts -----------------------------------------------------------------------------------------------------------


def _matrix(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, float)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores must be (R, K), runs and tasks, got {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite: leave out the seeds of runs that diverged, and say how many")
    return scores


def _same_tasks(scores: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    if len({_matrix(matrix).shape[1] for matrix in scores.values()}) != 1:
        raise ValueError("all models must have the same K tasks, and there must be a model")
    return scores


def _ends(
    scores: Mapping[str, np.ndarray], baseline: Sequence[float] | np.ndarray, directions: Sequence[Direction]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each task's scale begins, its sign, and its width, all (K,)."""
    lower, runs = (
        np.asarray(baseline, float),
        np.concatenate([_matrix(matrix) for matrix in _same_tasks(scores).values()]),
    )
    if not lower.shape == (len(directions),) == (runs.shape[1],) or not np.isfinite(lower).all():
        raise ValueError(f"baseline and directions must be finite and (K,), K = {runs.shape[1]} as the scores have")
    if not set(directions) <= {"max", "min"}:
        raise ValueError(f'directions must be "max" or "min", got {list(directions)}')
    sign = np.where(np.array(directions) == "max", 1.0, -1.0)
    gain = [differences(row, lower, "max") for row in runs]
    return lower, sign, (sign * gain).max(axis=0)


def _beats(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(repetitions,), of a (repetitions, R_a, K) against b."""
    difference = a[:, :, None] - b[:, None]
    return ((difference > 0) + 0.5 * (difference == 0)).mean(axis=(1, 2, 3))


def _bootstrap(
    statistic: Callable[..., np.ndarray],
    matrices: Sequence[np.ndarray],
    rng: np.random.Generator,
    level: float,
    repetitions: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The percentile interval of a statistic of resampled matrices, each task's runs drawn on their own."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95, got {level}")
    size = int(np.prod([len(matrix) for matrix in matrices])) * matrices[0].shape[1]
    values: list[np.ndarray] = []
    # In blocks: all resamples at once are repetitions times the size of the scores.
    for block in np.array_split(np.arange(repetitions), 1 + repetitions * size // BLOCK):
        rows = [rng.integers(0, len(matrix), (block.size, *matrix.shape)) for matrix in matrices]
        values.append(statistic(*(np.take_along_axis(m[None], r, axis=1) for m, r in zip(matrices, rows, strict=True))))
    low, high = np.quantile(np.concatenate(values), [(1 - level) / 2, (1 + level) / 2], axis=0)
    if all(len(matrix) == 1 for matrix in matrices):
        return low * np.nan, high * np.nan
    return low, high
