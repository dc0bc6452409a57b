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
    """What the nodes of a forest are fed: x (X, M), or their tokens. The first ``of_leaves`` of the M are leaves."""

    def __init__(self, x: np.ndarray | None, forest: Forest, input_size: int, dtype: Any, name: str) -> None:
        fed = forest.fed
        self.forest, self.x, self.tokens = forest, x, forest.tokens[fed]
        if x is not None and len(x.T) != len(fed):
            raise ValueError(f"{name}: x must be ({input_size}, {len(fed)}), the nodes fed; got {x.shape}")
        check_input(self.tokens[:, None] if x is None else x.T[:, :, None], input_size, dtype, name)
        ends = np.searchsorted(fed, forest.starts).tolist()
        heights = enumerate(forest.starts[:-1].tolist())
        self._rows = {start: slice(*ends[height : height + 2]) for height, start in heights}
        self.of_leaves = ends[1]
        self.leaves, self.inner = slice(0, ends[1]), slice(ends[1], len(fed))

    def times(self, V: np.ndarray, part: slice, name: str, tape: Tape) -> np.ndarray:
        """V x (m, R), a row for each node of a part of those that are fed, in the tape's memory ``name``; V (R, X)."""
        rows = tape.array(name, (part.stop - part.start, len(V)), V.dtype)
        if self.x is not None:
            np.dot(self.x.T[part], V.T, out=rows)
        elif len(rows):
            table, which = token_columns(V, self.tokens[part], tape)
            np.take(table, which, axis=0, out=rows, mode="clip")
        return rows

    def at(self, start: int, stop: int) -> tuple[slice, slice | np.ndarray]:
        """Of the nodes start:stop, all those of one height: which of the nodes fed they are, and where among these."""
        rows = self._rows[start]
        if rows.stop - rows.start == stop - start:
            return rows, slice(None)
        return rows, self.forest.fed[rows] - start

    def back(self, V: np.ndarray, dV: np.ndarray, dz: np.ndarray, part: slice, need_dx: bool) -> np.ndarray | None:
        """Add to dV what follows from dz (m, R) of a part's nodes; return its dx^T (m, X) of an x that is no tokens."""
        if self.x is None:
            add_columns(dV, self.tokens[part], dz.T)
            return None
        dV += dz.T @ self.x.T[part]
        return dz @ V if need_dx else None
