"""The vanilla recurrent network: one layer, one weight matrix through time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge

from seqexp.models import register
from seqexp.numerics.functions import FLUSH_EVERY, flush, halve_and_shift, product
from seqexp.numerics.initializers import Recurrent, glorot, recurrent
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import (
    Ends,
    Tape,
    add_columns,
    add_outer,
    check_input,
    chunk_steps,
    side_by_side,
    token_columns,
)

Activation = Literal["tanh", "relu", "sigmoid"]


@register("rnn")
@dataclass(kw_only=True, frozen=True)
class RNN:
    """Elman network.

        h_t = g(W_xh x_t + W_hh h_{t-1} + b_h)        g: tanh, relu or sigmoid

    Parameters W_xh (H, X), W_hh (H, H), b_h (H, 1): views of one matrix W = [b_h W_hh W_xh] (H, 1+H+X) that multiplies
    the stacked column [1; h_{t-1}; x_t]. The state is h itself, (H, B). Gradients shrink or grow like powers of W_hh;
    clip them. Source: Elman 1990; tanh is our choice. Orthogonal W_hh at the start: Saxe et al. 2014.
    """

    input_size: Annotated[int, Ge(1)]
    hidden_size: Annotated[int, Ge(1)]
    activation: Activation = "tanh"
    recurrent_init: Recurrent = "orthogonal"
    recurrent_scale: Annotated[float, Ge(0)] = 1.0

    mask_count = 0

    @cached_property
    def layout(self) -> Layout:
        layout = Layout()
        add_layer(layout, "W", self.input_size, self.hidden_size, W_xh="W_xh", W_hh="W_hh", b_h="b_h")
        return layout

    @property
    def state_size(self) -> int:
        return self.hidden_size

    @property
    def output_rows(self) -> slice:
        return slice(0, self.hidden_size)

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = Params.zeros(self.layout, dtype)
        p["W_xh"][:] = glorot(rng, self.hidden_size, self.input_size)
        p["W_hh"][:] = recurrent(self.recurrent_init, self.recurrent_scale, rng, self.hidden_size)
        return p

    def forward(
        self,
        p: Params,
        x: np.ndarray,
        state0: np.ndarray | None = None,
        lengths: np.ndarray | None = None,
        tape: Tape | None = None,
        keep: bool = True,
        masks: Sequence[np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, Tape | None]:
        """h (T, H, B), state (H, B), tape. See ``models.Core``."""
        tape = Tape() if tape is None else tape
        ends = Ends(lengths, x.shape[0], x.shape[-1])
        h, state = layer_forward(p["W"], x, state0, ends, tape, self.activation)
        return h, state, tape if keep else None

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: Tape,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """dx (T, X, B) or None, dstate0 (H, B). See ``models.Core``."""
        return layer_backward(p["W"], grad["W"], dh, dstate, tape, self.activation, need_dx)


def add_layer(layout: Layout, block: str, X: int, H: int, *, W_xh: str, W_hh: str, b_h: str) -> None:
    """Append one layer's matrix [b_h W_hh W_xh] to a layout, with its parts under the names given."""
    views = {W_xh: np.s_[:, 1 + H :], W_hh: np.s_[:, 1 : 1 + H], b_h: np.s_[:, :1]}
    layout.add(block, (H, 1 + H + X), **views)


def layer_forward(
    W: np.ndarray, x: np.ndarray, state0: np.ndarray | None, ends: Ends, tape: Tape, activation: Activation
) -> tuple[np.ndarray, np.ndarray]:
    """One layer over a sequence: h (T, H, B), a view of the tape's memory, and the final state (H, B).

    The column [1; h_{t-1}; x_t] of every step lies ready in ``a``; a step writes h_t into the next step's column. The
    weights' derivative later needs exactly these columns, so ``a`` is the whole tape.
    """
    T, B = x.shape[0], x.shape[-1]
    H, X = len(W), W.shape[1] - 1 - len(W)
    tokens = check_input(x, X, W.dtype, "rnn")
    K = 1 + H if tokens else 1 + H + X
    a = tape.array("a", (T + 1, K, B), W.dtype)  # rows 1, h, x; slot 0 holds the initial state
    a[:, 0] = 1
    a[0, 1 : 1 + H] = 0 if state0 is None else state0
    if not tokens:
        a[:T, 1 + H :] = x
        if ends.dead is not None:
            np.copyto(a[: ends.steps, 1 + H :], 0, where=ends.dead)  # whatever padding holds, it stays out
    tape.x, tape.ends, tape.dx_lent = x, ends, False
    h = a[1:, 1 : 1 + H]  # (T, H, B)
    state = np.empty((H, B), W.dtype)
    W_h, W_x = W[:, :K], W[:, 1 + H :]
    multiply, activate = product(W_h, B), ACTIVATIONS[activation]
    if tokens:
        table, which = token_columns(W_x, x, tape)
        from_x = tape.array("from_x", (B, H), W.dtype)  # W_x x_t, a row a column
    for t in range(ends.steps):
        z = h[t]
        multiply(a[t], z)
        if tokens:
            np.take(table, which[t], axis=0, out=from_x, mode="clip")  # "raise" would go through a second buffer
            z += from_x.T
        activate(z)
        if t >= ends.shortest:
            assert ends.dead is not None
            np.copyto(z, 0, where=ends.dead[t])
        if t in ends.at:
            state[:, ends.at[t]] = z[:, ends.at[t]]
    h[ends.steps :] = 0
    if -1 in ends.at:
        state[:, ends.at[-1]] = a[0, 1 : 1 + H][:, ends.at[-1]]
    return h, state


