"""What every core that reads trees offers, and what they share: the input of their nodes."""

from typing import Any, Protocol

import numpy as np

from seqexp.numerics.forest import Forest
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Tape, add_columns, check_input, token_columns


class TreeCore(Protocol):
    """What every model of trees offers: ``Core``'s two verbs, over the nodes of a forest instead of steps.

    forward(p, x, forest, tape, keep) -> state (S, B) of the nodes that are asked, tape. x (X, M) is fed to the M nodes
    of ``forest.fed``, in their order; None feeds their tokens, as one-hot columns.
    backward(p, grad, dstate, tape, need_dx) -> dx (X, M), from dL/d state (S, B) of the nodes asked; adds into grad.
    ``tape``: an old one lends its memory; what it backed is valid until then.
    """

    input_size: int
    hidden_size: int

    @property
    def layout(self) -> Layout: ...
    @property
    def state_size(self) -> int:
        """S, the rows of a node's state. Its h, what a readout may see, lies in ``output_rows``."""
        ...

    @property
    def output_rows(self) -> slice: ...
    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params: ...
    def forward(
        self, p: Params, x: np.ndarray | None, forest: Forest, tape: Any = None, keep: bool = True
    ) -> tuple[np.ndarray, Any]: ...
    def backward(
        self, p: Params, grad: Params, dstate: np.ndarray, tape: Any, need_dx: bool = True
    ) -> np.ndarray | None: ...
    def derivatives(self, tape: Any) -> np.ndarray:
        """dL/d state (S, N) of all nodes, of the tape's last backward pass; by c at fixed h. Valid until the next."""
        ...


class Inputs:
    """What the nodes of a forest are fed, times a matrix V (R, X): rows (M, R), one a node that is fed."""

    def __init__(self, x: np.ndarray | None, forest: Forest, input_size: int, dtype: Any, name: str) -> None:
        self.forest = forest
        self.tokens = forest.tokens[forest.fed]
        if x is not None and len(x.T) != len(forest.fed):
            raise ValueError(f"{name}: x must be ({input_size}, {len(forest.fed)}), the nodes fed; got {x.shape}")
        check_input(self.tokens[:, None] if x is None else x.T[:, :, None], input_size, dtype, name)
        self.x = x
        self._ends = np.searchsorted(forest.fed, forest.starts).tolist()  # of each height's nodes in ``fed``
        self._of = {start: height for height, start in enumerate(forest.starts.tolist())}

    def times(self, V: np.ndarray, tape: Tape) -> np.ndarray:
        """V x, a row for each node that is fed."""
        rows = tape.array("from_x", (len(self.forest.fed), len(V)), V.dtype)
        if self.x is not None:
            np.dot(self.x.T, V.T, out=rows)
        else:
            table, which = token_columns(V, self.tokens, tape)
            np.take(table, which, axis=0, out=rows, mode="clip")
        return rows

    def at(self, start: int, stop: int) -> tuple[slice, slice | np.ndarray]:
        """Of the nodes start:stop, which are all of one height: their rows in ``fed``, and which of them these are."""
        height = self._of[start]
        rows = slice(self._ends[height], self._ends[height + 1])
        if rows.stop - rows.start == stop - start:
            return rows, slice(None)
        return rows, self.forest.fed[rows] - start

    def of_fed(self, dz: np.ndarray, tape: Tape) -> np.ndarray:
        """The rows of dz (N, R) of the nodes that are fed."""
        fed = self.forest.fed
        if len(fed) == 0 or fed[-1] == len(fed) - 1:  # the first ones
            return dz[: len(fed)]
        return np.take(dz, fed, axis=0, out=tape.array("dz_fed", (len(fed), dz.shape[1]), dz.dtype), mode="clip")

    def back(self, V: np.ndarray, dV: np.ndarray, dz: np.ndarray, need_dx: bool) -> np.ndarray | None:
        """Add to dV what follows from dz (M, R), of the rows; return dx (X, M) of an x that is no tokens."""
        if self.x is None:
            add_columns(dV, self.tokens, dz.T)
            return None
        dV += dz.T @ self.x.T
        return (dz @ V).T if need_dx else None
