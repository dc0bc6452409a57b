"""A core's own forward and backward pass, of both backends: share of the machine's sgemm rate, peak memory. One
thread."""

import math
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np

from scripts.benchmark.cases import GATES, Case
from scripts.benchmark.ours import create_core
from scripts.benchmark.report import Figures, console, milliseconds, table
from scripts.benchmark.timing import in_turn, medians
from seqexp.kernels import library
from seqexp.kernels.library import Backend
from seqexp.numerics.functions import small_buffers
from seqexp.numerics.rng import Purpose, stream

SGEMM = 2048
RATE_TARGET, MEMORY_TARGET = 0.80, 1.3
RATE_FROM = 512  # hidden units


def backends() -> list[Backend]:
    """Those that this machine has."""
    return ["numpy", "compiled"] if library.missing() is None else ["numpy"]


def passes(case: Case, lend: bool = True, backend: Backend = "numpy") -> Callable[[], None]:
    """Forward and backward, the last step answering, without the derivative by the data; ``lend`` reuses the tape."""
    core = create_core(case, backend)
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
    for case, backend in [(case, backend) for case in cases for backend in backends()]:
        row = figures.find(section="rate", case=case.name, backend=backend)
        if row is None:
            ways = {"sgemm": lambda: np.dot(A, A, C), "core": passes(case, backend=backend)}
            middle = medians(in_turn(ways, rounds, seconds))
            work = {"sgemm": 2 * SGEMM**3, "core": flops(case)}
            gflops = {name: work[name] / middle[name] / 1e9 for name in middle}
            row = {"section": "rate", "case": case.name, "backend": backend}
            row |= {"seconds": middle["core"], "gflops": gflops, "share": gflops["core"] / gflops["sgemm"]}
            figures.add(row)
            name = f"{case.name} {backend}"
            console.print(f"  {name:<32} {100 * row['share']:.0f} % of sgemm's {gflops['sgemm']:.0f} GFLOP/s")
        share = f"{100 * row['share']:.0f} %"
        if case.H >= RATE_FROM:
            share = f"[green]{share}[/]" if row["share"] >= RATE_TARGET else f"[red]{share}[/]"
        cells.append(
            [
                f"{case.name} {backend}",
                milliseconds(row["seconds"]),
                *(f"{row['gflops'][n]:.0f}" for n in ("core", "sgemm")),
                share,
            ]
        )
    headers = ["core", "forward + backward", "GFLOP/s", f"sgemm {SGEMM}^3", "share"]
    table(
        f"Share of this machine's sgemm rate (from {RATE_FROM} units at least {100 * RATE_TARGET:.0f} %)",
        headers,
        cells,
    )


def memory(cases: Sequence[Case], figures: Figures) -> None:
    """Peak of what NumPy allocates in a first forward and backward pass, parameters, gradient and data apart."""
    cells = []
    for case, backend in [(case, backend) for case in cases for backend in backends()]:
        row = figures.find(section="memory", case=case.name, backend=backend)
        if row is None:
            once = passes(case, lend=False, backend=backend)
            tracemalloc.start()
            once()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            row = {
                "section": "memory",
                "case": case.name,
                "backend": backend,
                "peak": peak,
                "least": least_memory(case),
            }
            figures.add(row)
        ratio = row["peak"] / row["least"]
        text = f"[green]{ratio:.2f}[/]" if ratio <= MEMORY_TARGET else f"[red]{ratio:.2f}[/]"
        cells.append([f"{case.name} {backend}", megabytes(row["peak"]), megabytes(row["least"]), text])
    headers = ["core", "peak", "4TB(X+6H), 5H or 2H", "ratio"]
    table(f"Peak memory of forward + backward (ratio at most {MEMORY_TARGET})", headers, cells)


def megabytes(size: float) -> str:
    return f"{size / 2**20:.{max(0, 2 - int(math.log10(max(1, size / 2**20))))}f} MB"
