"""Figures of a sweep: each model's score against a number that the sweep varied."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.plots.colours import styles
from seqexp.plots.figure import GREY, frame
from seqexp.tasks.metrics import label

if TYPE_CHECKING:
    import pandas as pd


def draw(jobs: "pd.DataFrame", summary: "pd.DataFrame", folder: Path) -> list[Path]:
    """A PNG for each task in which exactly one number was varied besides model and seed; returns the files.

    ``jobs`` and ``summary`` are the tables of ``tables.sweep_tables``. Every seed is a point, a line joins the means,
    and a dashed line the best memoryless baselines.
    """
    written = []
    for task, rows in jobs[jobs["status"] == "FINISHED"].groupby("task"):
        several = varied_in(rows)
        if len(several) == 1 and all(map(is_number, rows[several[0]])):
            path = folder / f"{task}_{several[0]}.png"
            _curve(rows, summary[summary["task"] == task], several[0], path)
            written.append(path)
    return written


def _curve(rows: "pd.DataFrame", summary: "pd.DataFrame", key: str, path: Path) -> None:
    task, metric, seeds = rows["task"].iloc[0], rows["metric"].iloc[0], rows["seed"].nunique()
    name = metric.rpartition("/")[2]
    with frame(path, height=4.0) as (axes,):
        look = styles(map(str, rows["model"]))
        for model, of_model in rows.groupby("model"):
            colour, marker = look[str(model)]
            x, y = of_model[key].astype(float).to_numpy(), of_model["value"].astype(float).to_numpy()
            places = np.unique(x)
            means = [y[x == place].mean() for place in places]
            axes.plot(x, y, marker, color=colour, markersize=4, alpha=0.45, linestyle="none")
            axes.plot(places, means, color=colour, marker=marker, label=str(model))
        known = summary.dropna(subset=["baseline value"]).drop_duplicates(key)
        if len(known):
            x, y = known[key].astype(float).to_numpy(), known["baseline value"].to_numpy()
            order = np.argsort(x)
            told = " or ".join(sorted(set(known["baseline"])))
            axes.plot(x[order], y[order], color=GREY, linestyle="--", label=f"{told} (no memory)")
        axes.set(xlabel=key, ylabel=f"{metric.partition('/')[0]} {label(name)}")
        each = "every seed is a point, lines join means" if seeds > 1 else "one seed"
        axes.set_title(f"{task}: {name} against {key}\n{each}", loc="left")
        axes.legend(frameon=False)


def varied_in(rows: "pd.DataFrame") -> list[str]:
    """The keys, besides model and seeds, that have several values in these rows of a table of jobs."""
    columns = list(rows.columns)
    keys = columns[columns.index("model") + 1 : columns.index("seed")]
    return [key for key in keys if key != "data_seed" and rows[key].nunique() > 1]


def is_number(value: Any) -> bool:
    """Whether a value from the command line is a finite number."""
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False
