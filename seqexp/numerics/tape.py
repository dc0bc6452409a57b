"""What a forward pass leaves for its backward pass: memory that the next pass reuses, and where columns end."""

import math
from typing import Any

import numpy as np

from seqexp.numerics.memory import empty as aligned_empty

Columns = slice | np.ndarray

CHUNK_BYTES = 1 << 18  # of a backward chunk: its derivatives stay in a core's own cache (2 MiB on current CPUs)
CHUNK_COLUMNS = 256  # of a chunk, at least: with fewer, the weight-gradient product is inefficient
FEW_TOKENS = 128  # up to this many, a product with one-hot columns is faster than a sparse one
MOST_VIEWS = 100  # that a tape keeps: more than twice as many as a pass asks for
OUTER_ROWS = 1024  # of a weight gradient at once: bounds the temporary array


class Tape:
    """Named arrays of one forward pass. The next pass may reuse its memory, whatever the shapes were."""

    def __init__(self) -> None:
        self._memory: dict[str, np.ndarray] = {}
        self._given: dict[tuple[str, tuple[int, ...]], np.ndarray] = {}  # views of it, by name and shape
        self.views: dict[str, Any] = {}  # per-step views, kept as long as ``key`` stays the same
        self.key: tuple[object, ...] = ()
        self.ends: Ends
        self.x: np.ndarray
        self.dx_lent = False

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Uninitialised memory of that shape. It overwrites what ``name`` held before."""
        given = self._given.get((name, shape))
        if given is not None and given.dtype == dtype:
            return given
        size = math.prod(shape)
        memory = self._memory.get(name)
        if memory is None or memory.dtype != dtype or memory.size < size:
            memory = self._memory[name] = aligned_empty((size,), dtype)
            self._given.clear()  # some are views of the old memory
        if len(self._given) >= MOST_VIEWS:
            self._given.clear()  # batches of many different lengths
        self._given[name, shape] = memory[:size].reshape(shape)
        return self._given[name, shape]

    def gradient_of_input(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Memory for dx: the tape's own, or fresh at a second backward pass, since the caller may hold the first dx."""
        if self.dx_lent:
            return np.empty(shape, dtype)
        self.dx_lent = True
        return self.array("dx", shape, dtype)


class Ends:
    """Where each column of a batch ends.

    steps:    the longest column's length; nothing is computed beyond it.
    shortest: from this step on some columns have ended; ``dead[t]`` (1, B) says which.
    at:       step -> the columns for which it is the last; -1 for columns of length 0.
    lengths:  of each column; None if all have T.
    """

    def __init__(self, lengths: np.ndarray | None, T: int, B: int) -> None:
        self.at: dict[int, Columns]
        self.dead: np.ndarray | None = None
        self.lengths = lengths
        if lengths is None:
            self.steps = self.shortest = T
            self.at = {T - 1: slice(None)}
            return
        lengths = np.asarray(lengths)
        if lengths.shape != (B,) or lengths.dtype.kind not in "iu":
            raise ValueError(f"lengths must be integers ({B},), got {lengths.dtype} {lengths.shape}")
        if B and (lengths.min() < 0 or lengths.max() > T):
            raise ValueError(f"lengths must lie in 0..{T}, got {lengths.min()}..{lengths.max()}")
        self.steps = int(lengths.max(initial=0))
        self.shortest = int(lengths.min(initial=T))
        if self.steps == self.shortest:
            self.at = {self.steps - 1: slice(None)}
        else:
            self.at = {int(n) - 1: np.flatnonzero(lengths == n) for n in np.unique(lengths)}
            self.dead = np.arange(self.steps)[:, None, None] >= lengths  # (steps, 1, B)

    def add(self, dh_t: np.ndarray, more: np.ndarray, t: int) -> None:
        """dh_t += more at step t, in the columns that have not ended."""
        if t < self.shortest or self.dead is None:
            dh_t += more
        else:
            np.add(dh_t, more, out=dh_t, where=~self.dead[t])


