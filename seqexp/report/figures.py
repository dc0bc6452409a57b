"""The figures of a comparison: what is claimed, every seed, learning curves, and what tuning reached."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.comparison.contest import Claim, Contest
from seqexp.comparison.wording import number, percent
from seqexp.plots.axes import spread_out
from seqexp.plots.colours import Style
from seqexp.plots.colours import styles as of_models
from seqexp.plots.figure import GREY, frame
from seqexp.runs.directory import history
from seqexp.statistics.searches import best_so_far, expected_best
from seqexp.system.errors import UserError
from seqexp.tasks.metrics import label

MOST_CURVES = 50  # runs of a model whose metrics.jsonl is read
MOST_LINES = 5_000  # of each
MOST_CLAIMS = 15  # rows of a figure
JITTER, BESIDE = 0.3, 7  # of a row's height; points that stand above each other


def styles(contest: Contest) -> dict[str, Style]:
    """Colour and marker of each model."""
    return of_models(entry.model for entry in contest.entries)


def points(contest: Contest, path: Path) -> bool:
    """Every run as a point in its model's row, the mean as a bar, and the best memoryless baseline as a line."""
    entries, look = [entry for entry in contest.entries if entry.scores], styles(contest)
    values = np.array([score for entry in entries for score in entry.scores.values()])
    with frame(path, height=1.5 + 0.55 * len(entries)) as (axes,):
        for row, entry in enumerate(reversed(entries)):
            colour, marker = look[entry.model]
            scores = np.array([*entry.scores.values()])
            places = row + _apart(scores, float(np.ptp(values)))
            axes.plot(scores, places, marker, color=colour, markersize=6 if len(scores) <= 50 else 3, alpha=0.65)
            axes.plot([entry.mean] * 2, [row - 0.36, row + 0.36], color=colour, linewidth=2.2, zorder=3)
        perfect = contest.terms.bounds[1] if contest.terms.bounds and contest.terms.direction == "max" else None
        _with_baseline(axes, contest, values, perfect)
        names = [f"{entry.model}\nmean {number(entry.mean)}" for entry in reversed(entries)]
        axes.set_yticks(range(len(entries)), names)
        axes.set_ylim(-0.6, len(entries) - 0.4)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"{_label(contest)}  ({_arrow(contest)})")
    return bool(entries)


def claims(contest: Contest, path: Path) -> bool:
    """A row for each pair of models: the chance to win a fresh run, and the mean difference, with their intervals."""
    told = [claim for claim in contest.claims if claim.typical is not None][:MOST_CLAIMS]
    with frame(path, columns=2, height=1.15 + 0.62 * len(told), shared=False) as (left, right):
        for row, claim in enumerate(reversed(told)):
            _chance(left, claim, row)
            _means(right, claim, row)
        left.axvline(0.5, color=GREY, linewidth=1)
        left.set(xlim=(-0.03, 1.03), xlabel="chance that the first wins a fresh run")
        right.axvline(0, color=GREY, linewidth=1)
        margin = contest.terms.margin
        if margin:
            right.axvspan(-margin, margin, color=GREY, alpha=0.12, linewidth=0)
        right.xaxis.get_major_locator().set_params(nbins=5)  # labels of small numbers are long
        right.set(xlabel=f"first better by ({contest.terms.noun})", xlim=_reach(told, margin))
        for axes in (left, right):
            axes.set_ylim(-0.6, len(told) - 0.4)
            axes.set_yticks(range(len(told)), ["\nagainst ".join(_ahead_first(claim)) for claim in reversed(told)])
            axes.grid(visible=False, axis="y")
            axes.tick_params(axis="y", length=0)
        right.set_yticklabels([])
    return bool(told)


def claims_caption(contest: Contest) -> str:
    """What the marks of ``claims`` mean."""
    level = percent(contest.terms.level)
    said = f"Left: the typical run, with its {level} interval; 0.5 is a coin. Right: the mean difference. "
    whose = f"Student's {level} interval"
    if contest.terms.sequential:
        whose = f"the {level} interval of the median difference after looking at every pair"
    said += f"The thick bar is {whose}"
    if any(claim.mean is not None and claim.mean.bounded for claim in contest.claims):
        said += "; the thin one, which may run out of the figure, holds for all scores of the metric's range"
    if any(claim.crossed is not None for claim in contest.claims):
        said += "; the hollow mark counts the test examples as a sample too"
    margin = number(contest.terms.margin)
    return f"{said}. " + (
        f"Within the grey band, {margin}, a difference does not matter." if contest.terms.margin else ""
    )


