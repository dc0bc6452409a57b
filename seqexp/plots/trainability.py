"""Where a model trains: its score over a grid of two numbers that a sweep varied."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.plots.figure import frame
from seqexp.plots.sweep import is_number, varied_in
from seqexp.tasks.metrics import Direction, label

if TYPE_CHECKING:
    import pandas as pd

FAILED = "#D0D0D0"  # the colour of a cell in which no run finished


def draw(
    jobs: "pd.DataFrame", summary: "pd.DataFrame", directions: Mapping[str, Direction], folder: Path
) -> tuple["pd.DataFrame | None", dict[str, float], list[Path]]:
    """For tasks in which exactly two numbers were varied besides model and seed: a PNG with a heat map for each model.
    If runs say whether they solved the task: also the table of how much of the grid trains, and this share as metrics
    (``adding/lstm/trainable``).

    ``jobs`` and ``summary`` are the tables of ``sweeps.tables``; ``directions``: of each task's primary metric. A cell
    trains as far as its runs solved the task; one that diverged or failed did not. The share is the mean over
    the cells.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    metrics: dict[str, float] = {}
    written = []
    for task, of_task in jobs.groupby("task"):
        started = of_task[of_task["status"] != "BAD_INPUT"]
        keys = sorted(varied_in(started), key=lambda key: key.startswith("optimizer."))  # learning rates on the y axis
        if len(keys) != 2 or not all(is_number(value) for key in keys for value in started[key]):
            continue
        if not (started["status"] == "FINISHED").any():
            continue
        grids = {str(model): Grid(of_model, started, keys) for model, of_model in started.groupby("model")}
        known = "solved" in started and bool(started["solved"].notna().any())
        for model, grid in grids.items() if known else ():
            rows.append({"task": task, "model": model, **grid.cells()})
            metrics[f"{task}/{model}/trainable"] = grid.share
        worst = summary.loc[summary["task"] == task, "baseline value"].dropna().tolist()
        smaller = directions[str(task)] == "min"
        path = folder / f"{task}_{'_'.join(keys)}.png"
        metric = next(metric for metric in started["metric"] if isinstance(metric, str))
        _figure(str(task), metric, grids, _scale(grids, worst, smaller), known, path)
        written.append(path)
    return pd.DataFrame(rows) if rows else None, metrics, written