def layer_backward(
    W: np.ndarray,
    dW: np.ndarray,
    dh: np.ndarray | None,
    dstate: np.ndarray | None,
    tape: Tape,
    activation: Activation,
    need_dx: bool,
) -> tuple[np.ndarray | None, np.ndarray]:
    """The reverse of ``layer_forward``, a chunk of steps at a time.

    With dz_t = g'(z_t) dh_t:   dh_{t-1} = W_hh^T dz_t   dx_t = W_xh^T dz_t   dW = sum_t dz_t [1; h_{t-1}; x_t]^T

    g' comes first, for all steps of the chunk; then the recurrence; then the products over all its columns at once.
    """
    x, ends = tape.x, tape.ends
    T, B = x.shape[0], x.shape[-1]
    H = len(W)
    tokens = x.ndim == 2
    K = 1 + H if tokens else W.shape[1]
    a = tape.array("a", (T + 1, K, B), W.dtype)
    W_hT = tape.array("W_hT", (H, H), W.dtype)
    W_hT[:] = W[:, 1 : 1 + H].T
    multiply, derive = product(W_hT, B), DERIVATIVES[activation]
    dh_t = tape.array("dh", (H, B), W.dtype)  # dL/dh_t from everything after step t
    dh_t[:] = 0
    dx = tape.gradient_of_input(x.shape, W.dtype) if need_dx and not tokens else None
    if dx is not None:
        dx[ends.steps :] = 0
    n, _ = chunk_steps(H * B * W.itemsize, B, ends.steps)
    chunk = tape.array("chunk", (n, H, B), W.dtype)
    for start in reversed(range(0, ends.steps, n)):
        stop = min(start + n, ends.steps)
        dz = chunk[: stop - start]
        derive(a[start + 1 : stop + 1, 1 : 1 + H], dz)
        for t in reversed(range(start, stop)):
            if dstate is not None and t in ends.at:
                dh_t[:, ends.at[t]] += dstate[:, ends.at[t]]
            if dh is not None:
                ends.add(dh_t, dh[t], t)
            dz_t = dz[t - start]
            dz_t *= dh_t
            multiply(dz_t, dh_t)
            if t % FLUSH_EVERY == FLUSH_EVERY - 1:
                flush(dh_t)
        columns = side_by_side(dz, "dz_columns", tape)
        add_outer(dW[:, :K], columns, a[start:stop], tape)
        if tokens:
            add_columns(dW[:, 1 + H :], x[start:stop].ravel(), columns)
        elif dx is not None:
            dx[start:stop] = (W[:, 1 + H :].T @ columns).reshape(-1, stop - start, B).swapaxes(0, 1)
    if dstate is not None and -1 in ends.at:
        dh_t[:, ends.at[-1]] += dstate[:, ends.at[-1]]
    return dx, dh_t.copy()


def _tanh(z: np.ndarray) -> None:
    np.tanh(z, out=z)


def _relu(z: np.ndarray) -> None:
    z *= z.real > 0


def _sigmoid(z: np.ndarray) -> None:
    z *= 0.5
    np.tanh(z, out=z)
    halve_and_shift(z)


def _tanh_derivative(h: np.ndarray, out: np.ndarray) -> None:
    np.multiply(h, h, out=out)
    np.subtract(1, out, out=out)


def _relu_derivative(h: np.ndarray, out: np.ndarray) -> None:
    np.greater(h.real, 0, out=out, casting="unsafe")


def _sigmoid_derivative(h: np.ndarray, out: np.ndarray) -> None:
    np.subtract(1, h, out=out)
    out *= h


ACTIVATIONS: dict[Activation, Callable[[np.ndarray], None]] = {"tanh": _tanh, "relu": _relu, "sigmoid": _sigmoid}
DERIVATIVES: dict[Activation, Callable[[np.ndarray, np.ndarray], None]] = {  # of g, written in terms of h = g(z)
    "tanh": _tanh_derivative,
    "relu": _relu_derivative,
    "sigmoid": _sigmoid_derivative,
}
