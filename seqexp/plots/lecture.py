"""Figures of a lecture that need no run: a cell's picture and equations, a network unrolled, gradients that fade."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.plots.axes import log_axis
from seqexp.plots.colours import styles
from seqexp.plots.figure import BLUE, GREY, ORANGE, RED, frame, headline

LINE = 0.34  # inches of a line of mathematics
UNIT = 1 / 72  # inches of a drawing's unit
PALE = "#EEF5FB"


def equations(title: str, columns: Mapping[str, Sequence[str]], path: Path) -> None:
    """Columns of mathematics, each below its heading; lines as LaTeX without dollar signs."""
    most = max(len(lines) for lines in columns.values())
    with frame(path, width=11, height=LINE * (most + 3)) as (axes,):
        axes.set_axis_off()
        axes.set(xlim=(0, 1), ylim=(most + 1.5, -1))
        for place, (heading, lines) in enumerate(columns.items()):
            left, colour = (0, BLUE) if place == 0 else (0.45, RED)
            axes.text(left, -0.3, heading, color=colour, fontsize=11, fontweight="bold")
            for row, line in enumerate(lines, start=1):
                axes.text(left, row, f"${line}$", fontsize=13, va="center", parse_math=True)
        headline(axes, "", title)


def cell(
    title: str,
    size: tuple[int, int],
    boxes: Mapping[str, tuple[str, int, int]],
    signs: Mapping[str, tuple[str, int, int]],
    arrows: Sequence[tuple[str, str]],
    path: Path,
) -> None:
    """A cell's parts (name -> LaTeX, x, y), what is done with them (name -> sign, x, y), and arrows by their names."""
    width, height = size
    with frame(path, width=width * UNIT * 1.1, height=height * UNIT * 1.1 + 0.6) as (axes,):
        axes.set_axis_off()
        axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
        drawn = {}
        for names, look in (
            (boxes, {"boxstyle": "round,pad=0.45", "fc": PALE, "ec": BLUE}),
            (signs, {"boxstyle": "round,pad=0.3,rounding_size=0.9", "fc": "white", "ec": GREY}),
        ):
            for name, (text, x, y) in names.items():
                shown = f"${text}$" if names is boxes else text
                drawn[name] = axes.text(
                    x, y, shown, fontsize=15 if names is boxes else 12, ha="center", va="center", bbox=look,
                    parse_math=names is boxes,
                )  # fmt: skip
        for start, end in arrows:
            ends = {"patchA": drawn[start].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch()}
            arrow = {"arrowstyle": "-|>", "color": GREY, "shrinkA": 1, "shrinkB": 1, **ends}
            where = [drawn[name].get_position() for name in (end, start)]
            axes.annotate("", xy=where[0], xytext=where[1], arrowprops=arrow)
        headline(axes, "", title)


def unrolled(path: Path, steps: int = 4) -> None:
    """A network over its steps: what goes forward, and the derivative that comes back through the same weights."""
    with frame(path, width=9, height=3.6) as (axes,):
        axes.set_axis_off()
        axes.set(xlim=(-0.7, steps + 0.2), ylim=(-1.35, 1.5))
        box = {"boxstyle": "round,pad=0.5", "fc": PALE, "ec": BLUE}

        def arrow(start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
            axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.6})

        def maths(x: float, y: float, text: str, **more: Any) -> None:
            axes.text(x, y, f"${text}$", ha="center", va="center", fontsize=14, parse_math=True, **more)

        for t in range(steps):
            maths(t, 0, f"h_{t + 1}", bbox=box)
            maths(t, -1.2, f"x_{t + 1}")
            arrow((t, -1.05), (t, -0.25), BLUE)
            arrow((t - 0.72, 0.08), (t - 0.25, 0.08), BLUE)
            maths(t - 0.49, 0.27, "W_{hh}", color=BLUE)
            if t:
                arrow((t - 0.25, -0.1), (t - 0.72, -0.1), RED)
                maths(t - 0.49, -0.36, r"W_{hh}^{\mathsf{T}}", color=RED)
        maths(steps - 1, 1.2, "L")
        arrow((steps - 1.05, 0.25), (steps - 1.05, 1.05), BLUE)
        arrow((steps - 0.95, 1.05), (steps - 0.95, 0.25), RED)
        message = "the same weights at every step, forward (blue); backward (red) the derivative passes them as often"
        headline(axes, "", message)


def fading(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], path: Path) -> None:
    """How much of the derivative arrives: name -> (lag, size relative to lag 0)."""
    with frame(path, height=4) as (axes,):
        looks = styles(curves)
        for name, (lag, size) in curves.items():
            colour, marker = looks[name]
            every = max(1, len(lag) // 12)
            axes.plot(lag, size, color=colour, marker=marker, markevery=every, markersize=5, label=name)
        log_axis(axes, np.concatenate([size for _, size in curves.values()]))
        axes.axhline(1, color=ORANGE, linewidth=0.8, alpha=0.6)
        axes.set(xlabel="steps back from the answer", ylabel="derivative that arrives (relative)")
        axes.legend()
        headline(axes, "", "before any training, the cell decides how far back the derivative reaches")