class Grid:
    """One model's runs by the two numbers. ``keys`` name the columns and the rows; ``x`` (X,) and ``y`` (Y,) are their
    values. Over the cells (Y, X), ``runs``, ``solved``, ``diverged`` and ``failed`` are counts, and ``score`` is the
    mean of the finished runs, nan if there is none."""

    def __init__(self, rows: "pd.DataFrame", every: "pd.DataFrame", keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self.x, self.y = (np.unique(every[key].astype(float).to_numpy()) for key in keys)
        shape = len(self.y), len(self.x)
        self.runs, self.solved, self.diverged, self.failed = np.zeros((4, *shape), int)
        total, finished = np.zeros(shape), np.zeros(shape, int)
        for row in rows.to_dict("records"):
            cell = np.searchsorted(self.y, float(row[keys[1]])), np.searchsorted(self.x, float(row[keys[0]]))
            self.runs[cell] += 1
            self.solved[cell] += row.get("solved") is True
            self.diverged[cell] += row["status"] == "DIVERGED"
            self.failed[cell] += row["status"] not in ("DIVERGED", "FINISHED")
            if row["status"] == "FINISHED" and row["value"] == row["value"]:
                total[cell] += row["value"]
                finished[cell] += 1
        self.score = np.divide(total, finished, out=np.full(shape, np.nan), where=finished > 0)

    @property
    def share(self) -> float:
        """The share of the grid that trains: the mean over its cells of the fraction of runs that solved the task."""
        run = self.runs > 0
        return float((self.solved[run] / self.runs[run]).mean())

    def cells(self) -> dict[str, Any]:
        """The table's columns."""
        run = self.runs > 0
        return {
            "columns": self.keys[0],
            "rows": self.keys[1],
            "cells": int(run.sum()),
            "trains": f"{self.share:.0%}",
            "runs": int(self.runs.sum()),
            "solved runs": int(self.solved.sum()),
            "diverged": int(self.diverged.sum()),
            "failed": int(self.failed.sum()),
        }


def _scale(grids: Mapping[str, Grid], baselines: Sequence[float], smaller: bool) -> dict[str, Any]:
    """The colours that all maps share: from the best memoryless baseline, or worse, to the best score.

    Logarithmic if they span a factor above 50.
    """
    from matplotlib.colors import LogNorm, Normalize

    scores = np.concatenate([grid.score[np.isfinite(grid.score)] for grid in grids.values()])
    best = float(scores.min() if smaller else scores.max())
    worst = float(scores.max() if smaller else scores.min())
    if baselines:
        without = min(baselines) if smaller else max(baselines)
        worst = without if (without > best) == smaller and without != best else worst
    low, high = sorted((best, worst))
    beyond = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    extend = beyond[bool(scores.min() < low), bool(scores.max() > high)]
    norm = LogNorm(low, high) if low > 0 and high > 50 * low else Normalize(low, high)
    return {"cmap": "viridis_r" if smaller else "viridis", "norm": norm, "extend": extend}


def _figure(
    task: str, metric: str, grids: Mapping[str, Grid], scale: Mapping[str, Any], known: bool, path: Path
) -> None:
    name = metric.rpartition("/")[2]
    first = next(iter(grids.values()))
    height = 0.42 * len(first.y) + 2.2
    width = len(grids) * (0.46 * len(first.x) + 0.9) + 1.9
    with frame(path, columns=len(grids), width=max(7.2, width), height=height) as maps:
        for axes, (model, grid) in zip(maps, grids.items(), strict=True):
            axes.set_facecolor(FAILED)
            image = axes.imshow(grid.score, origin="lower", aspect="auto", cmap=scale["cmap"], norm=scale["norm"])
            axes.grid(False)
            for cell in np.ndindex(*grid.score.shape):
                text = _mark(grid, cell)
                # Of red, green and blue together 3 is white; nan is not equal to itself.
                dark = grid.score[cell] == grid.score[cell] and sum(image.to_rgba(grid.score[cell])[:3]) < 1.5
                axes.text(cell[1], cell[0], text, ha="center", va="center", color="white" if dark else "black")
            axes.set_xticks(range(len(grid.x)), [f"{value:g}" for value in grid.x])
            axes.set_yticks(range(len(grid.y)), [f"{value:g}" for value in grid.y])
            axes.set_title(f"{model}: {grid.share:.0%}" if known else model, fontsize=10)
            axes.set_xlabel(grid.keys[0])
        maps[0].set_ylabel(first.keys[1])
        bar = maps[0].figure.colorbar(
            image, ax=list(maps), extend=scale["extend"], format=lambda value, _: f"{value:g}"
        )
        bar.set_label(f"test {label(name)}")
        bar.minorticks_off()
        maps[0].figure.suptitle(_title(task, grids, known), x=0.02, ha="left", fontsize=11)


def _mark(grid: Grid, cell: tuple[int, ...]) -> str:
    """The mark of a cell: × no run finished, ● all runs solved the task, or how many of several did."""
    solved, runs = grid.solved[cell], grid.runs[cell]
    if not runs:
        return ""
    if grid.diverged[cell] + grid.failed[cell] == runs:
        return "×"
    return "●" if solved == runs else f"{solved}/{runs}" if solved else ""


def _title(task: str, grids: Mapping[str, Grid], known: bool) -> str:
    marks = "× diverged or failed"
    if not known:
        return f"{task}: the score over {' and '.join(next(iter(grids.values())).keys)}\n{marks}"
    ranked = sorted(grids.items(), key=lambda item: -item[1].share)
    shares = ", ".join(f"{model} on {grid.share:.0%}" for model, grid in ranked)
    return f"{task}: {shares} of the grid trains\n● solved, {marks}; fractions: some of the seeds"