def learning(contest: Contest, path: Path) -> bool:
    """The validation's score against steps, mean and the range of the seeds; False where no run has logged any."""
    metric, look, drawn = f"val/{contest.terms.metric.rpartition('/')[2]}", styles(contest), []
    with frame(path, width=5.0, height=3.5) as (axes,):
        for entry in contest.entries:
            curves = [curve for run in [*entry.runs.values()][:MOST_CURVES] if (curve := _curve(run.directory, metric))]
            if not curves:
                continue
            steps, mean, low, high, count = _band(curves)
            colour, _ = look[entry.model]
            axes.plot(steps, mean, color=colour, label=entry.model)
            if count > 1:
                axes.fill_between(steps, low, high, color=colour, alpha=0.18, linewidth=0)
            drawn += [*mean, *low, *high]
        perfect = contest.terms.bounds[1] if contest.terms.bounds and contest.terms.direction == "max" else None
        spread_out(axes, np.array(drawn, float), "y", perfect)
        axes.set(xlabel="optimizer steps", ylabel=f"validation {_bare(contest)}")
        if drawn:
            axes.figure.legend(loc="outside upper left", ncols=3, frameon=False)  # outside: it hides no curve
    return bool(drawn)


def tuning(contest: Contest, path: Path) -> bool:
    """The best validation score so far against trials, and the one to expect of as many, a model a line; False where no
    model was tuned."""
    if not contest.studies:
        return False
    look = styles(contest)
    values: list[float] = []
    with frame(path, width=5.0, height=3.5) as (axes,):
        for model, study in contest.studies.items():
            colour, marker = look[model]
            trials = np.arange(1, len(study.scores) + 1)
            scores = np.array(study.scores, float)
            axes.plot(trials, scores, marker, color=colour, alpha=0.3)
            axes.step(trials, best_so_far(scores, study.direction), where="post", color=colour, label=model)
            if study.sampler == "random":  # other samplers' trials depend on each other
                expected = expected_best(scores, study.direction)
                axes.plot(trials, expected, "--", color=colour, label=f"{model}, expected of as many")
            values += [score for score in study.scores if score is not None]
        metric = next(iter(contest.studies.values())).metric
        axes.set(xlabel="trials", ylabel=f"validation {label(metric.rpartition('/')[2])}")
        axes.xaxis.get_major_locator().set_params(integer=True)
        spread_out(axes, np.array(values, float), "y")
        axes.figure.legend(loc="outside upper left", ncols=2, frameon=False)
    return True


def cost(contest: Contest, path: Path) -> bool:
    """Each run's score against its seconds of training; False where fewer than two models have any."""
    look = styles(contest)
    known = {
        entry.model: [
            (run.result.seconds, entry.scores[seed]) for seed, run in entry.runs.items() if seed in entry.scores
        ]
        for entry in contest.entries
    }
    pairs = np.array([pair for of_model in known.values() for pair in of_model if pair[0] > 0], float).reshape(-1, 2)
    with frame(path, width=5.0, height=3.5) as (axes,):
        for model, of_model in known.items():
            colour, marker = look[model]
            if of_model:
                axes.plot(*zip(*of_model, strict=True), marker, color=colour, alpha=0.65, label=model)
        spread_out(axes, pairs[:, 0], "x")
        perfect = contest.terms.bounds[1] if contest.terms.bounds and contest.terms.direction == "max" else None
        spread_out(axes, pairs[:, 1], "y", perfect)
        axes.set(xlabel="seconds of training and validation", ylabel=_label(contest))
        axes.figure.legend(loc="outside upper left", ncols=3, frameon=False)
    return sum(bool(of_model) for of_model in known.values()) > 1 and len({*pairs[:, 0]}) > 2


def _apart(scores: np.ndarray, extent: float) -> np.ndarray:
    """(N,) heights beside a row's middle, so that points that would cover each other stand apart."""
    places, near = np.zeros(scores.size), 0.02 * extent
    order = np.argsort(scores, kind="stable")
    for rank, index in enumerate(order):
        close = [order[k] for k in range(rank) if scores[index] - scores[order[k]] <= near]
        nth = len(close) % BESIDE  # 0, 1, -1, 2, -2, … steps from the middle
        places[index] = (nth + 1) // 2 * (1 if nth % 2 else -1) * JITTER / (BESIDE // 2)
    return places


