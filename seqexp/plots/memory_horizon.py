"""Table and figure of the memory horizon: the longest distance that a model solves in at least 80 % of its seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.plots.colours import styles
from seqexp.plots.figure import GREY, frame
from seqexp.plots.sweep import is_number, varied_in
from seqexp.statistics.memory_horizon import LEVEL, SHARE, Horizon, horizon
from seqexp.statistics.pairs import clopper_pearson
from seqexp.system.plurals import counted

if TYPE_CHECKING:
    import pandas as pd


def draw(
    jobs: "pd.DataFrame", distances: Mapping[str, str], folder: Path
) -> tuple["pd.DataFrame | None", dict[str, float], list[Path]]:
    """The table of the horizons, the horizons as metrics (``adding/lstm/horizon``; 0 below the shortest distance), and
    a PNG for each task. None, {} and [] if anything else than model, seed and a task's distance was varied, or if no
    run says whether it solved its task.

    ``jobs`` is the table of ``sweeps.tables``; ``distances``: task -> the key that is its distance. Each run that
    started and did not solve its task counts as one that did not, whether it finished, failed or diverged.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    metrics: dict[str, float] = {}
    written = []
    for task, of_task in jobs.groupby("task") if "solved" in jobs else ():
        started = of_task[(of_task["status"] != "BAD_INPUT")]
        started = started[(started["status"] != "FINISHED") | started["solved"].notna()]
        varied = varied_in(started)
        if len(varied) != 1 or varied[0] != distances.get(str(task)) or not started["solved"].notna().any():
            continue
        if not all(map(is_number, started[varied[0]])):
            continue
        key = varied[0]
        found = {str(model): _of_model(of_model, key) for model, of_model in started.groupby("model")}
        for model, horizon_ in found.items():
            failed = int((started.loc[started["model"] == model, "status"] != "FINISHED").sum())
            rows.append({"task": task, "model": model, "distance": key, **_cells(horizon_), "failed": failed})
            metrics[f"{task}/{model}/horizon"] = horizon_.reached or 0.0
        path = folder / f"{task}_memory_horizon.png"
        _figure(str(task), key, found, path)
        written.append(path)
    return pd.DataFrame(rows) if rows else None, metrics, written


def _of_model(rows: "pd.DataFrame", key: str) -> Horizon:
    places, solved = rows[key].astype(float).to_numpy(), np.array([value is True for value in rows["solved"].tolist()])
    distances = np.unique(places)
    counts = [int(solved[places == distance].sum()) for distance in distances]
    return horizon([*map(float, distances)], counts, [int((places == distance).sum()) for distance in distances])


def _cells(found: Horizon) -> dict[str, str]:
    each = zip(found.distances, found.solved, found.runs, strict=True)
    return {
        "horizon": _told(found, found.reached),
        f"{LEVEL * 100:g} % interval": _interval(found),
        "runs that solved it": ", ".join(f"{distance:g}: {k}/{n}" for distance, k, n in each),
    }


def _interval(found: Horizon) -> str:
    return f"{_told(found, found.low)} to {_told(found, found.high)}"


def _told(found: Horizon, distance: float | None) -> str:
    """A horizon in words: with < or ≥ if it lies beyond the tested distances."""
    if distance is None:
        return f"< {found.distances[0]:g}"
    return f"≥ {distance:g}" if distance == found.distances[-1] else f"{distance:g}"


def _figure(task: str, key: str, found: Mapping[str, Horizon], path: Path) -> None:
    every = sorted({distance for one in found.values() for distance in one.distances})
    log = every[0] > 0 and every[-1] >= 8 * every[0]
    aside = (every[-1] / every[0]) ** 0.018 if log else 0.018 * (every[-1] - every[0])
    with frame(path, height=4.2) as (axes,):
        look = styles(found)
        for number, (model, one) in enumerate(found.items()):
            colour, marker = look[model]
            x, n = np.array(one.distances), np.array(one.runs)
            step = number - (len(found) - 1) / 2  # moves each model aside, so that intervals do not overlap
            x = x * aside**step if log else x + aside * step
            y = np.array(one.solved) / n
            ends = np.array([clopper_pearson(k, of, LEVEL) for k, of in zip(one.solved, one.runs, strict=True)])
            reach = np.clip([y - ends[:, 0], ends[:, 1] - y], 0, None)
            label = f"{model}: {_told(one, one.reached)} ({_interval(one)})"
            axes.errorbar(x, y, reach, color=colour, marker=marker, label=label, elinewidth=1, capsize=3, markersize=6)
        axes.axhline(SHARE, color=GREY, linestyle=(0, (5, 3)), linewidth=1.2)
        axes.annotate(f"{SHARE:.0%}", (1.005, SHARE), xycoords=("axes fraction", "data"), va="center", color=GREY)
        if log:
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.set_xticks(every, [f"{distance:g}" for distance in every])
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set(xlabel=f"distance (steps): {key}", ylabel="runs that solve the task", ylim=(-0.04, 1.04))
        seeds = max(n for one in found.values() for n in one.runs)
        each = f"runs that solve {task}, of {counted(seeds, 'seed')} a point, with exact {LEVEL * 100:g} % intervals"
        axes.set_title(f"{_message(found)}\n{each}", loc="left", fontsize=11)
        about = f"horizon in steps, with its {LEVEL * 100:g} % interval"
        axes.figure.legend(loc="outside lower center", ncols=min(3, len(found)), frameon=False, title=about)


def _message(found: Mapping[str, Horizon]) -> str:
    """Which model remembers how long, the longest first."""
    ranked = sorted(found.items(), key=lambda item: -1.0 if item[1].reached is None else item[1].reached, reverse=True)
    return "Memory horizon in steps: " + ", ".join(f"{model} {_told(one, one.reached)}" for model, one in ranked)
