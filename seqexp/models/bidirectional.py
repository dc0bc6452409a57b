"""Two cores that read the same columns, one from their beginning and one from their end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqexp.models.core import Celled, Core, Direction, Gated, Rows, output_size, shifted
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Tape, reverse


@dataclass
class BidirectionalTape:
    """A tape for each direction, and memory for what they say together."""

    ahead: Any = None
    back: Any = None
    lengths: np.ndarray | None = None
    memory: Tape = field(default_factory=Tape)


class Bidirectional:
    """A forward core and a backward one, which reads each column from its own last step to its first.

        h_t = [forward h_t; backward h_t]        backward h_t has read x_n, …, x_t of a column of n steps

    Parameters: both cores', their names with ``forward.`` and ``backward.``. h has the rows of both, and so has the
    state: forward on top of backward, each after its own last step. What it says at a step depends on later ones.
    Dropout masks between a direction's own layers are its rows of those given. Source: Schuster and Paliwal 1997.
    """

    bidirectional = True

    def __init__(self, forward: Core, backward: Core) -> None:
        self.cores = (forward, backward)
        self.input_size, self.hidden_size, self.mask_count = forward.input_size, forward.hidden_size, forward.mask_count
        self._split = forward.state_size
        self.state_size = forward.state_size + backward.state_size
        every = np.arange(self.state_size)
        both = [every[forward.output_rows], every[shifted(backward.output_rows, self._split)]]
        self.output_rows = np.concatenate(both)
        self._units = output_size(forward)
        self.gate_names: tuple[str, ...] = forward.gate_names if isinstance(forward, Gated) else ()
        self.freeze_gates: tuple[str, ...] = forward.freeze_gates if isinstance(forward, Gated) else ()
        self.layout = Layout()
        self.layout.part("forward", forward.layout, "forward.{}")
        self.layout.part("backward", backward.layout, "backward.{}")

    @property
    def cell_rows(self) -> Rows | None:
        cells = [core.cell_rows if isinstance(core, Celled) else None for core in self.cores]
        every = np.arange(self.state_size)
        rows = [every[shifted(one, by)] for one, by in zip(cells, (0, self._split), strict=True) if one is not None]
        return np.concatenate(rows) if rows else None

    def gates(self, tape: BidirectionalTape) -> dict[str, np.ndarray]:
        """Each gate's (T, 2H, B), forward on top of backward, whose first step is its column's last."""
        tapes = (tape.ahead, tape.back)
        each = [core.gates(one) for core, one in zip(self.cores, tapes, strict=True) if isinstance(core, Gated)]
        return {name: np.concatenate([gates[name] for gates in each], axis=1) for name in self.gate_names}

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = Params.zeros(self.layout, dtype)
        for name, core in zip(("forward", "backward"), self.cores, strict=True):
            p.part(name).flat[:] = core.init(rng, dtype).flat
        return p

    def forward(
        self,
        p: Params,
        x: np.ndarray,
        state0: np.ndarray | None = None,
        lengths: np.ndarray | None = None,
        tape: BidirectionalTape | None = None,
        keep: bool = True,
        masks: Sequence[np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, BidirectionalTape | None]:
        """h (T, 2H, B), state (S, B), tape. See ``models.Core``."""
        tape = BidirectionalTape() if tape is None else tape
        ahead, back = self.cores
        of_ahead, of_back = self._halves(state0)
        masks_ahead = masks if masks is None else [_rows(mask, slice(0, self._units)) for mask in masks]
        masks_back = masks if masks is None else [_rows(mask, slice(self._units, None)) for mask in masks]
        h1, state1, tape1 = ahead.forward(p.part("forward"), x, of_ahead, lengths, tape.ahead, keep, masks_ahead)
        turned = reverse(x, lengths)
        h2, state2, tape2 = back.forward(p.part("backward"), turned, of_back, lengths, tape.back, keep, masks_back)
        if keep:
            tape.ahead, tape.back, tape.lengths = tape1, tape2, lengths
        h = tape.memory.array("h", (len(h1), self._units + h2.shape[1], h1.shape[2]), h1.dtype)
        h[:, : self._units], h[:, self._units :] = h1, reverse(h2, lengths)
        return h, np.concatenate([state1, state2]), tape if keep else None

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: BidirectionalTape,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """dx (T, X, B) or None, dstate0 (S, B). See ``models.Core``."""
        ahead, back = self.cores
        of_ahead, of_back = self._halves(dstate)
        dh1 = None if dh is None else dh[:, : self._units]
        dh2 = None if dh is None else reverse(dh[:, self._units :], tape.lengths)
        dx, first = ahead.backward(p.part("forward"), grad.part("forward"), dh1, of_ahead, tape.ahead, need_dx)
        dx2, second = back.backward(p.part("backward"), grad.part("backward"), dh2, of_back, tape.back, need_dx)
        if dx is not None and dx2 is not None:
            dx += reverse(dx2, tape.lengths)
        return dx, np.concatenate([first, second])

    def directions(self, p: Params, x: np.ndarray, lengths: np.ndarray | None) -> list[Direction]:
        """See ``models.Bidirected``."""
        ahead, back = self.cores
        rows = slice(0, self._split), slice(self._split, self.state_size)
        return [
            Direction(ahead, p.part("forward"), x, rows[0]),
            Direction(back, p.part("backward"), reverse(x, lengths), rows[1]),
        ]

    def _halves(self, state: np.ndarray | None) -> tuple[np.ndarray | None, np.ndarray | None]:
        return (None, None) if state is None else (state[: self._split], state[self._split :])


def _rows(mask: np.ndarray, rows: slice) -> np.ndarray:
    return mask if mask.shape[-2] == 1 else mask[..., rows, :]
