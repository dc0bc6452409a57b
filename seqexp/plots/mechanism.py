"""Figures of the probes' findings, from mechanism.json and the lines of mechanism.jsonl."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.plots.axes import log_axis
from seqexp.plots.figure import BLUE, ORANGE, RED, STYLES, frame, headline, number
from seqexp.plots.gates import gates, known_constants, subject, surgery, time_constants

Mechanism = Mapping[str, Any]
Lines = Sequence[Mapping[str, Any]]

RELATIVE = "|∂L/∂state|, relative to |∂L/∂h| at lag 0"  # the label of every gradient axis
FAINTEST = 1e-6  # relative to lag 0; a smaller gradient is drawn as zero


def draw_training(lines: Lines, folder: Path, found: Mechanism) -> list[Path]:
    """The figures of a run: gradient_flow.png if there are lines, and those of the gates if the model has any."""
    written = []
    lines = [line for line in lines if len(line["lag"]) > 1 and line["lag"] == lines[0]["lag"]]
    if lines:
        written.append(folder / "gradient_flow.png")
        gradient_over_training(lines, written[-1], subject=subject(found))
    if found.get("gates"):
        written.append(folder / "gates.png")
        gates(found, written[-1])
        if known_constants(found):
            written.append(folder / "time_constants.png")
            time_constants(found, written[-1])
    return written


def draw_all(found: Mechanism, lines: Lines, folder: Path, result: Mapping[str, Any]) -> list[Path]:
    """Every figure that there are numbers for; ``result`` is the run's result.json."""
    written = [*draw_training(lines, folder, found), folder / "gradient_lag.png"]
    draw_gradient_flow({str(found.get("model")): [found]}, written[-1], subject=str(found.get("task")))
    if found.get("jacobian"):
        written.append(folder / "jacobian.png")
        jacobian(found, written[-1])
    if found.get("surgery"):
        written.append(folder / "surgery.png")
        surgery(found, written[-1], result)
    return written


def draw_gradient_flow(mechanisms: Mapping[str, Sequence[Mechanism]], path: Path, *, subject: str = "") -> None:
    """The derivative's norm against the lag, for several models in one figure: a faint line for every seed, a strong
    one for their geometric mean, and for an LSTM dashed lines for c. All are relative to |dL/dh| at lag 0."""
    with frame(path, height=4.0) as (axes,):
        messages = []
        drawn: list[np.ndarray] = []
        for (model, seeds), (colour, _) in zip(mechanisms.items(), STYLES * 3, strict=False):
            for kind, style in (("h", "-"), ("c", "--")):
                lag, curves = _relative(seeds, kind)
                if not len(curves):
                    continue
                for curve in curves if len(curves) > 1 else []:
                    axes.plot(lag, curve, style, color=colour, alpha=0.3, linewidth=0.8)
                middle = np.exp(np.log(curves).mean(axis=0))
                axes.plot(
                    lag, middle, style, color=colour, label=f"{model}: {kind}, halves in {_half_life(seeds, kind)}"
                )
                drawn.append(middle[np.isfinite(middle)])
            messages.append(f"{_half_life(seeds, 'h')} ({model})")
        log_axis(axes, np.concatenate(drawn) if drawn else np.empty(0))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set(xlabel="lag (steps back from the answer)", ylabel=RELATIVE)
        if drawn:
            axes.legend()
        headline(axes, subject, f"the gradient halves in {', '.join(messages)}")


def gradient_over_training(lines: Lines, path: Path, *, subject: str = "") -> None:
    """The derivative's norm at each lag over training as colour, on a log scale; for an LSTM h above c."""
    kinds = [kind for kind in ("h", "c") if any(line.get(kind) for line in lines)]
    with frame(path, rows=max(1, len(kinds)), height=1.2 + 2.6 * max(1, len(kinds))) as rows:
        pictures = []
        drawn = [_picture(lines, kind) for kind in kinds]
        low, high = int(math.log10(FAINTEST)), _brightest([colours for _, _, colours in drawn])
        for axes, kind, (edges, lags, colours) in zip(rows, kinds, drawn, strict=False):
            pictures.append(axes.pcolormesh(edges, lags, colours, cmap="viridis", vmin=low, vmax=high))
            axes.grid(False)
            axes.yaxis.get_major_locator().set_params(integer=True)
            axes.set_ylabel(f"lag of {kind}_t (steps back)")
        rows[-1].set_xlabel("optimizer steps")
        if pictures:
            bar = rows[0].figure.colorbar(pictures[0], ax=list(rows), extend="both", shrink=0.8, aspect=30)
            powers = range(low, high + 1)
            bar.set_ticks(powers, labels=["1" if power == 0 else f"1e{power}" for power in powers])
            bar.set_label(RELATIVE)
        first, last = (_told(line.get("half_life_h"), line["lag"]) for line in (lines[0], lines[-1]))
        headline(rows[0], subject, f"the gradient's half-life: {first} at first, {last} at the end")


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


# -- words and numbers -----------------------------------------------------------------------------------------------


def _relative(seeds: Sequence[Mechanism], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Lags (n,) that all seeds have and the curves (seeds, n), relative to |dL/dh| at lag 0; nan where 0 or unknown."""
    kept = []
    for one in seeds:
        gradient = one["gradient"]
        if gradient.get(kind) and gradient["h"] and gradient["h"][0]:
            kept.append((gradient["lag"], np.array(gradient[kind], float) / gradient["h"][0]))
    if not kept:
        return np.empty(0), np.empty((0, 0))
    shared = sorted(set.intersection(*(set(lag) for lag, _ in kept)))
    curves = np.array([[curve[lag.index(place)] for place in shared] for lag, curve in kept], float)
    return np.array(shared), np.where(curves > 0, curves, np.nan)


def _picture(lines: Lines, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of the steps, edges of the lags, and log10 of the relative norms (lags, lines)."""
    lag = np.array(lines[0]["lag"], float)
    relative = np.full((len(lag), len(lines)), np.nan)
    for column, line in enumerate(lines):
        if line.get(kind) and line["lag"] == lines[0]["lag"] and line["h"][0]:
            relative[:, column] = np.array(line[kind], float) / line["h"][0]
    steps = np.array([line["step"] for line in lines], float)
    with np.errstate(divide="ignore", invalid="ignore"):
        colours = np.log10(relative)
    return _edges(steps), _edges(lag), np.where(relative == 0, np.nan if kind == "c" else -np.inf, colours)


def _brightest(pictures: Sequence[np.ndarray]) -> int:
    """The power of ten at the top of the colours: the first above all values, from 0 to 3."""
    values = np.concatenate([picture.ravel() for picture in pictures] or [np.zeros(1)])
    values = values[np.isfinite(values)]
    return int(np.clip(math.ceil(values.max(initial=0.0) - 0.15), 0, 3))  # up to 1.4 is near enough to 1


def _edges(centres: np.ndarray) -> np.ndarray:
    if len(centres) < 2:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    between = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]])


def _half_life(seeds: Sequence[Mechanism], kind: str) -> str:
    """The seeds' median in words; a seed without a half-life counts as the longest."""
    found = [one["half_life"].get(kind) for one in seeds]
    values = sorted(math.inf if value is None else value for value in found)
    lags = [lag for one in seeds for lag in one["gradient"]["lag"]]
    return _told(values[len(values) // 2], lags) if values else "an unknown time"


def _told(value: float | None, lags: Sequence[int]) -> str:
    """A half-life in words; if it is unknown, the largest measured lag."""
    if value is None or not math.isfinite(value):
        return f"more than {max(lags, default=0):,} steps"
    return f"{number(value)} steps"
