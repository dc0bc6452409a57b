"""The memory horizon: the longest distance that a model solves in at least 80 % of its seeds, and how sure that is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.analysis.curves import STYLES, is_number, varied_in
from seqexp.analysis.figures import GREY, frame
from seqexp.analysis.pairs import clopper_pearson

if TYPE_CHECKING:
    import pandas as pd

SHARE = 0.8  # of the seeds that have to solve a distance
LEVEL = 0.95  # of the intervals


@dataclass(frozen=True)
class Horizon:
    """What a model's runs say about its horizon. None stands for below the shortest distance.

    distances: (K,) ascending, in steps; solved, runs: (K,) how many runs solved each, of how many.
    reached:   the horizon itself. Where it is the longest distance the true one may lie beyond.
    low, high: the ends of its interval, distances too.
    """

    distances: tuple[float, ...]
    solved: tuple[int, ...]
    runs: tuple[int, ...]
    reached: float | None
    low: float | None
    high: float | None


def horizon(
    distances: Sequence[float],
    solved: Sequence[int],
    runs: Sequence[int],
    *,
    share: float = SHARE,
    level: float = LEVEL,
) -> Horizon:
    """The longest distance that at least ``share`` of the runs solved, as they did all shorter ones.

    distances: (K,) ascending; solved, runs: (K,) counts, runs at least 1.

    The interval speaks of fresh seeds: with p(d) the probability that one solves distance d, the true horizon is the
    longest d with p(d) >= share. It takes for granted that a longer distance is never easier and that runs are
    independent, and holds the true horizon (among the distances tried) with probability ``level`` at least:

    - low: from the shortest distance up, each is passed while the exact lower bound of its fraction is above share;
      the last one passed is the end. Since p never rises, runs at longer distances count as evidence too: of them as
      many distances join as are needed to get the runs without which no outcome could pass (17 for 0.8 and 95 %).
    - high: from the longest distance down, each is excluded while the exact upper bound of its fraction is below
      share; the first one not excluded is the end. Shorter distances join where there are too few runs (below 3).

    Each end errs with probability (1 - level) / 2 at most, though several distances are tested: the claims are nested
    and tested in a fixed order up to the first that fails (Maurer, Hothorn and Lehmacher 1995), and which runs join
    does not depend on what came of them. The bounds are Clopper and Pearson's (1934).
    """
    error = (1 - level) / 2
    solved_, runs_ = np.asarray(solved), np.asarray(runs)
    last = len(solved_) - 1

    passed = -1
    while passed < last and solved_[passed + 1] / runs_[passed + 1] >= share:
        passed += 1
    low = -1
    to_pass = math.ceil(math.log(error) / math.log(share))
    while low < last:
        count = _enough(runs_[low + 1 :], to_pass)
        pool = slice(low + 1, low + 1 + count)
        if not count or clopper_pearson(solved_[pool].sum(), runs_[pool].sum(), level)[0] <= share:
            break
        low += 1
    high = last
    to_exclude = math.ceil(math.log(error) / math.log(1 - share))
    while high >= 0:
        count = _enough(runs_[high::-1], to_exclude)
        pool = slice(high + 1 - count, high + 1)
        if not count or clopper_pearson(solved_[pool].sum(), runs_[pool].sum(), level)[1] >= share:
            break
        high -= 1

    def at(index: int) -> float | None:
        return float(distances[index]) if index >= 0 else None

    counts = tuple(map(int, solved_)), tuple(map(int, runs_))
    return Horizon(tuple(map(float, distances)), *counts, at(passed), at(low), at(high))


def _enough(runs: np.ndarray, wanted: int) -> int:
    """How many of the first entries have ``wanted`` runs together; 0 where all have fewer."""
    together = np.cumsum(runs) >= wanted
    return int(together.argmax()) + 1 if together.any() else 0


# -- of a sweep ------------------------------------------------------------------------------------------------------


def draw(
    jobs: "pd.DataFrame", results: Sequence[Mapping[str, Any]], folder: Path
) -> tuple["pd.DataFrame | None", dict[str, float], list[Path]]:
    """The table of the horizons, the horizons as metrics (``adding/lstm/horizon``; 0 below the shortest distance), and
    a PNG a task; None, {} and [] where nothing was varied but model, seed and a task's distance, or nothing says
    whether it solved its task.

    ``jobs`` is the table of ``tables.sweep_tables``, ``results`` what it was made of. Each run that started and did
    not solve its task counts as one that did not, whether it finished, failed or diverged.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    metrics: dict[str, float] = {}
    written = []
    for task, of_task in jobs.groupby("task") if "solved" in jobs else ():
        keys = {str(r["distance"]) for r in results if r.get("task") == task and r.get("distance")}
        started = of_task[(of_task["status"] != "BAD_INPUT")]
        started = started[(started["status"] != "FINISHED") | started["solved"].notna()]
        varied = varied_in(started)
        if len(varied) != 1 or keys != set(varied) or not started["solved"].notna().any():
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
    """A horizon in words that say where the distances tried end."""
    if distance is None:
        return f"< {found.distances[0]:g}"
    return f"≥ {distance:g}" if distance == found.distances[-1] else f"{distance:g}"


def _figure(task: str, key: str, found: Mapping[str, Horizon], path: Path) -> None:
    every = sorted({distance for one in found.values() for distance in one.distances})
    log = every[0] > 0 and every[-1] >= 8 * every[0]
    aside = (every[-1] / every[0]) ** 0.018 if log else 0.018 * (every[-1] - every[0])
    with frame(path, height=4.2) as (axes,):
        for number, ((model, one), (colour, marker)) in enumerate(zip(found.items(), STYLES * 3, strict=False)):
            x, n = np.array(one.distances), np.array(one.runs)
            step = number - (len(found) - 1) / 2  # so that intervals stand side by side
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
        each = f"runs that solve {task}, of {seeds} seeds a point, with exact {LEVEL * 100:g} % intervals"
        axes.set_title(f"{_message(found)}\n{each}", loc="left", fontsize=11)
        about = f"horizon in steps, with its {LEVEL * 100:g} % interval"
        axes.figure.legend(loc="outside lower center", ncols=min(3, len(found)), frameon=False, title=about)


def _message(found: Mapping[str, Horizon]) -> str:
    """Who remembers how long, the longest first."""
    ranked = sorted(found.items(), key=lambda item: -1.0 if item[1].reached is None else item[1].reached, reverse=True)
    return "Memory horizon in steps: " + ", ".join(f"{model} {_told(one, one.reached)}" for model, one in ranked)
