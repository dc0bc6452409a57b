"""What a recurrent core is: the protocol of every model, and what some have besides."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from seqexp.numerics.params import Layout, Params

Rows = slice | np.ndarray  # of a state: which of its rows


class Core(Protocol):
    """What every model offers. Time first, columns are examples: x (T, X, B), h (T, H, B), state (S, B).

    h has as many rows as ``output_rows``: the hidden size H, or 2H where two directions are read.

    x may also be integer tokens (T, B): the input columns are gathered, and dx is None.
    ``lengths`` (B,): ``state`` is each column's state after its own last step; past it h is 0 and dh is ignored.
    ``tape``: an old one lends its memory; what it backed is valid until then.
    ``masks``: dropout between a core's own layers, each broadcastable to (T, H, B).
    """

    input_size: int
    hidden_size: int

    @property
    def layout(self) -> Layout: ...
    @property
    def state_size(self) -> int:
        """S, the rows of the state. Its h, what a readout may see, lies in ``output_rows``."""
        ...

    @property
    def output_rows(self) -> Rows:
        """The rows of the state that hold the last h."""
        ...

    @property
    def mask_count(self) -> int:
        """How many dropout masks forward takes: one between each pair of own layers."""
        ...

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params: ...
    def forward(
        self,
        p: Params,
        x: np.ndarray,
        state0: np.ndarray | None = None,
        lengths: np.ndarray | None = None,
        tape: Any = None,
        keep: bool = True,
        masks: Sequence[np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, Any]: ...
    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: Any,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]: ...


@runtime_checkable
class Celled(Protocol):
    """A core whose state has, beside what a readout sees, cells: the LSTM's c."""

    @property
    def cell_rows(self) -> Rows | None:
        """The rows of the state that hold them; None where there are none after all."""
        ...


@runtime_checkable
class Gated(Protocol):
    """A core with gates, each of which can be fixed at one.

    gate_names:   of the class, such as ("f", "i", "o").
    freeze_gates: a setting of the core, the gates that are fixed at one.
    gates(tape):  name -> the values (T, H, B) of the forward pass that left the tape, valid until its next; of several
        layers and directions (T, N·H, B), in the order of the state.
    """

    @property
    def gate_names(self) -> tuple[str, ...]: ...
    @property
    def freeze_gates(self) -> tuple[str, ...]: ...
    def gates(self, tape: Any) -> dict[str, np.ndarray]: ...


class Direction(NamedTuple):
    """One direction of the top layer of a bidirectional core: a core that reads x (T, X, B) or tokens from its first
    step on, and whose state is these rows of the whole one."""

    core: Core
    p: Params
    x: np.ndarray
    rows: Rows


@runtime_checkable
class Bidirected(Protocol):
    """A core that may read from both ends."""

    bidirectional: bool

    def directions(self, p: Params, x: np.ndarray, lengths: np.ndarray | None) -> list[Direction]:
        """The forward and the backward core of the top layer, with what each of them reads of x."""
        ...


def output_size(core: Core) -> int:
    """The rows of a core's h: its hidden size, twice that of a bidirectional one."""
    return len(np.arange(core.state_size)[core.output_rows])


def is_bidirectional(core: Core) -> bool:
    """Whether the core's h at a step depends on later ones."""
    return isinstance(core, Bidirected) and core.bidirectional


def shifted(rows: Rows, by: int) -> Rows:
    """The same rows, further down by so many."""
    return slice(rows.start + by, rows.stop + by) if isinstance(rows, slice) else rows + by
