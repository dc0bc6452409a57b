"""A recurrent core to start from: say here in one line what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from seqexp.models import register
from seqexp.numerics.functions import FLUSH_EVERY, flush
from seqexp.numerics.initializers import glorot, orthogonal
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Ends, Tape, add_columns, check_input, side_by_side, token_columns


@register("new_model")
@dataclass(kw_only=True, frozen=True)
class NewModel:
    """Simple recurrent network.

        h_t = tanh(W_xh x_t + W_hh h_{t-1} + b_h)

    Parameters W_xh (H, X), W_hh (H, H), b_h (H, 1). The state is h itself, (H, B). Source: Elman 1990.

    The fields are the settings of conf/model/new_model.yaml: one more field here is one more line there.
    """

    input_size: Annotated[int, Ge(1)]
    hidden_size: Annotated[int, Ge(1)]
    recurrent_scale: Annotated[float, Ge(0)] = 1.0

    mask_count = 0  # dropout masks between own layers

    @cached_property
    def layout(self) -> Layout:
        layout = Layout()
        layout.add("W_xh", (self.hidden_size, self.input_size))
        layout.add("W_hh", (self.hidden_size, self.hidden_size))
        layout.add("b_h", (self.hidden_size, 1))
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
        p["W_hh"][:] = self.recurrent_scale * orthogonal(rng, self.hidden_size)
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
        T, B, H, dtype = x.shape[0], x.shape[-1], self.hidden_size, p.flat.dtype
        tokens = check_input(x, self.input_size, dtype, "new_model")
        ends = tape.ends = Ends(lengths, T, B)  # where each column ends
        if tokens:
            table, which = token_columns(p["W_xh"], x, tape)
            from_x = table[which].swapaxes(1, 2)  # (T, H, B)
        else:
            if ends.dead is not None:
                x = x.copy()
                np.copyto(x[: ends.steps], 0, where=ends.dead)  # whatever padding holds, it stays out
            from_x = p["W_xh"] @ x
        tape.x, tape.dx_lent = x, False
        h = tape.array("h", (T + 1, H, B), dtype)  # slot 0 is the initial state
        h[0] = 0 if state0 is None else state0
        state = np.empty((H, B), dtype)
        if -1 in ends.at:  # columns without a step
            state[:, ends.at[-1]] = h[0][:, ends.at[-1]]
        for t in range(ends.steps):
            np.tanh(from_x[t] + p["W_hh"] @ h[t] + p["b_h"], out=h[t + 1])
            if ends.dead is not None:
                np.copyto(h[t + 1], 0, where=ends.dead[t])
            if t in ends.at:  # columns whose last step this is
                state[:, ends.at[t]] = h[t + 1][:, ends.at[t]]
        h[ends.steps + 1 :] = 0
        return h[1:], state, tape if keep else None

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: Tape,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """dx (T, X, B) or None, dstate0 (H, B): the reverse of ``forward``.

        dz_t = dh_t (1 - h_t^2)   dh_{t-1} = W_hh^T dz_t   dx_t = W_xh^T dz_t   dW = sum_t dz_t [h_{t-1}; x_t; 1]^T
        """
        x, ends, H, dtype = tape.x, tape.ends, self.hidden_size, p.flat.dtype
        T, B, n = x.shape[0], x.shape[-1], tape.ends.steps
        h = tape.array("h", (T + 1, H, B), dtype)
        dz = tape.array("dz", (n, H, B), dtype)
        dh_t = np.zeros((H, B), dtype)  # dL/dh_t from everything after step t
        for t in reversed(range(n)):
            if dstate is not None and t in ends.at:
                dh_t[:, ends.at[t]] += dstate[:, ends.at[t]]
            if dh is not None:
                ends.add(dh_t, dh[t], t)
            dz[t] = dh_t * (1 - h[t + 1] * h[t + 1])
            dh_t = p["W_hh"].T @ dz[t]
            if t % FLUSH_EVERY == 0:
                flush(dh_t)
        if dstate is not None and -1 in ends.at:
            dh_t[:, ends.at[-1]] += dstate[:, ends.at[-1]]
        columns = side_by_side(dz, "dz_columns", tape)  # (H, n·B)
        grad["W_hh"] += columns @ side_by_side(h[:n], "h_columns", tape).T
        grad["b_h"] += columns.sum(axis=1, keepdims=True)
        if x.ndim == 2:  # tokens have no derivative
            add_columns(grad["W_xh"], x[:n].ravel(), columns)
            return None, dh_t
        grad["W_xh"] += columns @ side_by_side(x[:n], "x_columns", tape).T
        if not need_dx:
            return None, dh_t
        dx = tape.gradient_of_input(x.shape, dtype)
        dx[:n], dx[n:] = p["W_xh"].T @ dz, 0
        return dx, dh_t
