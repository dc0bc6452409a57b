"""Figures of one run's training: its learning curve and the norm of its gradient."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.plots.axes import log_if_wide, log_scale
from seqexp.plots.figure import BLUE, GREY, ORANGE, RED, frame, headline, number
from seqexp.tasks.metrics import Direction, label

History = Sequence[Mapping[str, float | None]]

WINDOW = 21  # values of a running median


def learning_curve(
    history: History,
    path: Path,
    *,
    primary: str,
    direction: Direction,
    baseline: tuple[str, float] | None = None,
    title: str = "",
) -> None:
    """Training and validation loss, and the validation's primary metric, against optimizer steps.

    history:  the lines of metrics.jsonl. Values that are None or not finite leave a gap, whose start is marked.
    primary:  "accuracy", or "test/accuracy" as in result.json.
    baseline: name and value on the test split of the best memoryless baseline.
    title:    what was trained, put before the message.
    """
    metric = primary.rpartition("/")[2]
    with frame(path, rows=2, height=5.6) as (top, bottom):
        for name, colour, style in (("train/loss", ORANGE, "--"), ("val/loss", BLUE, "-")):
            steps, values = _series(history, name)
            split = {"train/loss": "training", "val/loss": "validation"}[name]
            top.plot(steps, values, style, color=colour, label=split, **_marks(steps))
        log_if_wide(top)
        top.set_ylabel("loss (mean per answer)")

        steps, values = _series(history, f"val/{metric}")
        bottom.plot(steps, values, color=BLUE, label="validation", **_marks(steps))
        log_if_wide(bottom)
        message = f"no validation {metric} was logged"
        if np.isfinite(values).any():
            best = int(np.nanargmax(values) if direction == "max" else np.nanargmin(values))
            message = f"best validation {metric} {number(values[best])} at step {steps[best]:,}"
            mark = f"best: {number(values[best])}"
            bottom.plot(
                steps[best], values[best], "*", color=RED, markersize=13, zorder=3, label=mark, linestyle="none"
            )
        if baseline is not None:
            name, value = baseline
            bottom.axhline(value, color=GREY, linestyle=(0, (5, 3)), label=f"{name}: {number(value)} (test)")
        bottom.set(xlabel="optimizer steps", ylabel=label(metric))
        for axes in (top, bottom):
            _mark_trouble(axes, history)
            if axes.get_legend_handles_labels()[0]:
                axes.legend()
        headline(top, title, message)


def gradient_norm(history: History, path: Path, clip_norm: float | None, *, title: str = "") -> None:
    """The gradient's norm before clipping against optimizer steps, on a log scale, with the clip norm as a line."""
    steps, values = _series(history, "train/grad_norm")
    values = np.where(values > 0, values, np.nan)  # a log scale has no zero
    known = np.isfinite(values)
    finite = values[known]
    with frame(path, height=3.6) as (axes,):
        if finite.size > 10 * WINDOW:  # a band of noise: show its middle too
            axes.plot(steps, values, color=BLUE, alpha=0.3, linewidth=0.8, label="gradient norm before clipping")
            axes.plot(steps[known], _running_median(finite), color=BLUE, label=f"its median over {WINDOW} values")
        else:
            axes.plot(steps, values, color=BLUE, label="gradient norm before clipping", **_marks(steps))
        if finite.size:
            log_scale(axes, finite)
            message = f"gradient norm: median {number(float(np.median(finite)))}, largest {number(finite.max())}"
        else:
            message = "no gradient norm was logged"
        if clip_norm is not None:
            axes.axhline(clip_norm, color=RED, linestyle=(0, (5, 3)), label=f"clip norm {number(clip_norm)}")
            if finite.size:
                message = f"{np.mean(finite > clip_norm):.0%} of the logged gradients were above the clip norm"
        axes.set(xlabel="optimizer steps", ylabel="gradient norm (L2)")
        _mark_trouble(axes, history)
        axes.legend()
        headline(axes, title, message)


def _series(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of one metric, in order; nan for values that are not finite."""
    points = sorted(((line["step"], line[name]) for line in history if name in line), key=lambda point: point[0] or 0)
    steps, values = np.array([step for step, _ in points], int), np.array([value for _, value in points], float)
    return steps, np.where(np.isfinite(values), values, np.nan)


def _running_median(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, WINDOW // 2, mode="edge")
    middle: np.ndarray = np.median(np.lib.stride_tricks.sliding_window_view(padded, WINDOW), axis=1)
    return middle


def _marks(steps: np.ndarray) -> dict[str, Any]:
    """Dots, if the points are few enough to be distinguished."""
    return {"marker": "o", "markersize": 3.5} if len(steps) <= 30 else {"linewidth": 1.2}


def _mark_trouble(axes: Any, history: History) -> None:
    """A line at the first step with a number that is not finite."""
    broken = [line["step"] or 0 for line in history if not np.isfinite(np.array([*line.values()], float)).all()]
    if broken:
        axes.axvline(min(broken), color=RED, linewidth=1, linestyle=":", label=f"not finite at step {min(broken):,}")
