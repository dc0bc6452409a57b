"""What the compiled cells share: memory in the kernels' layout, and the call, on as many threads as are allowed.

A column's numbers lie side by side: x and h are (T, B, ·) in memory, and views of it outside. Units are rounded up to
whole vectors, Hp of them; what is added to the numbers of weights and gates is zero. Whatever depends on shapes alone
is prepared once, since at a few units a pass takes less time than to prepare it.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from seqexp.kernels import library, threads
from seqexp.kernels.threads import SPLIT_WORK
from seqexp.numerics.tape import Tape, add_columns, token_columns
from seqexp.system import blas

LINE = 64  # bytes
OWN_BYTES = 1 << 19  # of W, up to which a kernel of our own adds up its gradient; above, the BLAS is as fast, as with
OWN_BITS, OWN_WORK = 512, 1 << 17  # shorter vectors; with no more multiply-adds it takes less preparation
CHUNK_COLUMNS, CHUNK_BYTES = 1024, 1 << 24  # of a weight gradient's product; where W is larger than FAR, of its dz
FAR = 1 << 22  # bytes, which no core's own cache holds: each product's sum then passes through memory


def runs(dtype: np.dtype[Any]) -> bool:
    """Whether there are kernels for the number type; complex numbers are NumPy's."""
    return dtype.char in "fd"