def _with_baseline(axes: Any, contest: Contest, values: np.ndarray, perfect: float | None) -> None:
    """The baseline's line; where it would make all points crowd, it is told at the edge."""
    if contest.baseline is None or not values.size:
        spread_out(axes, values, "x", perfect)
        return
    name, value = contest.baseline
    said = f"{name}: {number(value)}" + ("" if "no memory" in name else " (no memory)")
    both = np.append(values, value)
    far = np.ptp(values) < np.ptp(both) / 7 and not (both.min() > 0 and both.max() > 50 * both.min())
    spread_out(axes, values if far else both, "x", perfect)
    if far and np.ptp(values) > 0:
        left = value < values.min()
        at, align = (0.0, "left") if left else (1.0, "right")
        said = f"← {said}" if left else f"{said} →"
        axes.annotate(said, (at, 1.02), xycoords="axes fraction", ha=align, va="bottom", color=GREY, fontsize=9)
        return
    axes.axvline(value, color=GREY, linestyle=(0, (5, 3)), linewidth=1.2)
    middle = axes.transData.transform((value, 0))[0] > axes.transAxes.transform((0.5, 0))[0]
    axes.annotate(
        said, (value, 1.02), xycoords=("data", "axes fraction"), ha="right" if middle else "left", va="bottom",
        color=GREY, fontsize=9,
    )  # fmt: skip


def _chance(axes: Any, claim: Claim, row: int) -> None:
    typical = claim.typical
    assert typical is not None
    colour, ends, middle = _of_winner(claim), [typical.low, typical.high], typical.probability
    if _is_behind(claim):
        ends, middle = [1 - end for end in ends], 1 - middle
    axes.plot(ends, [row, row], color=colour, linewidth=4, alpha=0.5, solid_capstyle="butt")
    axes.plot([middle], [row], "o", color=colour, markersize=7)


def _means(axes: Any, claim: Claim, row: int) -> None:
    colour, sign = _of_winner(claim), -1 if _is_behind(claim) else 1
    if claim.mean is not None and claim.mean.bounded:
        ends = [sign * claim.mean.low, sign * claim.mean.high]
        axes.plot(ends, [row, row], color=colour, linewidth=1.2, alpha=0.8)
    if claim.paired is not None:
        ends = [sign * claim.paired.low, sign * claim.paired.high]
        if np.isfinite(ends).all():
            axes.plot(ends, [row, row], color=colour, linewidth=4, alpha=0.5, solid_capstyle="butt")
        axes.plot([sign * claim.paired.effect], [row], "o", color=colour, markersize=7)
    if claim.crossed is not None:
        found = claim.crossed
        axes.plot([sign * found.low, sign * found.high], [row - 0.22] * 2, color=colour, linewidth=1.2)
        axes.plot([sign * found.effect], [row - 0.22], "o", markerfacecolor="white", color=colour, markersize=6)


def _reach(told: Sequence[Claim], margin: float) -> tuple[float, float]:
    """The ends of the axis of mean differences: the widest intervals run out of it."""
    ends = [0.0, margin, -margin]
    for claim in told:
        paired, crossed, sign = claim.paired, claim.crossed, -1 if _is_behind(claim) else 1
        ends += [sign * end for end in (paired.effect, paired.low, paired.high)] if paired is not None else []
        ends += [sign * crossed.low, sign * crossed.high] if crossed is not None else []
    known = np.array(ends)[np.isfinite(ends)]
    spare = 0.12 * (np.ptp(known) or 1.0)
    return float(known.min() - spare), float(known.max() + spare)


def _is_behind(claim: Claim) -> bool:
    """Whether a loses more often than it wins: it is then told second."""
    return claim.typical is not None and claim.typical.probability < 0.5


def _ahead_first(claim: Claim) -> tuple[str, str]:
    return (claim.b, claim.a) if _is_behind(claim) else (claim.a, claim.b)


def _of_winner(claim: Claim) -> str:
    """The colour of who is better; grey where nobody is."""
    if claim.verdict not in ("better", "worse"):
        return GREY
    return of_models([claim.a if claim.verdict == "better" else claim.b]).popitem()[1][0]


def _arrow(contest: Contest) -> str:
    return "← better" if contest.terms.direction == "min" else "better →"


def _bare(contest: Contest) -> str:
    return label(contest.terms.metric.rpartition("/")[2])


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
