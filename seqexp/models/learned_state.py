"""A core that starts from a state it has learned, where none is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqexp.models.core import Celled, Core, Gated, Rows
from seqexp.numerics.params import Layout, Params


@dataclass
class LearnedStateTape:
    core: Any = None
    started: bool = False  # from the learned state


class LearnedState:
    """A core whose first state is a parameter.

        s_0 = h_0 for every example, unless a state is given

    Parameters: the core's, and h_0 (S, 1); of a core with cells h_0 (H, 1) and c_0 (H, 1). They start at zero.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.input_size, self.hidden_size = core.input_size, core.hidden_size
        self.state_size, self.output_rows, self.mask_count = core.state_size, core.output_rows, core.mask_count
        self.cell_rows: Rows | None = core.cell_rows if isinstance(core, Celled) else None
        self.gate_names: tuple[str, ...] = core.gate_names if isinstance(core, Gated) else ()
        self.freeze_gates: tuple[str, ...] = core.freeze_gates if isinstance(core, Gated) else ()
        self.layout = Layout()
        self.layout.part("core", core.layout, "{}")
        self.layout.add("state_0", (self.state_size, 1), **self._views())

    def _views(self) -> dict[str, Any]:
        """h_0, and of a core with cells c_0; g_0 for what else its state holds, such as gates."""
        if not isinstance(self.cell_rows, slice) or not isinstance(self.output_rows, slice):
            return {"h_0": (slice(None),)}
        rest = slice(self.cell_rows.stop, self.state_size)
        views = {"h_0": (self.output_rows,), "c_0": (self.cell_rows,), "g_0": (rest,)}
        return {name: index for name, index in views.items() if index[0].stop > index[0].start}

    def gates(self, tape: LearnedStateTape) -> dict[str, np.ndarray]:
        return self.core.gates(tape.core) if isinstance(self.core, Gated) else {}

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = Params.zeros(self.layout, dtype)
        p.part("core").flat[:] = self.core.init(rng, dtype).flat
        return p

    def forward(
        self,
        p: Params,
        x: np.ndarray,
        state0: np.ndarray | None = None,
        lengths: np.ndarray | None = None,
        tape: LearnedStateTape | None = None,
        keep: bool = True,
        masks: Sequence[np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, LearnedStateTape | None]:
        """See ``models.Core``."""
        tape = LearnedStateTape() if tape is None else tape
        tape.started = state0 is None
        if state0 is None:
            state0 = np.broadcast_to(p["state_0"], (self.state_size, x.shape[-1]))
        h, state, core_tape = self.core.forward(p.part("core"), x, state0, lengths, tape.core, keep, masks)
        tape.core = core_tape if keep else tape.core
        return h, state, tape if keep else None

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: LearnedStateTape,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """See ``models.Core``."""
        dx, dstate0 = self.core.backward(p.part("core"), grad.part("core"), dh, dstate, tape.core, need_dx)
        if tape.started:
            grad["state_0"] += dstate0.sum(axis=1, keepdims=True)
        return dx, dstate0
