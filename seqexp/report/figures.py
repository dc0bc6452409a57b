"""The figures of a comparison: every seed with its pair, learning curves, and what tuning reached."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.comparison.contest import Contest
from seqexp.comparison.wording import number
from seqexp.plots.axes import log_if_wide
from seqexp.plots.figure import GREY, STYLES, frame
from seqexp.runs.directory import history
from seqexp.statistics.searches import best_so_far
from seqexp.system.errors import UserError
from seqexp.system.plurals import counted
from seqexp.tasks.metrics import label

MOST_CURVES = 50  # runs of a model whose metrics.jsonl is read
MOST_LINES = 5_000  # of each

Style = tuple[str, str]


def styles(contest: Contest) -> dict[str, Style]:
    """Colour and marker of each model, the same in every figure."""
    names = sorted(entry.model for entry in contest.entries)
    return {name: STYLES[n % len(STYLES)] for n, name in enumerate(names)}


def points(contest: Contest, path: Path) -> bool:
    """Every seed as a point, the pairs joined, a bar at each model's mean, and the best memoryless baseline."""
    entries, look = contest.entries, styles(contest)
    rng = np.linspace(-0.09, 0.09, 5)  # seeds beside each other, the same place for the same seed
    with frame(path, height=4.2) as (axes,):
        joined: list[tuple[float, float]] = []  # one line with gaps: a thousand lines take seconds
        for seed in sorted({seed for entry in entries for seed in entry.scores}):
            joined += [(n + rng[seed % 5], e.scores[seed]) for n, e in enumerate(entries) if seed in e.scores]
            joined.append((math.nan, math.nan))
        if joined:
            axes.plot(*zip(*joined, strict=True), color="#BBBBBB", linewidth=0.8, zorder=1)
        for n, entry in enumerate(entries):
            colour, marker = look[entry.model]
            x = [n + rng[seed % 5] for seed in entry.scores]
            size = 6 if len(x) <= 50 else 3
            axes.plot(x, [*entry.scores.values()], marker, color=colour, markersize=size, alpha=0.7, zorder=2)
            if entry.scores:
                axes.plot([n - 0.22, n + 0.22], [entry.mean] * 2, color=colour, linewidth=2.5, zorder=3)
                axes.annotate(number(entry.mean), (n + 0.25, entry.mean), va="center", fontsize=9, color=colour)
        if contest.baseline is not None:
            name, value = contest.baseline
            label = f"{name}: {number(value)}" + ("" if "no memory" in name else " (no memory)")
            axes.axhline(value, color=GREY, linestyle=(0, (5, 3)), label=label)
            axes.legend()
        axes.set_xlim(-0.5, len(entries) - 0.4)
        log_if_wide(axes, np.array([value for entry in entries for value in entry.scores.values()]))
        lost = [f"{len(entry.lost)} without a score" if entry.lost else "" for entry in entries]
        names = [f"{entry.model}\n{why}" if why else entry.model for entry, why in zip(entries, lost, strict=True)]
        axes.set_xticks(range(len(entries)), names)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(_label(contest))
        best = _best(contest)
        axes.set_title(f"{contest.label}: {best}\nevery seed is a point, lines join the models of a seed", loc="left")
    return any(entry.scores for entry in entries)


def learning(contest: Contest, path: Path) -> bool:
    """The validation's score against steps, mean and the range of the seeds; False where no run has logged any."""
    metric, look, drawn = f"val/{contest.terms.metric.rpartition('/')[2]}", styles(contest), False
    with frame(path, height=4.2) as (axes,):
        for entry in contest.entries:
            curves = [curve for run in [*entry.runs.values()][:MOST_CURVES] if (curve := _curve(run.directory, metric))]
            if not curves:
                continue
            drawn = True
            steps, mean, low, high, count = _band(curves)
            colour, _ = look[entry.model]
            axes.plot(steps, mean, color=colour, label=f"{entry.model} ({counted(len(curves), 'seed')})")
            if count > 1:
                axes.fill_between(steps, low, high, color=colour, alpha=0.18, linewidth=0)
        log_if_wide(axes)
        axes.set(xlabel="optimizer steps", ylabel=f"validation {_bare(contest)}")
        title = f"{contest.label}: learning curves\nlines are means, bands reach from the worst to the best seed"
        axes.set_title(title, loc="left")
        if drawn:
            axes.legend()
    return drawn


def tuning(contest: Contest, path: Path) -> bool:
    """The best validation score so far against trials, a model a line; False where no model was tuned."""
    if not contest.studies:
        return False
    look = styles(contest)
    with frame(path, height=3.8) as (axes,):
        for model, study in contest.studies.items():
            colour, marker = look[model]
            trials = np.arange(1, len(study.scores) + 1)
            axes.plot(trials, np.array(study.scores, float), marker, color=colour, alpha=0.3)
            best = best_so_far(study.scores, study.direction)
            axes.step(trials, best, where="post", color=colour, label=model)
        axes.set(xlabel="trials", ylabel=f"best {next(iter(contest.studies.values())).metric} so far")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_title(f"{contest.label}: best validation score during tuning\npoints are trials", loc="left")
        log_if_wide(axes)
        axes.legend()
    return True


def _best(contest: Contest) -> str:
    known = [entry for entry in contest.entries if entry.scores]
    if not known:
        return "no run has a score"
    best = (min if contest.terms.direction == "min" else max)(known, key=lambda entry: entry.mean)
    return f"{best.model} has the best mean, {number(best.mean)} ({contest.terms.orientation})"


def _bare(contest: Contest) -> str:
    name = contest.terms.metric.rpartition("/")[2]
    return label(name)


def _label(contest: Contest) -> str:
    return f"{contest.terms.metric.partition('/')[0]} {_bare(contest)}"


def _curve(directory: Path | None, metric: str) -> dict[int, float] | None:
    """step -> value of a run that has logged the metric."""
    if directory is None:
        return None
    try:
        lines = history(directory)[:MOST_LINES]
    except UserError:
        return None
    return {line["step"]: float(v) for line in lines if isinstance(v := line.get(metric), int | float)} or None


def _band(curves: Sequence[dict[int, float]]) -> tuple[Any, Any, Any, Any, int]:
    """Steps, and over the curves that have each step: mean, least and most; and how many curves there are."""
    steps = sorted({step for curve in curves for step in curve})
    columns = [[curve[step] for curve in curves if step in curve] for step in steps]
    mean, low, high = ([f(column) for column in columns] for f in (np.mean, min, max))
    return steps, mean, low, high, len(curves)
