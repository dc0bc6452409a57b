"""Cores on top of each other: each reads the one below at the same step."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqexp.models.core import Bidirected, Celled, Core, Direction, Gated, Rows, is_bidirectional, shifted
from seqexp.numerics.params import Layout, Params


class DeepTape:
    """One tape a layer, the masks between them, and what the top layer has read."""

    def __init__(self, layers: int) -> None:
        self.layers: list[Any] = [None] * layers
        self.masks: Sequence[np.ndarray] | None = None
        self.read: np.ndarray | None = None  # by the top layer


class Deep:
    """Layers of cores, of any kind.

        h^1 = core_1(x)     h^l = core_l(m_l * h^{l-1})            l = 2..L;  m: dropout masks, or 1
        with skip:          h^l = core_l(m_l * h^{l-1} + x^{l-1})  l = 3..L;  x^l: what layer l read

    Parameters: each layer's, their names with ``.l``. The state is the layers', layer 1 on top; the output h is layer
    L's. Dropout acts on the way up, never through time (Zaremba, Sutskever and Vinyals 2014). Skip connections begin at
    the second layer, since x itself may have another size. Source: Schmidhuber 1992; Graves 2013; skip: Wu et al. 2016.
    """

    def __init__(self, layers: Sequence[Core], skip: bool = False) -> None:
        self.layers, self.skip = list(layers), skip
        bottom, top = self.layers[0], self.layers[-1]
        self.input_size, self.hidden_size = bottom.input_size, bottom.hidden_size
        self.bidirectional = is_bidirectional(bottom)
        self.layout = Layout()
        self._starts = [0]  # of each layer's rows of the state, and the end
        for number, layer in enumerate(self.layers, start=1):
            self.layout.part(f"layer{number}", layer.layout, f"{{}}.{number}")
            self._starts.append(self._starts[-1] + layer.state_size)
        self.state_size = self._starts[-1]
        self.output_rows = shifted(top.output_rows, self._starts[-2])
        self.mask_count = len(self.layers) - 1
        self.gate_names: tuple[str, ...] = bottom.gate_names if isinstance(bottom, Gated) else ()
        self.freeze_gates: tuple[str, ...] = bottom.freeze_gates if isinstance(bottom, Gated) else ()

    @property
    def cell_rows(self) -> Rows | None:
        cells = [core.cell_rows if isinstance(core, Celled) else None for core in self.layers]
        every = np.arange(self.state_size)
        rows = [every[shifted(one, start)] for one, start in zip(cells, self._starts, strict=False) if one is not None]
        return np.concatenate(rows) if rows else None

    def gates(self, tape: DeepTape) -> dict[str, np.ndarray]:
        """Each gate's (T, L·H, B), layer 1 on top."""
        each = [core.gates(one) for core, one in zip(self.layers, tape.layers, strict=True) if isinstance(core, Gated)]
        return {name: np.concatenate([gates[name] for gates in each], axis=1) for name in self.gate_names}

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = Params.zeros(self.layout, dtype)
        for number, layer in enumerate(self.layers, start=1):
            p.part(f"layer{number}").flat[:] = layer.init(rng, dtype).flat
        return p

    def forward(
        self,
        p: Params,
        x: np.ndarray,
        state0: np.ndarray | None = None,
        lengths: np.ndarray | None = None,
        tape: DeepTape | None = None,
        keep: bool = True,
        masks: Sequence[np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, DeepTape | None]:
        """h of the top layer, state (S, B), tape. ``masks``: L-1 arrays that broadcast to h's shape."""
        if masks is not None and len(masks) != self.mask_count:
            raise ValueError(
                f"masks must be {self.mask_count} arrays, one between each pair of layers, got {len(masks)}"
            )
        tape = DeepTape(len(self.layers)) if tape is None else tape
        tape.masks = masks
        state = np.empty((self.state_size, x.shape[-1]), p.flat.dtype)
        read = h = x
        for l, layer in enumerate(self.layers):
            if l:
                below = h if masks is None else h * masks[l - 1]
                read = below + read if self.skip and l > 1 else below
            rows = slice(self._starts[l], self._starts[l + 1])
            start = None if state0 is None else state0[rows]
            part, tape.read = p.part(f"layer{l + 1}"), read
            h, state[rows], kept = layer.forward(part, read, start, lengths, tape.layers[l], keep)
            tape.layers[l] = kept if keep else tape.layers[l]
        return h, state, tape if keep else None

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: DeepTape,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """dx (T, X, B) or None, dstate0 (S, B). See ``models.Core``."""
        dstate0: np.ndarray | None = None
        skipped: np.ndarray | None = None  # dL/d(what the layer read), from the layer above
        for l, layer in reversed(list(enumerate(self.layers))):
            rows, part = slice(self._starts[l], self._starts[l + 1]), f"layer{l + 1}"
            end = None if dstate is None else dstate[rows]
            back = layer.backward(p.part(part), grad.part(part), dh, end, tape.layers[l], l > 0 or need_dx)
            dread, of_layer = back
            if dstate0 is None:
                dstate0 = np.empty((self.state_size, of_layer.shape[1]), p.flat.dtype)
            dstate0[rows] = of_layer
            if skipped is not None and dread is not None:
                dread += skipped
            skipped = dread if self.skip and l > 1 else None
            dh = dread if dread is None or l == 0 or tape.masks is None else dread * tape.masks[l - 1]
        assert dstate0 is not None
        return dh, dstate0

    def directions(self, p: Params, x: np.ndarray, lengths: np.ndarray | None) -> list[Direction]:
        """See ``models.Bidirected``."""
        top, tape = self.layers[-1], DeepTape(len(self.layers))
        self.forward(p, x, None, lengths, tape, keep=False)
        assert isinstance(top, Bidirected)
        assert tape.read is not None
        found = top.directions(p.part(f"layer{len(self.layers)}"), tape.read, lengths)
        return [each._replace(rows=shifted(each.rows, self._starts[-2])) for each in found]
