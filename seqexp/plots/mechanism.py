"""Figures of the probes' findings, from mechanism.json and the lines of mechanism.jsonl."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.plots.axes import log_axis
from seqexp.plots.figure import BLUE, GREY, ORANGE, RED, frame, headline, number
from seqexp.plots.gates import gates, known_constants, subject, surgery, time_constants
from seqexp.plots.gradients import draw_gradient_flow, gradient_over_training
from seqexp.tasks.metrics import Direction

READABLE = 60  # symbols under an axis
Mechanism = Mapping[str, Any]
Lines = Sequence[Mapping[str, Any]]


def draw_training(lines: Lines, folder: Path, found: Mechanism) -> list[Path]:
    """The figures of a run: gradient_flow.png if there are lines, and those of the gates if the model has any."""
    written = []
    lines = [line for line in lines if len(line["lag"]) > 1 and line["lag"] == lines[0]["lag"]]
    if lines:
        written.append(folder / "gradient_flow.png")
        gradient_over_training(lines, written[-1], subject=subject(found))
    if found.get("counting"):
        written.append(folder / "counting.png")
        counting(found, written[-1])
    if found.get("gates"):
        written.append(folder / "gates.png")
        gates(found, written[-1])
        if known_constants(found):
            written.append(folder / "time_constants.png")
            time_constants(found, written[-1])
    return written


def draw_all(
    found: Mechanism,
    lines: Lines,
    folder: Path,
    *,
    metric: str,
    direction: Direction,
    baseline: tuple[str, float] | None,
) -> list[Path]:
    """Every figure there are numbers for; what is said of the run's score is ``surgery``'s."""
    written = [*draw_training(lines, folder, found), folder / "gradient_lag.png"]
    draw_gradient_flow({str(found.get("model")): [found]}, written[-1], subject=str(found.get("task")))
    if found.get("jacobian"):
        written.append(folder / "jacobian.png")
        jacobian(found, written[-1])
    if found.get("surgery"):
        written.append(folder / "surgery.png")
        surgery(found, written[-1], metric=metric, direction=direction, baseline=baseline)
    return written


def counting(found: Mechanism, path: Path) -> None:
    """The unit that counts best along the longest string, over what it counts; and every unit's correlation."""
    counter = found["counting"]
    count, value = np.array(counter["count"], float), np.array(counter["value"], float)
    unit = f"{counter['kind']}[{counter['unit']}]"
    with frame(path, rows=2, height=5.6) as (above, below):
        steps = np.arange(1, len(count) + 1)
        above.step(steps, count, where="mid", color=GREY, label=counter["quantity"])
        above.set(ylabel=counter["quantity"])
        below.plot(steps, value, color=BLUE, label=unit)
        below.set(ylabel=unit, xlabel="symbols read")
        for axes in (above, below):
            axes.set_xlim(0.5, len(steps) + 0.5)
        if len(steps) <= READABLE:
            below.set_xticks(steps, counter["read"], fontsize=7)
            below.set_xlabel("symbols read, from the left")
        every = np.sort(np.abs(np.array(counter["correlations"], float)))[::-1]
        message = f"{unit} goes with the number of {counter['quantity']}: correlation {counter['correlation']:+.3f}"
        next_ = f"; the next unit has {every[1]:.3f}" if len(every) > 1 else ""
        headline(above, subject(found), f"{message}\none more changes it by {counter['a_count']:+.3g}{next_}")


def jacobian(found: Mechanism, path: Path) -> None:
    """The singular values of one step, largest first, and the Lyapunov exponents as factors a step."""
    values = np.array([np.nan if v is None else v for v in found["jacobian"]["singular"]], float)
    exponents = [value for value in found["jacobian"]["lyapunov"] if value is not None]
    with frame(path, height=3.8) as (axes,):
        shown = np.where(values > values.max(initial=0) * 1e-6, values, np.nan)
        axes.plot(np.arange(1, len(values) + 1), shown, color=BLUE, marker=".", label="singular values of one step")
        factors = np.exp(exponents)
        if len(factors):
            label = "factor a step over many steps (exp of the Lyapunov exponents)"
            axes.plot(np.arange(1, len(factors) + 1), factors, "s", color=ORANGE, markersize=4, label=label)
        axes.axhline(1, color=RED, linestyle=(0, (5, 3)), label="1: neither grows nor fades")
        log_axis(axes, np.concatenate([shown[np.isfinite(shown)], factors, [1.0]]))
        axes.set(xlabel="direction in the state, largest first", ylabel="stretched by a step (factor)")
        axes.legend()
        fastest = f"by {factors[0]:.3f} a step" if len(factors) else "unknown"
        largest = number(float(values[0])) if len(values) else "unknown"
        message = f"one step stretches by up to {largest}; many steps multiply the best preserved direction {fastest}"
        headline(axes, subject(found), message)
