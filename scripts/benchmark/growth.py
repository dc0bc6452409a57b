"""How a step's time grows with its sizes: log-log slopes, of both backends. One thread."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scripts.benchmark import ours
from scripts.benchmark.cases import KINDS, Case, Kind
from scripts.benchmark.core import backends, passes
from scripts.benchmark.report import Figures, Row, milliseconds, table
from scripts.benchmark.timing import in_turn, medians
from seqexp.kernels.library import Backend

SLOPE_TARGET = 1.05
GROWTH = {  # letter -> the sizes it takes while the others stay
    "T": (25, 50, 100, 200, 400, 800),
    "B": (16, 32, 64, 128, 256),
    "H": (64, 128, 256, 512),
    "layers": (1, 2, 4, 8),
    "vocabulary": (1000, 2000, 4000, 8000, 16_000),  # whole steps of a language model, as many answers as tokens
}
FIXED = {"T": 50, "B": 32, "X": 64, "H": 128}


def measure(
    models: Sequence[str], rounds: int, seconds: float, figures: Figures, quick: bool, clock: str = "wall"
) -> None:
    """Log-log slopes of the time over each size, the others fixed, by least squares."""
    rows = []
    now = time.process_time if clock == "cpu" else time.perf_counter
    plain = [model for model in models if KINDS[model].layers == 1 and not KINDS[model].both]
    for model, backend, letter in [(a, b, c) for a in plain for b in backends() for c in GROWTH]:
        row = figures.find(section="growth", model=model, backend=backend, letter=letter)
        if row is None:
            sizes = GROWTH[letter][:3] if quick else GROWTH[letter]
            ways = {size: sized(model, backend, letter, size) for size in sizes}
            times = medians(in_turn(ways, rounds, seconds, now))
            slope = float(np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0])
            row = {"section": "growth", "model": model, "backend": backend, "letter": letter, "slope": slope}
            row |= {"fixed": FIXED, "seconds": {str(size): value for size, value in times.items()}}
            figures.add(row)
        rows.append(cells(row))
    fixed = ", ".join(f"{letter} {size}" for letter, size in FIXED.items())
    headers = ["core", "backend", "grows in", "slope", "time at each size"]
    table(f"Growth, from {fixed} (slopes at most {SLOPE_TARGET}, but in H)", headers, rows, left=3)


def sized(model: str, backend: Backend, letter: str, size: int) -> Callable[[], Any]:
    """A core's pass with the fixed sizes but for one; of a vocabulary a whole step."""
    T, B, X, H = ((FIXED | {letter: size})[fixed] for fixed in "TBXH")
    if letter == "layers":
        name = f"{model} of {size}"
        KINDS[name] = Kind(KINDS[model].cell, size)
        return passes(Case("", name, T, B, X, H), backend=backend)
    if letter == "vocabulary":
        side = ours.CompiledSide(1) if backend == "compiled" else ours.Side(1)
        return side.prepare(Case("", model, T, B, X, H, outputs=size, vocabulary=size, every_step=True), "")
    return passes(Case("", model, T, B, X, H), backend=backend)


def cells(row: Row) -> list[str]:
    slope = f"{row['slope']:.2f}"
    if row["letter"] != "H":
        slope = f"[green]{slope}[/]" if row["slope"] <= SLOPE_TARGET else f"[red]{slope}[/]"
    times = "  ".join(f"{size}: {milliseconds(value)}" for size, value in row["seconds"].items())
    return [row["model"], row["backend"], row["letter"], slope, times]
