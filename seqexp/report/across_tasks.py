"""Several tasks in one view: what memory gained on each, the share of runs that reach a score, and tests over tasks."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqexp.comparison.contest import Contest
from seqexp.comparison.wording import by, headline, number, percent
from seqexp.numerics.rng import Purpose, stream
from seqexp.plots.colours import Style, styles
from seqexp.plots.figure import frame
from seqexp.report.render import Figure, Section
from seqexp.report.tables import frame_of
from seqexp.statistics import across_tasks
from seqexp.statistics.pairs import Direction
from seqexp.system.plurals import counted

if TYPE_CHECKING:
    import pandas as pd

POINTS = 101  # thresholds of a performance profile
Scores = dict[str, np.ndarray]  # model -> (R, K)


def section(contests: Sequence[Contest], folder: Path) -> Section:
    """The section over several tasks."""
    found = Section("Over all tasks", tables=[("Verdict on each task", _verdicts(contests))])
    usable, scores = _scores(contests, found)
    if len(usable) < 2:
        found.paragraphs.append("Fewer than two tasks have a scale, so nothing can be said over tasks.")
        return found
    level = usable[0].terms.level
    runs = next(iter(scores.values())).shape[0]
    found.paragraphs.append(
        f"Scores on one scale: 0 is the best memoryless baseline, 1 is the best run of these models on the task. "
        f"{counted(runs, 'seed')} of each model on each of {len(usable)} tasks. Intervals are stratified bootstraps at "
        f"{percent(level)}; they describe these runs, and are too narrow at few seeds."
    )
    found.tables += [("Interquartile mean over all runs", _summaries(scores, level))]
    found.tables += [("Probability that a run of a beats a run of b", _improvements(scores, level))]
    found.bullets += _tests(scores, level)
    path = folder / "performance_profile.svg"
    _profile(scores, level, len(usable), styles(scores), path)
    found.figures.append(Figure("Performance profile: the share of runs above each score.", path))
    return found


def _verdicts(contests: Sequence[Contest]) -> "pd.DataFrame":
    rows = [
        {
            "task": contest.label,
            "metric": contest.terms.noun,
            "models": f"{claim.a} against {claim.b}",
            "verdict": headline(claim),
            "mean difference": by(claim, claim.paired.effect) if claim.paired else None,
            "P(first wins)": round(claim.typical.probability, 3) if claim.typical else None,
            "p": claim.typical.p_claim if claim.typical else None,
            "p after Holm": claim.holm,
        }
        for contest in contests
        for claim in contest.claims
    ]
    return frame_of(rows, list(rows[0]))


def _scores(contests: Sequence[Contest], found: Section) -> tuple[list[Contest], Scores]:
    """The tasks that all models have scores on and that have a scale, and the scores on it; the others are named."""
    models = [m for m in _models(contests[0]) if all(m in _models(contest) for contest in contests)]
    usable, seeds = [], {}
    for contest in contests:
        common = [s for s in contest.entries[0].scores if all(s in contest.entry(m).scores for m in models)]
        if contest.baseline is None or not common:
            found.bullets.append(f"{contest.task} is left out: it has no memoryless baseline, or no common seed.")
            continue
        usable.append(contest)
        seeds[contest.task] = common
    if len(usable) < 2 or len(models) < 2:
        return [], {}
    raw, base, directions = _matrices(usable, models, seeds)
    scaled = across_tasks.has_scale(raw, base, directions)
    for contest, has in zip(usable, scaled, strict=True):
        if not has:
            found.bullets.append(f"{contest.task} is left out: no run is better than the memoryless baseline.")
    usable = [contest for contest, has in zip(usable, scaled, strict=True) if has]
    if len(usable) < 2:
        return usable, {}
    return usable, across_tasks.normalised(*_matrices(usable, models, seeds))


def _matrices(
    contests: Sequence[Contest], models: Sequence[str], seeds: dict[str, list[int]]
) -> tuple[Scores, list[float], list[Direction]]:
    """Each model's scores (R, K), of as many seeds as the task with the fewest has."""
    runs = min(len(seeds[contest.task]) for contest in contests)
    raw = {
        model: np.array([[c.entry(model).scores[s] for s in seeds[c.task][:runs]] for c in contests]).T
        for model in models
    }
    return raw, [c.baseline[1] for c in contests if c.baseline], [c.terms.direction for c in contests]


def _models(contest: Contest) -> list[str]:
    return [entry.model for entry in contest.entries]


def _summaries(scores: Scores, level: float) -> "pd.DataFrame":
    rows = []
    for model, matrix in scores.items():
        estimate = across_tasks.iqm(matrix, stream(0, Purpose.SAMPLE), level=level)
        interval = f"{number(estimate.low)} to {number(estimate.high)}"
        row = {"model": model, "interquartile mean": estimate.value, f"{percent(level)} interval": interval}
        rows.append(row | {"mean": float(matrix.mean())})
    return frame_of(rows, list(rows[0]))


def _improvements(scores: Scores, level: float) -> "pd.DataFrame":
    rows = []
    for a, b in combinations(scores, 2):
        estimate = across_tasks.improvement(scores[a], scores[b], stream(0, Purpose.SAMPLE), level=level)
        interval = f"{number(estimate.low)} to {number(estimate.high)}"
        rows.append({"a": a, "b": b, "probability": estimate.value, f"{percent(level)} interval": interval})
    return frame_of(rows, list(rows[0]))


def _tests(scores: Scores, level: float) -> list[str]:
    """The tests over tasks, in words."""
    names = list(scores)
    if len(names) == 2:
        test = across_tasks.wilcoxon(scores[names[0]], scores[names[1]], level=level)
        said = f"Wilcoxon's signed-rank test over {test.tasks} tasks: p = {number(test.p)}"
        return [said if test.reachable else f"{said}; so few tasks can never reach the {percent(level)} level"]
    test3 = across_tasks.friedman(scores)
    ranks = ", ".join(f"{model} {rank:.2f}" for model, rank in test3.mean_ranks.items())
    pairs = ", ".join(f"{a} against {b}: p = {number(p)}" for (a, b), p in test3.nemenyi.items())
    return [f"Friedman's test over {test3.tasks} tasks: p = {number(test3.p)}; mean ranks {ranks}", f"Nemenyi: {pairs}"]


def _profile(scores: Scores, level: float, tasks: int, look: dict[str, Style], path: Path) -> None:
    low = min(0.0, *(float(matrix.min()) for matrix in scores.values()))
    thresholds = np.linspace(max(low, -1.0), 1.0, POINTS)
    with frame(path, height=4.2) as (axes,):
        for model, matrix in scores.items():
            colour, _ = look[model]
            profile = across_tasks.performance_profile(matrix, thresholds, stream(0, Purpose.SAMPLE), level=level)
            axes.plot(thresholds, profile.share, color=colour, label=model)
            axes.fill_between(thresholds, profile.low, profile.high, color=colour, alpha=0.18, linewidth=0)
        axes.set(xlabel="score (0: no memory needed, 1: best run)", ylabel="share of runs above it", ylim=(-0.02, 1.02))
        axes.set_title(f"Higher is better: the share of runs above each score, over {tasks} tasks", loc="left")
        axes.figure.legend(loc="outside upper right", ncols=4, frameon=False)
