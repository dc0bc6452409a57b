"""What the compiled cells share: memory in the kernels' layout, and the call, on as many threads as are allowed.

A column's numbers lie side by side: x and h are (T, B, ·) in memory, and views of it outside. Units are rounded up to
whole vectors, Hp of them; what is added to the numbers of weights and gates is zero.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from seqexp.kernels import library, threads
from seqexp.numerics.tape import Tape, add_columns, token_columns

LINE = 64  # bytes
CHUNK_COLUMNS = 1024  # of a weight gradient's product
SPLIT_WORK = 10_000_000  # multiply-adds of a call that are worth another thread


def runs(dtype: np.dtype[Any]) -> bool:
    """Whether there are kernels for the number type; complex numbers are NumPy's."""
    return dtype.char in "fd"


class Pass:
    """One forward pass of a cell and its way back.

    gates: the gates whose sums a step begins with; rows: numbers of a unit that a step leaves. ``at``: of each block of
    H rows of W, which of the gates it is.
    """

    def __init__(self, tape: Tape, cell: str, dtype: Any, H: int, at: Sequence[int], gates: int, rows: int) -> None:
        self.made_for = (cell, dtype, H, *at, gates, rows)
        self.tape, self.cell, self.dtype = tape, cell, np.dtype(dtype)
        self.library = library.library()
        self.struct = self.library.ffi.new("struct pass *")
        self.pad = LINE // self.dtype.itemsize
        self.lanes = library.vector_bits() // (8 * self.dtype.itemsize)
        self.H, self.Hp = H, -(-H // self.lanes) * self.lanes
        self.at, self.gates, self.rows = list(at), gates, rows
        self.kept: dict[str, np.ndarray] = {}  # whose memory the struct points to
        self.lengths = self.column = np.empty(0, np.int64)
        self.steps = -1

    @classmethod
    def on(cls, tape: Tape, cell: str, dtype: Any, H: int, at: Sequence[int], gates: int, rows: int) -> "Pass":
        """The tape's own, made anew only for another cell."""
        run = tape.views.get("pass")
        if run is None or run.made_for != (cell, dtype, H, *at, gates, rows):
            run = cls(tape, cell, dtype, H, at, gates, rows)
            tape.views = {"pass": run}
        return run

    def begin(self, x: np.ndarray, lengths: np.ndarray | None, inputs: int, keep: bool) -> None:
        """Memory for the columns [1; h; x] and for ``rows`` of each step, x in it, and which columns go how far."""
        T, B, tape = x.shape[0], x.shape[-1], self.tape
        self.T, self.B, self.x, self.X = T, B, x, 0 if x.ndim == 2 else inputs
        self.slots = T + 1 if keep else 2
        H, pad = self.H, self.pad
        LD = pad + -(-(H + self.X) // pad) * pad
        key = (self.cell, T, B, LD, self.slots, H, self.dtype)
        self.stack = tape.array("stack", (T + 1, B, LD), self.dtype)
        self.left = tape.array("gates", (self.slots, B, self.rows, self.Hp), self.dtype)
        if tape.key != key:
            self.stack[:] = self.left[:] = 0
            self.stack[:, :, pad - 1] = 1
            tape.key = key
        self.h = self.stack[:, :, pad : pad + H]  # (T+1, B, H), from h_0 on
        if self.X:
            self._take(x, self.stack[:T, :, pad + H : pad + H + self.X])
        if lengths is None:
            if self.kept.get("whole") is not self.lengths or self.lengths.shape != (B,) or self.steps != T:
                self.kept["whole"] = self.lengths = np.full(B, T)
                self.column, self.steps = np.arange(B), T if B else 0
        else:
            self.lengths = np.asarray(lengths, np.int64)
            self.column, self.steps = np.argsort(-self.lengths, kind="stable"), int(self.lengths.max(initial=0))
            dead = np.arange(T)[:, None] >= self.lengths  # (T, B)
            self.stack[:T, :, pad + H :][dead] = 0  # whatever padding holds, it stays out
            self.h[1:][dead] = 0
        s = self.struct
        s.B, s.H, s.Hp, s.X, s.LD, s.slots = B, H, self.Hp, self.X, LD, self.slots
        self.point(stack=self.stack, gates=self.left)

    def point(self, **arrays: np.ndarray | None) -> None:
        """Set pointers of the struct to arrays, which live as long as the pass."""
        for name, array in arrays.items():
            if array is None or self.kept.get(name) is not array:  # else it points there from the pass before
                setattr(self.struct, name, self.library.pointer(array))
                self.kept[name] = array  # type: ignore[assignment]

    def spread(self, name: str, W: np.ndarray) -> np.ndarray:
        """W (·H, K) with each block's rows at its gate, (gates, Hp, K), zeros between."""
        K = W.shape[1]
        out = self.tape.array(name, (self.gates, self.Hp, K), self.dtype)
        if self.Hp != self.H or len(self.at) != self.gates:
            out[:] = 0
        out[self.at, : self.H] = W.reshape(-1, self.H, K)
        return out

    def start(self, bias: np.ndarray, W_x: np.ndarray) -> None:
        """What each step's sums begin with: the bias (gates, Hp), and of tokens their column of W_x (·H, X) too."""
        if self.x.ndim == 3:
            self.point(table=bias)
            self.struct.which = self.library.ffi.NULL
            return
        columns, which = token_columns(W_x, self.x, self.tape)
        table = self.tape.array("table", (len(columns), self.gates, self.Hp), self.dtype)
        table[:] = bias
        table[:, self.at, : self.H] += columns.reshape(len(columns), -1, self.H)
        self.point(table=table)
        self.kept["which"] = np.ascontiguousarray(which, np.int64)
        self.struct.which = self.library.integers(self.kept["which"])

    def packed_gates(self, name: str, W: np.ndarray, first: int, K: int) -> np.ndarray:
        """Columns [first, first + K) of W (G, Hp, ·), packed for a tile of G gates of the same units."""
        G, _, width = W.shape
        to = self.tape.array(name, (self.Hp * G * K,), self.dtype)
        self._call("pack_gates", to, W[..., first:], width, K, G, self.Hp)
        return to

    def packed_units(self, name: str, W: np.ndarray, rows: int, along: int, shape: tuple[int, int]) -> np.ndarray:
        """A matrix of this shape, rows padded, whose weight (row, k) is W's memory [row * rows + k * along]."""
        to = self.tape.array(name, (shape[0] * shape[1],), self.dtype)
        self._call("pack_units", to, W, rows, along, shape[1], shape[0] // self.lanes)
        return to

    def packed_transpose(self, name: str, W_h: np.ndarray) -> np.ndarray:
        """W_h (G, Hp, H) packed for products with its transpose (H, G Hp), H padded."""
        K = W_h.shape[0] * self.Hp
        wide = self.tape.array("wide", (*W_h.shape[:2], self.Hp), self.dtype)
        wide[:, :, self.H :] = 0
        wide[:, :, : self.H] = W_h
        return self.packed_units(name, wide, 1, self.Hp, (self.Hp, K))

    def forward(self) -> np.ndarray:
        """All steps; h (T, H, B)."""
        self._run("forward")
        return self.h[1:].swapaxes(1, 2)

    def last(self, rows: np.ndarray, stored: int) -> np.ndarray:
        """(H, B) of (stored, B, H): each column's after its last step."""
        return rows[self.lengths % stored, np.arange(self.B), : self.H].T

    def begin_back(self, dh: np.ndarray | None, dstate: np.ndarray | None, parts: int) -> np.ndarray:
        """Memory for dL/dstate from everything after a step, (B, parts, Hp), which starts as dstate (·H, B)."""
        after = self.tape.array("after", (self.B, parts, self.Hp), self.dtype)
        after[:] = 0
        if dstate is not None:
            given = dstate.reshape(-1, self.H, self.B)
            after[:, : len(given), : self.H] = given.transpose(2, 0, 1)
        if dh is not None:
            rows = dh.swapaxes(1, 2)
            if not rows.flags.c_contiguous:
                rows = self.tape.array("dh", rows.shape, self.dtype)
                self._take(dh, rows)
            dh = rows
        self.point(after=after, dh=dh)
        return after

    def chunks(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """The way back, in chunks of steps: (start, stop, dz (columns, gates, Hp)) of each, the last one first."""
        n = max(1, min(self.steps, -(-CHUNK_COLUMNS // max(1, self.B))))
        memory = self.tape.array("dz", (n, self.B, self.gates, self.Hp), self.dtype)
        self.point(dz=memory)
        for start in reversed(range(0, self.steps, n)):
            stop = min(start + n, self.steps)
            self.struct.start, self.struct.stop = start, stop
            self._run("backward")
            yield start, stop, memory[: stop - start].reshape(-1, self.gates, self.Hp)

    def add_product(self, dW: np.ndarray, at: Sequence[int], dz: np.ndarray, columns: np.ndarray) -> None:
        """dW (·H, K) += dz^T columns, of the blocks that the gates ``at`` are; dz (N, G, Hp), columns (n, B, K)."""
        (N, G, Hp), K, H = dz.shape, columns.shape[2], self.H
        part = self.tape.array("part", (G * Hp, K), self.dtype)
        np.matmul(flat(dz).T, columns.reshape(N, K), out=part)  # a view: the steps follow each other
        for block, gate in enumerate(at):
            dW[block * H : (block + 1) * H] += part[gate * Hp : gate * Hp + H]

    def stacked(self, start: int, stop: int, first: int, last: int) -> np.ndarray:
        """Rows [first, last) of the columns [1; h; x] of these steps, (·, B, last - first)."""
        return self.stack[start:stop, :, self.pad - 1 + first : self.pad - 1 + last]

    def through_x(
        self, dW_x: np.ndarray, W_x: np.ndarray, dz: np.ndarray, start: int, stop: int, dx: np.ndarray | None
    ) -> None:
        """Of tokens dW_x (·H, X); else dx (T, B, X) of the steps, where it is wanted; W_x (G, Hp, X), dz (N, G, Hp)."""
        if self.x.ndim == 2:
            own = dz[:, self.at, : self.H].reshape(len(dz), -1)
            add_columns(dW_x, self.x[start:stop].ravel(), own.T)
        elif dx is not None:
            np.matmul(flat(dz), W_x.reshape(-1, self.X), out=dx[start:stop].reshape(len(dz), -1))

    def new_dx(self, wanted: bool) -> np.ndarray | None:
        """Memory for dx as (T, B, X), zero beyond the last step."""
        if not wanted or self.x.ndim == 2:
            return None
        dx = self.tape.gradient_of_input((self.T, self.B, self.X), self.dtype)
        dx[self.steps :] = 0
        return dx

    def _take(self, source: np.ndarray, to: np.ndarray) -> None:
        """to (T, B, R) = source (T, R, B), any strides of which the last of ``to`` is 1."""
        size = self.dtype.itemsize
        if source.strides[-1] != size or source.dtype != self.dtype:
            np.copyto(to, source.swapaxes(1, 2))
            return
        self._turn(to, source)

    def _turn(self, to: np.ndarray, source: np.ndarray) -> None:
        """to (T, B, R) = source (T, R, B); the last stride of both is 1."""
        strides = [step // self.dtype.itemsize for step in (*to.strides[:2], *source.strides[:2])]
        places = (self.library.pointer(to), *strides[:2], self.library.pointer(source), *strides[2:])
        self.library.function("turn", self.dtype)(*places, *source.shape)

    def _call(self, name: str, to: np.ndarray, source: np.ndarray, *numbers: int) -> None:
        self.library.function(name, self.dtype)(self.library.pointer(to), self.library.pointer(source), *numbers)

    def _run(self, way: str) -> None:
        """The cell's kernel, its columns dealt out to the threads."""
        steps = self.steps if way == "forward" else self.struct.stop - self.struct.start
        work = steps * self.B * self.Hp * (self.Hp + self.X) * self.gates
        count = min(threads.allowed(), max(1, work // SPLIT_WORK), self.B)
        kernel = self.library.function(f"{self.cell}_{way}", self.dtype)
        kept = []  # what the structs point to
        calls: list[Callable[[], None]] = []
        for first in range(count):
            mine = np.ascontiguousarray(self.column[first::count])  # in turn, as the longest ones come first
            lengths = self.lengths[mine]
            s = self.struct if count == 1 else self.library.ffi.new("struct pass *", self.struct[0])
            s.columns = len(mine)
            s.column, s.length = self.library.integers(mine), self.library.integers(lengths)
            kept.append((mine, lengths))
            calls.append(partial(kernel, s))
        threads.together(calls)


def flat(dz: np.ndarray) -> np.ndarray:
    """(N, G, Hp) as a view (N, G·Hp), also of a few gates of each row."""
    return as_strided(dz, (len(dz), dz.shape[1] * dz.shape[2]), (dz.strides[0], dz.itemsize))
