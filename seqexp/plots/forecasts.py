"""Forecasts beside the truth and beside what needs no memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.plots.figure import BLUE, GREEN, GREY, ORANGE, frame, headline, number
from seqexp.tasks.artifacts import ByStepAhead, ForecastPlot

NETWORK = "network"
LOOKS: dict[str, dict[str, Any]] = {
    NETWORK: {"color": BLUE, "linewidth": 1.8, "zorder": 4},
    "linear autoregression": {"color": ORANGE, "linestyle": (0, (5, 2)), "linewidth": 1.4, "zorder": 3},
    "seasonal naive": {"color": GREEN, "linestyle": (0, (1, 1)), "linewidth": 1.2},
    "persistence": {"color": GREY, "linestyle": (0, (3, 1, 1, 1)), "linewidth": 1.0},
}
TICKS = 7


def stretch(plot: ForecastPlot, path: Path) -> None:
    with frame(path, width=9, height=4.2) as (axes,):
        steps = np.arange(len(plot.truth))
        axes.plot(steps, plot.truth, color="black", linewidth=1.2, label="truth", zorder=3.5)
        for name, values in plot.lines.items():
            broken, at = _broken(values, plot.starts if plot.horizon > 1 else ())
            axes.plot(at, broken, label=f"{name}: {number(plot.errors[name])}", **LOOKS.get(name, {}))
        if plot.horizon > 1:
            for start in plot.starts:
                axes.axvline(start - 0.5, color="0.8", linewidth=0.8, zorder=0)
        places = np.unique(np.linspace(0, len(steps) - 1, TICKS).astype(int))
        axes.set_xticks(places, [plot.times[place] for place in places])
        of = f"{plot.target} ({plot.series})" if plot.series else plot.target
        axes.set(ylabel=of, xlim=(-0.5, len(steps) - 0.5))
        axes.margins(y=0.08)
        axes.figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", ncols=5, title="root mean squared error"
        )
        how = "one step ahead" if plot.horizon == 1 else f"{plot.horizon} steps ahead, from each grey line"
        headline(axes, "", f"forecasts of {of} {how}\n{verdict(plot.errors)}")


def by_step(plot: ByStepAhead, path: Path) -> None:
    with frame(path, width=6.4, height=4) as (axes,):
        for name, values in plot.errors.items():
            ahead = np.arange(1, len(values) + 1)
            axes.plot(ahead, values, marker="o" if len(values) <= 20 else None, label=name, **LOOKS.get(name, {}))
        axes.set(xlabel="steps ahead", ylabel=f"root mean squared error of {plot.target}")
        axes.set_ylim(bottom=0)
        axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        best = np.min([values for name, values in plot.errors.items() if name != NETWORK], axis=0)
        ahead_of = int((plot.errors[NETWORK] < best).sum())
        message = f"at {ahead_of} of {len(best)} steps ahead the network beats all methods without memory"
        headline(axes, "", message)


def verdict(errors: Mapping[str, float]) -> str:
    """Whether the network beats the best of the others, in words."""
    floors = {name: error for name, error in errors.items() if name != NETWORK}
    best = min(floors, key=lambda name: floors[name])
    own, other = errors[NETWORK], floors[best]
    beats = "beats" if own < other else "does not beat"
    return f"the network ({number(own)}) {beats} the best method without memory, {best} ({number(other)})"


def _broken(values: np.ndarray, starts: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The line with a gap before each start, so that forecasts made at different times are not joined."""
    at = np.arange(len(values), dtype=float)
    places = [start for start in starts if start > 0]
    return np.insert(values, places, np.nan), np.insert(at, places, [place - 0.5 for place in places])