class Pass:
    """One forward pass of a cell and its way back.

    gates: the gates whose sums a step begins with; rows: numbers of a unit that a step leaves. ``at``: of each block of
    H rows of W, which of the gates it is. ``blocks``: the other way round, -1 for a gate that W has no rows of.
    """

    def __init__(self, tape: Tape, cell: str, dtype: Any, H: int, at: Sequence[int], gates: int, rows: int) -> None:
        self.made_for = (cell, dtype, H, *at, gates, rows)
        self.tape, self.cell, self.dtype = tape, cell, np.dtype(dtype)
        self.library = library.library()
        self.struct = self.library.ffi.new("struct pass *")
        self.pad = LINE // self.dtype.itemsize
        self.owns, self.lanes = library.vector_bits() >= OWN_BITS, library.vector_bits() // (8 * self.dtype.itemsize)
        self.H, self.Hp = H, -(-H // self.lanes) * self.lanes
        self.at, self.gates, self.rows = list(at), gates, rows
        self.blocks = [self.at.index(gate) if gate in self.at else -1 for gate in range(gates)]
        self.as_they_are = self.Hp == self.H and self.at == list(range(len(self.at)))  # W's rows and the pass's
        self.bias = np.zeros((gates, self.Hp), self.dtype)
        self.kept: dict[str, tuple[np.ndarray | None, Any]] = {}  # arrays that C has been told of, and where they are
        self.lengths = self.column = np.empty(0, np.int64)
        self.steps, self.ragged = -1, False
        self._dealt: dict[int, list[Any]] = {}  # number of threads -> of each its columns and their lengths, told to C
        self._packs: dict[tuple[str, str], tuple[Any, ...]] = {}  # W, K, arrays kept, where the result is, arguments
        self._functions: dict[str, Any] = {}
        self._planned: tuple[object, ...] = ()

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
        self.x, X = x, 0 if x.ndim == 2 else inputs
        H, pad, slots = self.H, self.pad, T + 1 if keep else 2
        LD = pad + -(-(H + X) // pad) * pad
        key = (*self.made_for, T, B, X, LD, slots)
        if not tape.key == self._planned == key:
            self.stack = tape.array("stack", (T + 1, B, LD), self.dtype)
            self.left = tape.array("gates", (slots, B, self.rows, self.Hp), self.dtype)
            self.stack[:] = self.left[:] = 0
            self.stack[:, :, pad - 1] = 1
            tape.key = self._planned = key
            self.T, self.B, self.X, self.slots = T, B, X, slots
            self.h = self.stack[:, :, pad : pad + H]  # (T+1, B, H), from h_0 on
            self.x_rows = self.stack[:T, :, pad + H : pad + H + X]
            s = self.struct
            s.B, s.H, s.Hp, s.X, s.LD, s.slots = B, H, self.Hp, X, LD, slots
            self.point(stack=self.stack, gates=self.left)
            self.steps = -1
        if X:
            self._take(x, self.x_rows)
        if lengths is not None:
            self.lengths = np.asarray(lengths, np.int64)
            self.column, self.steps = np.argsort(-self.lengths, kind="stable"), int(self.lengths.max(initial=0))
            dead = np.arange(T)[:, None] >= self.lengths  # (T, B)
            self.stack[:T, :, pad + H :][dead] = 0  # whatever padding holds, it stays out
            self.h[1:][dead] = 0
            self._dealt = {}
        elif self.steps != T or self.ragged:
            self.lengths, self.column, self.steps = np.full(B, T), np.arange(B), T if B else 0
            self._dealt = {}
        self.ragged = lengths is not None

    def point(self, **arrays: np.ndarray | None) -> None:
        """Set pointers of the struct to arrays, which live as long as the pass."""
        for name, array in arrays.items():
            kept = self.kept.get(name)
            if kept is None or kept[0] is not array or array is None:
                setattr(self.struct, name, self._where(name, array))

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
        which = np.ascontiguousarray(which, np.int64)
        self.struct.which = self.library.integers(which)
        self.kept["which"] = (which, None)

    def take_bias(self, W: np.ndarray) -> np.ndarray:
        """W's first column by gates, (gates, Hp): the pass's own array, for the caller to change."""
        self.bias[self.at, : self.H] = W[:, 0].reshape(-1, self.H)
        return self.bias

    def pack(
        self,
        how: Literal["gates", "units", "back"],
        name: str,
        W: np.ndarray,
        of: Sequence[int],
        first: int,
        K: int,
        rows: int | None = None,
    ) -> None:
        """The struct's ``name`` becomes K columns of W from the first on, of the blocks ``of``, as product.h says: for
        a tile of these gates of the same units, for the product of one block with a column, or for the transpose's of
        all blocks. rows: of a block."""
        known = self._packs.get((name, how))
        if known is None or known[0] is not W or known[1] != K:
            wide = -(-K // self.lanes) * self.lanes if how == "back" else K
            to = self.tape.array(name, (self.Hp * len(of) * wide,), self.dtype)  # the ways share
            blocks, pointer = np.array(of, np.int64), self.library.pointer(to)
            places = (pointer, self.library.pointer(W), W.shape[1], rows or self.H, self.Hp)
            where = (*places, self.library.integers(blocks), len(of), first, K)
            known = self._packs[name, how] = (W, K, (to, blocks), pointer, where)
        self._function(f"pack_{how}")(*known[4])
        setattr(self.struct, name, known[3])

    def forward(self) -> np.ndarray:
        """All steps; h (T, H, B)."""
        self._run("forward")
        return self.h[1:].swapaxes(1, 2)

    def last(self, rows: np.ndarray, stored: int) -> np.ndarray:
        """(H, B) of (stored, B, H): each column's after its last step."""
        if not self.ragged:
            return rows[self.T % stored, :, : self.H].T
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
        """The way back, in chunks of steps: (start, stop, dz (columns, gates Hp)) of each, the last one first."""
        columns, row = CHUNK_COLUMNS, self.gates * self.Hp * self.dtype.itemsize
        if row * (self.H + self.X) > FAR:
            columns = max(columns, CHUNK_BYTES // row)
        n = max(1, min(self.steps, -(-columns // max(1, self.B))))
        memory = self.tape.array("dz", (n * self.B, self.gates * self.Hp), self.dtype)
        self.point(dz=memory)
        for start in reversed(range(0, self.steps, n)):
            stop = min(start + n, self.steps)
            self.struct.start, self.struct.stop = start, stop
            self._run("backward")
            yield start, stop, memory[: (stop - start) * self.B]

    def add_product(self, dW: np.ndarray, blocks: Sequence[int], dz: np.ndarray, columns: np.ndarray) -> None:
        """dW (·H, K) += dz^T columns: gate g of dz (N, G Hp) is block blocks[g], -1 for none; columns (n, B, K)."""
        K, H, whole = columns.shape[2], self.H, self.as_they_are and dz.shape[1] == len(dW)
        if self.owns and dW.itemsize * dz.shape[1] * K <= OWN_BYTES and dz.size * K > OWN_WORK:
            rows = len(dW)  # as they are, all gates are one
            self._add_outer(dW, (0,) if whole else blocks, (rows, rows) if whole else (H, self.Hp), dz, columns)
            return
        part = self.tape.array("part", (dz.shape[1], K), self.dtype)
        columns = columns.reshape(len(dz), K)  # a view: the steps follow each other
        if blas.dealt() == 1:
            np.matmul(dz.T, columns, out=part)
        else:
            split = partial(threads.split, rows=len(part), worth=dz.size * K // SPLIT_WORK, multiple=48)
            split(lambda rows: np.matmul(dz[:, rows].T, columns, out=part[rows]))
        if whole:
            dW += part
            return
        for gate, block in enumerate(blocks):
            if block >= 0:
                dW[block * H : (block + 1) * H] += part[gate * self.Hp : gate * self.Hp + H]

    def _add_outer(
        self, dW: np.ndarray, blocks: Sequence[int], units: tuple[int, int], dz: np.ndarray, columns: np.ndarray
    ) -> None:
        """The same by a kernel (``kernels/gradient.h``). units: of a gate, and with the zeros that follow them."""
        at = self.library.ffi.new("int64_t[]", list(blocks))
        to, of_dz, of_columns = map(self.library.pointer, (dW, dz, columns))
        width, row, LD = (array.strides[-2] // array.itemsize for array in (dW, dz, columns))
        kernel, K = self._function("gradient"), columns.shape[2]

        def some(mine: slice) -> None:
            gates = (at, len(blocks), *units, mine.start, mine.stop)
            kernel(to, width, *gates, of_dz, row, of_columns, LD, K, len(dz))

        threads.split(some, units[0], dz.size * K // SPLIT_WORK, 48)

    def stacked(self, start: int, stop: int, first: int, last: int) -> np.ndarray:
        """Rows [first, last) of the columns [1; h; x] of these steps, (·, B, last - first)."""
        return self.stack[start:stop, :, self.pad - 1 + first : self.pad - 1 + last]

    def through_x(
        self, W: np.ndarray, dW: np.ndarray, dz: np.ndarray, start: int, stop: int, dx: np.ndarray | None
    ) -> None:
        """Of tokens, what W's gradient (·H, 1+H+X) gets of them; else dx (T, B, X) of the steps, where it is wanted.
        dz (N, G Hp), the gates that W has blocks of."""
        first = 1 + self.H
        if self.x.ndim == 2:
            own = dz.reshape(len(dz), -1, self.Hp)[:, self.at, : self.H].reshape(len(dz), -1)
            add_columns(dW[:, first:], self.x[start:stop].ravel(), own.T)
        elif dx is not None:
            W_x = W[:, first:]
            if not self.as_they_are or len(W) != dz.shape[1]:
                W_x = self.tape.array("W_x", (dz.shape[1] // self.Hp, self.Hp, self.X), self.dtype)
                W_x[:] = 0
                W_x[self.at, : self.H] = W[:, first:].reshape(-1, self.H, self.X)
            W_x, rows = W_x.reshape(-1, self.X), dx[start:stop].reshape(len(dz), -1)
            threads.split(lambda n: np.matmul(dz[n], W_x, out=rows[n]), len(dz), dz.size * self.X // SPLIT_WORK, 48)

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
        (a, b, _), (c, d, _) = to.strides, source.strides
        places = (self._where("turned", to), a // size, b // size, self.library.pointer(source), c // size, d // size)
        self._function("turn")(*places, *source.shape)

    def _function(self, name: str) -> Any:
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = self.library.function(name, self.dtype)
        return function

    def _where(self, name: str, array: np.ndarray | None) -> Any:
        """The array's memory. To ask NumPy for it takes longer than to remember it."""
        kept = self.kept.get(name)
        if kept is None or kept[0] is not array:
            kept = self.kept[name] = (array, self.library.pointer(array))
        return kept[1]

    def _run(self, way: str) -> None:
        """The cell's kernel, its columns dealt out to the threads."""
        steps = self.steps if way == "forward" else self.struct.stop - self.struct.start
        work = steps * self.B * self.Hp * (self.Hp + self.X) * self.gates
        count = max(1, min(blas.dealt(), work // SPLIT_WORK, self.B))
        kernel, integers = self._function(f"{self.cell}_{way}"), self.library.integers
        if count not in self._dealt:  # in turn, as the longest ones come first
            mine = [np.ascontiguousarray(self.column[first::count]) for first in range(count)]
            with_lengths = [(columns, self.lengths[columns]) for columns in mine]
            self._dealt[count] = [(len(a), integers(a), integers(b), a, b) for a, b in with_lengths]
        calls: list[Callable[[], None]] = []
        for columns, column, length, *_ in self._dealt[count]:
            s = self.struct if count == 1 else self.library.ffi.new("struct pass *", self.struct[0])
            s.columns, s.column, s.length = columns, column, length
            calls.append(partial(kernel, s))
        threads.together(calls)
