"""A core's own forward and backward pass: share of the machine's sgemm rate, growth, peak memory. One thread."""

import math
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np

from scripts.benchmark.cases import GATES, Case
from scripts.benchmark.ours import create_core
from scripts.benchmark.report import Figures, Row, console, milliseconds, table
from scripts.benchmark.timing import in_turn, medians
from seqexp.numerics.functions import small_buffers
from seqexp.numerics.rng import Purpose, stream

SGEMM = 2048
RATE_TARGET, SLOPE_TARGET, MEMORY_TARGET = 0.80, 1.05, 1.3
RATE_FROM = 512  # hidden units
GROWTH = {  # letter -> the sizes it takes while the others stay
    "T": (25, 50, 100, 200, 400, 800),
    "B": (16, 32, 64, 128, 256),
    "H": (64, 128, 256, 512),
}
FIXED = {"T": 50, "B": 32, "X": 64, "H": 128}


def passes(case: Case, lend: bool = True) -> Callable[[], None]:
    """Forward and backward, the last step answering, without the derivative by the data; ``lend`` reuses the tape."""
    core = create_core(case)
    p = core.init(stream(0, Purpose.INIT), np.float32)
    grad = p.like()
    x = stream(0, Purpose.DATA).standard_normal((case.T, case.X, case.B), dtype=np.float32)
    dstate = np.zeros((core.state_size, case.B), np.float32)
    dstate[core.output_rows] = 1e-3
    tape = None

    @small_buffers()
    def once() -> None:
        nonlocal tape
        _, _, new = core.forward(p, x, tape=tape)
        core.backward(p, grad, None, dstate, new, need_dx=False)
        tape = new if lend else None

    return once


def flops(case: Case) -> int:
    """Of the matrix products alone: forward, back through time and (from layer 2 on) depth, weight gradients."""
    gates, total = len(GATES.get(case.kind.cell, "h")), 0
    for layer, _, _ in case.kind.cells:
        inputs = case.kind.inputs(layer, case.X, case.H)
        columns = case.H + inputs
        total += 2 * columns + case.H + (inputs if layer else 0)
    return 2 * case.T * case.B * gates * case.H * total


def least_memory(case: Case) -> int:
    """The bytes that a pass cannot do without, about: 4TB(X+6H) for the LSTM, 4TB(X+5H) for the GRU, 4TB(X+2H) for an
    RNN layer."""
    arrays = {"lstm": 6, "gru": 5}.get(case.kind.cell, 2)
    inputs = [case.kind.inputs(layer, case.X, case.H) for layer, _, _ in case.kind.cells]
    return sum(4 * case.T * case.B * (size + arrays * case.H) for size in inputs)


def rate(cases: Sequence[Case], rounds: int, seconds: float, figures: Figures) -> None:
    """The products' flops a second as a share of a 2048-cubed sgemm's, measured in turn."""
    A = stream(0, Purpose.DATA).standard_normal((SGEMM, SGEMM), dtype=np.float32)
    C = np.empty_like(A)
    cells = []
    for case in cases:
        row = figures.find(section="rate", case=case.name)
        if row is None:
            times = in_turn({"sgemm": lambda: np.dot(A, A, C), "core": passes(case)}, rounds, seconds)
            middle = medians(times)
            work = {"sgemm": 2 * SGEMM**3, "core": flops(case)}
            gflops = {name: work[name] / middle[name] / 1e9 for name in middle}
            row = {"section": "rate", "case": case.name, "seconds": middle["core"], "gflops": gflops}
            row["share"] = gflops["core"] / gflops["sgemm"]
            figures.add(row)
            console.print(f"  {case.name:<32} {100 * row['share']:.0f} % of sgemm's {gflops['sgemm']:.0f} GFLOP/s")
        share = f"{100 * row['share']:.0f} %"
        if case.H >= RATE_FROM:
            share = f"[green]{share}[/]" if row["share"] >= RATE_TARGET else f"[red]{share}[/]"
        cells.append(
            [case.name, milliseconds(row["seconds"]), *(f"{row['gflops'][n]:.0f}" for n in ("core", "sgemm")), share]
        )
    headers = ["core", "forward + backward", "GFLOP/s", f"sgemm {SGEMM}^3", "share"]
    table(
        f"Share of this machine's sgemm rate (from {RATE_FROM} units at least {100 * RATE_TARGET:.0f} %)",
        headers,
        cells,
    )


def growth(models: Sequence[str], rounds: int, seconds: float, figures: Figures, quick: bool) -> None:
    """Log-log slopes of the time over each size, the others fixed, by least squares."""
    rows = []
    for model in models:
        for letter, sizes in GROWTH.items():
            row = figures.find(section="growth", model=model, letter=letter)
            if row is None:
                cases = [sized_case(model, letter, size) for size in (sizes[:4] if quick else sizes)]
                ways = {getattr(case, letter): passes(case) for case in cases}
                times = medians(in_turn(ways, rounds, seconds))
                slope = float(np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0])
                row = {"section": "growth", "model": model, "letter": letter, "slope": slope}
                row |= {"fixed": FIXED, "seconds": {str(size): value for size, value in times.items()}}
                figures.add(row)
            rows.append(growth_cells(row))
    fixed = ", ".join(f"{letter} {size}" for letter, size in FIXED.items())
    headers = ["core", "grows in", "slope", "time at each size"]
    table(f"Growth, from {fixed} (slopes in T and B at most {SLOPE_TARGET})", headers, rows, left=2)


def sized_case(model: str, letter: str, size: int) -> Case:
    """The fixed sizes but for one."""
    values = FIXED | {letter: size}
    return Case("", model, values["T"], values["B"], values["X"], values["H"])


def growth_cells(row: Row) -> list[str]:
    slope = f"{row['slope']:.2f}"
    if row["letter"] in "TB":
        slope = f"[green]{slope}[/]" if row["slope"] <= SLOPE_TARGET else f"[red]{slope}[/]"
    times = "  ".join(f"{size}: {milliseconds(value)}" for size, value in row["seconds"].items())
    return [row["model"], row["letter"], slope, times]


def memory(cases: Sequence[Case], figures: Figures) -> None:
    """Peak of what NumPy allocates in a first forward and backward pass, parameters, gradient and data apart."""
    cells = []
    for case in cases:
        row = figures.find(section="memory", case=case.name)
        if row is None:
            once = passes(case, lend=False)
            tracemalloc.start()
            once()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            row = {"section": "memory", "case": case.name, "peak": peak, "least": least_memory(case)}
            figures.add(row)
        ratio = row["peak"] / row["least"]
        text = f"[green]{ratio:.2f}[/]" if ratio <= MEMORY_TARGET else f"[red]{ratio:.2f}[/]"
        cells.append([case.name, megabytes(row["peak"]), megabytes(row["least"]), text])
    headers = ["core", "peak", "4TB(X+6H), 5H or 2H", "ratio"]
    table(f"Peak memory of forward + backward (ratio at most {MEMORY_TARGET})", headers, cells)


def megabytes(size: float) -> str:
    return f"{size / 2**20:.{max(0, 2 - int(math.log10(max(1, size / 2**20))))}f} MB"
