"""Figures of a model's gates: their values, how long a cell keeps its content, the score without one of them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.plots.axes import log_axis
from seqexp.plots.figure import BLUE, GREEN, GREY, ORANGE, RED, frame, headline, number
from seqexp.tasks.metrics import Direction, label

Mechanism = Mapping[str, Any]

GATES = {
    "f": ("forget", BLUE, "-"),
    "fl": ("forget left", BLUE, "-"),
    "fr": ("forget right", RED, "-"),
    "i": ("input", ORANGE, "--"),
    "o": ("output", GREEN, "-."),
    "z": ("update", BLUE, "-"),  # of a GRU, as is r
    "r": ("reset", ORANGE, "--"),
}
KEEPING = ("f", "z")  # what a cell's content, or a GRU's state, is multiplied by at each step


def gates(found: Mechanism, path: Path) -> None:
    """A histogram of each gate's values."""
    with frame(path, height=3.8) as (axes,):
        for name, use in found["gates"].items():
            word, colour, style = GATES.get(name, (name, GREY, ":"))
            shares = np.array(use["shares"], float)
            edges = np.linspace(0, 1, len(shares) + 1)
            axes.stairs(shares, edges, color=colour, linestyle=style, linewidth=1.8, label=f"{word}\n{_shut_open(use)}")
        for edge in (0.1, 0.9):
            axes.axvline(edge, color=GREY, linewidth=0.8, linestyle=":")
        axes.set(xlabel="value of the gate (0 closed, 1 open)", ylabel="share of its values", xlim=(0, 1))
        axes.set_ylim(0, 1.4 * axes.dataLim.y1)
        axes.legend(loc="upper center", ncols=3, columnspacing=1.2)
        opened = {name: use["mean"] for name, use in found["gates"].items() if use["mean"] is not None}
        told = ", ".join(f"{GATES.get(name, (name,))[0]} {mean:.2f}" for name, mean in opened.items())
        headline(axes, subject(found), f"mean gate {told}")


def time_constants(found: Mechanism, path: Path) -> None:
    """How long each unit's forget gate keeps the cell's content, as a histogram over units. Of a GRU: update gate."""
    name, use = _keeping(found)
    known = np.array(known_constants(found), float)
    endless = len(use["time_constants"]) - len(known)
    with frame(path, height=3.6) as (axes,):
        if known.size:
            # 1e-9: a largest value on an edge gets one more bin, since rounding could put it outside the last one.
            low, high = math.floor(math.log10(known.min()) * 4) / 4, math.ceil(math.log10(known.max()) * 4 + 1e-9) / 4
            edges = np.logspace(low, max(high, low + 0.25), max(2, round(4 * (high - low)) + 1))
            axes.hist(known, edges, color=BLUE, edgecolor="white")
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        longest = max(found["gradient"]["lag"], default=0)
        if longest:
            axes.axvline(longest, color=RED, linestyle=(0, (5, 3)), label=f"longest lag measured: {longest:,}")
            axes.legend()
        axes.set(xlabel=f"time constant of the {GATES.get(name, (name,))[0]} gate (steps)", ylabel="hidden units")
        constant = use["time_constant"]
        lives = "for ever" if constant is None else f"{number(constant)} steps"
        kept = f"; {endless} never forget" if endless else ""
        headline(axes, subject(found), f"a typical cell lives {lives}{kept}")


def known_constants(found: Mechanism) -> list[float]:
    """The time constants of the units whose forget gate is not always one."""
    return [value for value in _keeping(found)[1]["time_constants"] if value is not None and value > 0]


def _keeping(found: Mechanism) -> tuple[str, Mapping[str, Any]]:
    """The gate that keeps a cell's content, by name: f or z, or the first of a model without them."""
    uses: Mapping[str, Mapping[str, Any]] = found["gates"]
    name = next((gate for gate in KEEPING if gate in uses), next(iter(uses)))
    return name, uses[name]


def surgery(
    found: Mechanism, path: Path, *, metric: str, direction: Direction, baseline: tuple[str, float] | None
) -> None:
    """The test score with one gate at a time fixed at one, beside the whole network and the best memoryless baseline.

    metric: the score's name, such as "test/mse"; baseline: name and value.
    """
    scores = {name: value for name, value in found["surgery"].items() if value is not None}
    titles = {"none": "as trained"} | {
        name: f"{GATES.get(name, (name,))[0]} gate\nfixed at 1" for name in scores if name != "none"
    }
    with frame(path, width=5.6, height=3.8) as (axes,):
        colours = [GREEN if name == "none" else ORANGE for name in scores]
        bars = axes.bar(range(len(scores)), list(scores.values()), color=colours, width=0.6)
        axes.bar_label(bars, [number(value) for value in scores.values()], padding=2)
        axes.set_xticks(range(len(scores)), [titles[name] for name in scores])
        axes.grid(False, axis="x")
        if baseline is not None:
            told = f"{baseline[0]} (no memory): {number(baseline[1])}"
            axes.axhline(baseline[1], color=GREY, linestyle=(0, (5, 3)), label=told)
            axes.legend()
        positive = [value for value in scores.values() if value > 0]
        if positive and len(positive) == len(scores) and max(positive) > 50 * min(positive):
            log_axis(axes, np.array(positive))
            axes.set_ylim(top=60 * max(positive))  # room for the legend
        elif min(scores.values(), default=0) >= 0:
            axes.set_ylim(0, 1.35 * (max([*scores.values(), baseline[1] if baseline else 0]) or 1))
        better = "larger" if direction == "max" else "smaller"
        axes.set_ylabel(f"test {label(metric)}\n({better} is better)")
        headline(axes, subject(found), surgery_message(scores, direction))


def surgery_message(scores: Mapping[str, float], direction: str) -> str:
    """Which gate the trained network needs most."""
    whole, others = scores.get("none"), {name: value for name, value in scores.items() if name != "none"}
    if whole is None or not others:
        return "no gate was fixed"
    sign = 1 if direction == "max" else -1
    worst = min(others, key=lambda name: sign * others[name])
    if sign * others[worst] >= sign * whole:
        return "no gate is missed"
    return f"the {GATES.get(worst, (worst,))[0]} gate is missed most: {number(whole)} becomes {number(others[worst])}"


def _shut_open(use: Mapping[str, Any]) -> str:
    return f"{use['saturated_low']:.0%} below 0.1\n{use['saturated_high']:.0%} above 0.9"


def subject(found: Mechanism) -> str:
    return f"{found.get('model')} on {found.get('task')}"
