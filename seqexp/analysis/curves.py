"""Figures of a sweep: what a number that it varied does to each model's score."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.analysis.figures import BLUE, GREEN, GREY, LABELS, ORANGE, RED, frame
from seqexp.analysis.tables import half_interval

if TYPE_CHECKING:
    import pandas as pd

STYLES = ((ORANGE, "o"), (GREEN, "s"), (BLUE, "^"), (RED, "D"), (GREY, "v"))  # colour and marker of each model


def draw(jobs: "pd.DataFrame", folder: Path) -> list[Path]:
    """A PNG for each task in which exactly one number was varied besides model and seed; the files written.

    ``jobs`` is the first table of ``tables.sweep_tables``. Every seed is a point, a line joins the means.
    """
    columns = list(jobs.columns)
    varied = columns[columns.index("model") + 1 : columns.index("seed")]
    written = []
    for task, rows in jobs[jobs["status"] == "FINISHED"].groupby("task"):
        numeric = [key for key in varied if rows[key].nunique() > 1 and all(map(_is_number, rows[key]))]
        other = [key for key in varied if rows[key].nunique() > 1 and key not in numeric]
        if len(numeric) == 1 and not other:
            path = folder / f"{task}_{numeric[0]}.png"
            _curve(rows, str(task), numeric[0], path)
            written.append(path)
    return written


def _curve(rows: "pd.DataFrame", task: str, key: str, path: Path) -> None:
    metric = rows["metric"].iloc[0]
    name = metric.rpartition("/")[2]
    with frame(path, height=4.0) as (axes,):
        for (model, of_model), (colour, marker) in zip(rows.groupby("model"), STYLES * 3, strict=False):
            x = of_model[key].astype(float).to_numpy()
            y = of_model["value"].astype(float).to_numpy()
            places = np.unique(x)
            means = [y[x == place].mean() for place in places]
            spread = [half_interval(list(y[x == place])) for place in places]
            axes.plot(x, y, marker, color=colour, markersize=4, alpha=0.45, linestyle="none")
            axes.plot(places, means, color=colour, marker=marker, label=str(model))
            if not any(map(math.isnan, spread)):
                axes.fill_between(
                    places, np.subtract(means, spread), np.add(means, spread), color=colour, alpha=0.12, linewidth=0
                )
        seeds = rows["seed"].nunique()
        axes.set(xlabel=key, ylabel=f"{metric.partition('/')[0]} {LABELS.get(name, name)}")
        axes.set_title(
            f"{task}: {name} against {key}\n{seeds} seed{'s' * (seeds > 1)}, mean and 95 % t interval", loc="left"
        )
        low, high = float(rows["value"].min()), float(rows["value"].max())
        margin = 0.06 * (high - low) or 0.05
        axes.set_ylim(low - margin, high + margin)
        axes.legend(frameon=False)


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False