def chunk_steps(bytes_per_step: int, B: int, steps: int) -> tuple[int, int]:
    """How many steps a backward pass handles at once: for weight gradients, and for local derivatives."""
    # Two numbers: local derivatives want to fit into the cache, weight gradients want many columns in one product.
    few = CHUNK_BYTES // max(1, bytes_per_step)
    many = max(few, -(-CHUNK_COLUMNS // max(1, B)))
    return max(1, min(many, steps)), max(1, min(few, steps))


def add_outer(dW: np.ndarray, dz: np.ndarray, a: np.ndarray, tape: Tape) -> None:
    """dW += sum_t dz_t a_t^T in one product over time and batch; dz (R, n·B) side by side, a (n, K, B) step by step.

    ``a`` is copied into rows, one a column of a step: a product of two untransposed matrices is the fastest.
    """
    n, K, B = a.shape
    a_rows = tape.array("chunk", (n, B, K), a.dtype)  # reuses the memory of dz before ``side_by_side`` copied it
    np.copyto(a_rows, a.transpose(0, 2, 1))
    a_rows = a_rows.reshape(n * B, K)
    for start in range(0, len(dz), OUTER_ROWS):
        rows = slice(start, start + OUTER_ROWS)
        part = tape.array("dW", dW[rows].shape, dW.dtype)
        np.dot(dz[rows], a_rows, out=part)
        dW[rows] += part


def side_by_side(steps: np.ndarray, name: str, tape: Tape) -> np.ndarray:
    """(n, R, B) -> (R, n·B): the steps' columns next to each other, copied to the tape's memory ``name``, or as they
    lie if that is column by column."""
    n, R, B = steps.shape
    if n and lie_by_column(steps[0]) and steps.strides[0] == B * steps.strides[2]:
        return steps.swapaxes(1, 2).reshape(n * B, R).T
    out = tape.array(name, (R, n * B), steps.dtype)
    np.copyto(out.reshape(R, n, B), steps.transpose(1, 0, 2))
    return out


def lie_by_column(columns: np.ndarray) -> bool:
    """Whether each column of (R, N) is one stretch of memory, as compiled passes leave them, and not each row."""
    return min(columns.shape) > 1 and columns.strides[0] == columns.itemsize


def reverse(columns: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Each column of (T, …, B) back to front within its own length; what lies past it stays."""
    if lengths is None:
        return columns[::-1]
    turned = columns.copy()
    for b, n in enumerate(lengths):
        turned[:n, ..., b] = columns[:n, ..., b][::-1]
    return turned


def token_columns(W: np.ndarray, x: np.ndarray, tape: Tape) -> tuple[np.ndarray, np.ndarray]:
    """W (R, V) times the one-hot columns of tokens x (T, B), without the product.

    Returns a table (P, R) whose rows are the columns of the tokens that occur, with zeros for -1, and the row that each
    place needs (T, B). Taking whole rows is several times as fast as taking columns of W at each step.
    """
    # unique sorts, so that -1 comes first if it occurs.
    present, which = np.unique(x, return_inverse=True)
    table = tape.array("token_columns", (len(present), len(W)), W.dtype)
    table[:] = W[:, present].T
    if len(present) and present[0] < 0:
        table[0] = 0
    return table, which.reshape(x.shape)


def add_columns(dW: np.ndarray, tokens: np.ndarray, dz: np.ndarray) -> None:
    """dW[:, tokens[n]] += dz[:, n]; dW (R, V), dz (R, N), tokens (N,), -1 for no input."""
    V, N = dW.shape[1], len(tokens)
    if V <= FEW_TOKENS:
        one_hot = np.zeros((N, V), dz.dtype)
        # -1 indexes the last column, and writes a 0 there, which changes nothing.
        one_hot[np.arange(N), tokens] = tokens >= 0
        dW += dz @ one_hot
    else:
        present, sums = sum_by_token(np.ascontiguousarray(dz.T), tokens)
        dW[:, present] += sums.T


def sum_by_token(rows: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that occur (P,), without -1, and the sum of each one's rows (P, D); rows (N, D), tokens (N,)."""
    from scipy.sparse import csr_array  # here: a run without tokens need not wait for the import

    order = np.argsort(tokens, kind="stable")
    order = order[np.searchsorted(tokens[order], 0) :]  # -1, no input, is sorted to the front
    in_order = tokens[order]
    first = np.flatnonzero(np.diff(in_order, prepend=-1))  # where each token's places begin; 0 > -1 is a beginning too
    ones = np.ones(len(order), rows.dtype)
    selection = csr_array((ones, order, np.append(first, len(order))), shape=(len(first), len(rows)))
    return in_order[first], selection @ rows


def check_input(x: np.ndarray, input_size: int, dtype: np.dtype[Any], name: str) -> bool:
    """Whether x holds tokens. ValueError if x does not fit the core."""
    if x.dtype.kind in "iu":
        if x.ndim != 2:
            raise ValueError(f"{name}: tokens must be (T, B), got {x.shape}; features must be floating")
        if x.size and (x.min() < -1 or x.max() >= input_size):
            raise ValueError(f"{name}: tokens must lie in -1..{input_size - 1}, got {x.min()}..{x.max()}")
        return True
    if x.ndim != 3 or x.shape[1] != input_size:
        raise ValueError(
            f"{name}: x must be (T, {input_size}, B), got {x.shape}; is the batch axis last? Columns are examples."
        )
    if x.dtype != dtype:
        raise ValueError(f"{name}: x must have the parameters' dtype {dtype}, got {x.dtype}; convert one of them")
    return False
