"""The recurrent cores, by name.

A core is a class with typed keyword-only fields (its config schema), registered by its module:

    layout                                                    where its parameters lie in one flat vector
    init(rng, dtype) -> Params                                starting values
    forward(p, x, state0, lengths, tape, keep, masks) -> h, state, tape
    backward(p, grad, dh, dstate, tape, need_dx) -> dx, dstate0      adds into grad

``Celled`` and ``Gated`` say what a core may have besides. A core with ``reads = "trees"`` has the two verbs over the
nodes of trees (``models.trees``). Every module of this folder is imported when the first name is looked up, and
registers itself.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np

from seqexp.numerics.params import Layout, Params
from seqexp.system.registry import Registry


class Core(Protocol):
    """What every model offers. Time first, columns are examples: x (T, X, B), h (T, H, B), state (S, B).

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
    def output_rows(self) -> slice:
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
    def cell_rows(self) -> slice:
        """The rows of the state that hold them."""
        ...


@runtime_checkable
class Gated(Protocol):
    """A core with gates, each of which can be fixed at one.

    gate_names:   of the class, such as ("f", "i", "o").
    freeze_gates: a setting of the core, the gates that are fixed at one.
    gates(tape):  name -> the values (T, H, B) of the forward pass that left the tape: views, valid until its next.
    """

    @property
    def gate_names(self) -> tuple[str, ...]: ...
    @property
    def freeze_gates(self) -> tuple[str, ...]: ...
    def gates(self, tape: Any) -> dict[str, np.ndarray]: ...


Reads = Literal["sequences", "trees"]
C = TypeVar("C", bound=type)
_registry: Registry[type] = Registry("model", __name__)


def register(name: str) -> Callable[[C], C]:
    """Class decorator: makes the class ``models.create(name)``."""
    return _registry.register(name)


def names(reads: Reads | None = None) -> list[str]:
    """The registered models; ``reads``: those that read sequences, or trees."""
    return [name for name in _registry.names() if reads in (None, reads_of(name))]


def reads_of(name: str) -> Reads:
    """What a model reads: the attribute ``reads`` of its class, sequences where there is none."""
    found: Reads = getattr(_registry.lookup(name), "reads", "sequences")
    return found


def lookup(name: str) -> type:
    """The class behind ``name``. UserError lists the names there are."""
    return _registry.lookup(name)


def create(name: str, **sizes: Any) -> Core:
    """A core by name: ``create("lstm", input_size=X, hidden_size=H)``."""
    return lookup(name)(**sizes)
