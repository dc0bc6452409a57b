"""The stacked recurrent network: vanilla layers on top of each other, connected in time and in depth."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from seqexp.models import register
from seqexp.models.rnn import Activation, add_layer, layer_backward, layer_forward
from seqexp.numerics.initializers import Recurrent, glorot, recurrent
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Ends, Tape


@register("stacked_rnn")
@dataclass(kw_only=True, frozen=True)
class StackedRNN:
    """Elman layers, each reading the layer below at the same step and itself at the step before.

        h^1_t = g(W_xh    x_t       + W_hht^1 h^1_{t-1} + b_h^1)
        h^l_t = g(W_hhd^l h^{l-1}_t + W_hht^l h^l_{t-1} + b_h^l)        l = 2..L

    Parameters W_xh (H, X), W_hht.l (H, H) for l = 1..L (in time), W_hhd.l (H, H) for l = 2..L (in depth), b_h.l (H, 1).
    The state is the layers' h, layer 1 on top, (L·H, B); the output h is layer L's. Dropout masks act on the way up,
    never through time (Zaremba, Sutskever and Vinyals 2014). Source: Schmidhuber 1992; Pascanu et al. 2014, eq. 10.
    """

    input_size: Annotated[int, Ge(1)]
    hidden_size: Annotated[int, Ge(1)]
    num_layers: Annotated[int, Ge(1), Le(1000)] = 2
    activation: Activation = "tanh"
    recurrent_init: Recurrent = "orthogonal"
    recurrent_scale: Annotated[float, Ge(0)] = 1.0

    layer_forward = staticmethod(layer_forward)
    layer_backward = staticmethod(layer_backward)

    @property
    def mask_count(self) -> int:
        return self.num_layers - 1

    @cached_property
    def layout(self) -> Layout:
        layout = Layout()
        X, H = self.input_size, self.hidden_size
        add_layer(layout, "W.1", X, H, W_xh="W_xh", W_hh="W_hht.1", b_h="b_h.1")
        for l in range(2, self.num_layers + 1):
            add_layer(layout, f"W.{l}", H, H, W_xh=f"W_hhd.{l}", W_hh=f"W_hht.{l}", b_h=f"b_h.{l}")
        return layout

    @property
    def state_size(self) -> int:
        return self.num_layers * self.hidden_size

    @property
    def output_rows(self) -> slice:
        return slice(self.state_size - self.hidden_size, self.state_size)

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = Params.zeros(self.layout, dtype)
        H = self.hidden_size
        p["W_xh"][:] = glorot(rng, H, self.input_size)
        for l in range(1, self.num_layers + 1):
            p[f"W_hht.{l}"][:] = recurrent(self.recurrent_init, self.recurrent_scale, rng, H)
        for l in range(2, self.num_layers + 1):
            p[f"W_hhd.{l}"][:] = glorot(rng, H, H)
        return p

    def forward(
        self,
        p: Params,
        x: np.ndarray,
        state0: np.ndarray | None = None,
        lengths: np.ndarray | None = None,
        tape: "StackTape | None" = None,
        keep: bool = True,
        masks: Sequence[np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, "StackTape | None"]:
        """h (T, H, B) of the top layer, state (L·H, B), tape. ``masks``: L-1 arrays that broadcast to (T, H, B)."""
        if masks is not None and len(masks) != self.mask_count:
            raise ValueError(f"stacked_rnn: masks must be {self.mask_count} arrays, got {len(masks)}")
        tape = StackTape() if tape is None else tape
        tape.layers += [Tape() for _ in range(len(tape.layers), self.num_layers)]
        tape.masks = masks
        ends = Ends(lengths, x.shape[0], x.shape[-1])
        state = np.empty((self.state_size, x.shape[-1]), p.flat.dtype)
        h = x
        for l, rows in enumerate(self._rows()):
            below = h if l == 0 or masks is None else h * masks[l - 1]
            start = None if state0 is None else state0[rows]
            h, state[rows] = self.layer_forward(p[f"W.{l + 1}"], below, start, ends, tape.layers[l], self.activation)
        return h, state, tape if keep else None

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: "StackTape",
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """dx (T, X, B) or None, dstate0 (L·H, B). See ``models.Core``."""
        B = tape.layers[0].x.shape[-1]
        dstate0 = np.empty((self.state_size, B), p.flat.dtype)
        for l, rows in reversed(list(enumerate(self._rows()))):
            if l < self.num_layers - 1 and tape.masks is not None:
                dh = dh * tape.masks[l]
            end = None if dstate is None else dstate[rows]
            W, dW = p[f"W.{l + 1}"], grad[f"W.{l + 1}"]
            dh, dstate0[rows] = self.layer_backward(W, dW, dh, end, tape.layers[l], self.activation, l > 0 or need_dx)
        return dh, dstate0

    def _rows(self) -> list[slice]:
        H = self.hidden_size
        return [slice(l * H, (l + 1) * H) for l in range(self.num_layers)]


class StackTape:
    """One tape a layer, and the masks between them."""

    def __init__(self) -> None:
        self.layers: list[Tape] = []
        self.masks: Sequence[np.ndarray] | None = None
