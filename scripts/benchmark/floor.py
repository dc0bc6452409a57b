"""What this machine can do, and the share of it that a core's pass reaches. One thread.

The floor of a pass: its products at the rate of the packed kernel (of the BLAS where there are no kernels), and its
tape written and read once at the speed of memory.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scripts.benchmark.cases import Case
from scripts.benchmark.core import backends, flops, least_memory, passes
from scripts.benchmark.report import Figures, Row, console, milliseconds, table
from scripts.benchmark.timing import Clock, in_turn
from seqexp.kernels import library
from seqexp.numerics import memory, squashing
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.blas import kernels

SGEMM = 2048
NUMBERS = 16_384  # of a tanh or an exp: they stay in the core's own cache
BYTES = 1 << 27  # of a copy
PACKED = (256, 512, 48)  # rows, sums and columns of the packed kernel's product


def machine(rounds: int, seconds: float, figures: Figures, now: Clock) -> Row:
    """The best of some rounds: GFLOP/s of sgemm and of the packed kernel, ns a float32 of tanh and exp, GB/s copied."""
    row = figures.find(section="machine")
    if row is None:
        A = stream(0, Purpose.DATA).standard_normal((SGEMM, SGEMM), dtype=np.float32)
        C, x, big = np.empty_like(A), A.ravel()[:NUMBERS], memory.zeros((BYTES,), np.uint8)
        out, copy = np.empty_like(x), memory.zeros((BYTES,), np.uint8)
        ways: dict[str, Callable[[], Any]] = {
            "sgemm": lambda: np.dot(A, A, C),
            "tanh": lambda: np.tanh(x, out=out),
            "exp": lambda: np.exp(x, out=out),
            "copy": lambda: np.copyto(copy, big),
        }
        if library.missing() is None:
            ways["packed"] = packed()
        best = {name: min(times) for name, times in in_turn(ways, rounds, seconds, now).items()}
        rows, sums, columns = PACKED
        row = {"section": "machine", "blas": kernels(), "vectors": library.vector_bits()}
        row |= {"gates": "exp" if squashing.SLOW_TANH else "tanh", "sgemm": 2 * SGEMM**3 / best["sgemm"] / 1e9}
        row |= {name: best[name] / NUMBERS * 1e9 for name in ("tanh", "exp")}
        row["copy"] = 2 * BYTES / best["copy"] / 1e9  # read and written
        row["packed"] = 2 * rows * sums * columns / best["packed"] / 1e9 if "packed" in best else None
        figures.add(row)
    own = f"; packed kernel {row['packed']:.0f} GFLOP/s" if row["packed"] else ""
    console.print(
        f"\n{row['blas']}: sgemm {row['sgemm']:.0f} GFLOP/s{own}; vectors of {row['vectors']} bits; tanh "
        f"{row['tanh']:.2f} ns, exp {row['exp']:.2f} ns (gates by {row['gates']}); memory {row['copy']:.0f} GB/s"
    )
    return row


def packed() -> Callable[[], Any]:
    """One product of the compiled cells' kernel, packed before."""
    rows, sums, columns = PACKED
    own, single = library.library(), np.dtype(np.float32)
    W = stream(0, Purpose.DATA).standard_normal((rows, sums), dtype=np.float32)
    panels, which, block = (memory.zeros((W.size,), single), np.arange(columns), np.zeros(1, np.int64))
    own.function("pack_units", single)(
        own.pointer(panels), own.pointer(W), sums, rows, rows, own.integers(block), 1, 0, sums
    )
    a, out = memory.zeros((columns, sums), single), memory.zeros((columns, rows), single)
    a[:] = W[:columns]
    kernel, of = own.function("product", single), [own.pointer(panels), sums, own.pointer(a), own.pointer(out)]
    there = own.integers(which)
    kernel(*of, rows, there, columns)
    np.testing.assert_allclose(out, a @ W.T, rtol=0, atol=1e-3)
    return lambda: (kernel(*of, rows, there, columns), (W, panels, which, a, out))  # which stay where they are


def measure(cases: Sequence[Case], rounds: int, seconds: float, figures: Figures, now: Clock) -> None:
    """Of every core and backend the time of a pass, and the floor's share of it."""
    able = machine(rounds, seconds, figures, now)
    rate = able["packed"] or able["sgemm"]
    rows = []
    for case, backend in [(case, backend) for case in cases for backend in backends()]:
        row = figures.find(section="floor", case=case.name, backend=backend)
        if row is None:
            took = min(in_turn({"pass": passes(case, backend=backend)}, rounds, seconds, now)["pass"])
            floor = flops(case) / (1e9 * rate) + 2 * least_memory(case) / (1e9 * able["copy"])
            row = {"section": "floor", "case": case.name, "backend": backend, "seconds": took, "floor": floor}
            figures.add(row)
        share = f"{100 * row['floor'] / row['seconds']:.0f} %"
        rows.append([case.name, backend, milliseconds(row["seconds"]), milliseconds(row["floor"]), share])
    table("Share of a pass's floor", ["core", "backend", "forward + backward", "floor", "share"], rows, left=2)
