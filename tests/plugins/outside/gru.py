"""The gated recurrent unit: two gates decide how much of the state a step replaces, and what the replacement sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge

from seqexp.models import register
from seqexp.numerics.functions import FLUSH_EVERY, flush, halve_and_shift
from seqexp.numerics.initializers import Recurrent, glorot, recurrent
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Ends, Tape, add_columns, add_outer, check_input, side_by_side, token_columns

ROWS = "zrh"  # in memory: the two gates, then the candidate


@register("outside_gru")
@dataclass(kw_only=True, frozen=True)
class GRU:
    """Gated recurrent unit.

        z_t = sigmoid(W_z [h_{t-1}; x_t] + b_z)            update
        r_t = sigmoid(W_r [h_{t-1}; x_t] + b_r)            reset
        c_t = tanh   (W_h [r_t * h_{t-1}; x_t] + b_h)      candidate
        h_t = (1 - z_t) * c_t + z_t * h_{t-1}

    Parameters W_z, W_r, W_h (H, H+X) and b_z, b_r, b_h (H, 1): views of one matrix W (3H, 1+H+X). The state is h
    itself, (H, B). ``freeze_gates`` fixes gates at one. Source: Cho et al. 2014, whose equations have r before the
    product with W_h.
    """

    input_size: Annotated[int, Ge(1)]
    hidden_size: Annotated[int, Ge(1)]
    recurrent_init: Recurrent = "orthogonal"
    recurrent_scale: Annotated[float, Ge(0)] = 1.0
    freeze_gates: tuple[Literal["z", "r"], ...] = ()

    mask_count = 0
    gate_names = ("z", "r")

    @cached_property
    def layout(self) -> Layout:
        H, K = self.hidden_size, 1 + self.hidden_size + self.input_size
        views: dict[str, Any] = {}
        for name in ROWS:
            views |= {f"W_{name}": (self._rows(name), slice(1, K)), f"b_{name}": (self._rows(name), slice(0, 1))}
        layout = Layout()
        layout.add("W", (3 * H, K), **views)
        return layout

    @property
    def state_size(self) -> int:
        return self.hidden_size

    @property
    def output_rows(self) -> slice:
        return slice(0, self.hidden_size)

    def gates(self, tape: Tape) -> dict[str, np.ndarray]:
        """z and r, each (T, H, B), of the forward pass that left the tape: views, valid until its next."""
        return {gate: tape.views["gates"][:, self._rows(gate)] for gate in self.gate_names}

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        H, p = self.hidden_size, Params.zeros(self.layout, dtype)
        for name in ROWS:
            p[f"W_{name}"][:, :H] = recurrent(self.recurrent_init, self.recurrent_scale, rng, H)
            p[f"W_{name}"][:, H:] = glorot(rng, H, self.input_size)
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
        T, B = x.shape[0], x.shape[-1]
        H, W = self.hidden_size, p["W"]
        tokens = check_input(x, self.input_size, W.dtype, "outside_gru")
        ends = tape.ends = Ends(lengths, T, B)
        tape.x, tape.dx_lent = x, False
        K = 1 + H if tokens else W.shape[1]
        a = tape.array("a", (T + 1, K, B), W.dtype)  # columns [1; h_{t-1}; x_t]
        reset = tape.array("reset", (T, K, B), W.dtype)  # columns [1; r_t * h_{t-1}; x_t]
        gates = tape.array("gates", (T, 3 * H, B), W.dtype)  # rows z, r, candidate
        tape.views = {"a": a, "reset": reset, "gates": gates}
        for columns in (a[:T], reset):
            columns[:, 0] = 1
            if not tokens:
                columns[:, 1 + H :] = x
                if ends.dead is not None:
                    np.copyto(columns[: ends.steps, 1 + H :], 0, where=ends.dead)  # whatever padding holds
        a[0, 1 : 1 + H] = 0 if state0 is None else state0
        h_all, state = a[1:, 1 : 1 + H], np.empty((H, B), W.dtype)
        if -1 in ends.at:
            state[:, ends.at[-1]] = a[0, 1 : 1 + H][:, ends.at[-1]]
        W_gates, W_candidate = np.ascontiguousarray(W[: 2 * H, :K]), np.ascontiguousarray(W[2 * H :, :K])
        if tokens:
            table, which = token_columns(W[:, 1 + H :], x, tape)
        for t in range(ends.steps):
            zr, c, h, after = gates[t, : 2 * H], gates[t, 2 * H :], a[t, 1 : 1 + H], h_all[t]
            np.dot(W_gates, a[t], out=zr)
            if tokens:
                from_x = table[which[t]].T  # W_x x_t, (3H, B)
                zr += from_x[: 2 * H]
            zr *= 0.5
            np.tanh(zr, out=zr)
            halve_and_shift(zr)
            for gate in self.freeze_gates:
                zr[self._rows(gate)] = 1
            np.multiply(zr[H:], h, out=reset[t, 1 : 1 + H])
            np.dot(W_candidate, reset[t], out=c)
            if tokens:
                c += from_x[2 * H :]
            np.tanh(c, out=c)
            np.subtract(h, c, out=after)
            after *= zr[:H]
            after += c
            if t >= ends.shortest:
                np.copyto(after, 0, where=ends.dead[t])  # type: ignore[index]
            if t in ends.at:
                state[:, ends.at[t]] = after[:, ends.at[t]]
        h_all[ends.steps :] = 0
        return h_all, state, tape if keep else None

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

        dc_t = dh_t (1 - z_t) (1 - c_t^2)       dz_t = dh_t (h_{t-1} - c_t) z_t (1 - z_t)
        s_t  = W_hh^T dc_t                      dr_t = s_t h_{t-1} r_t (1 - r_t)
        dh_{t-1} = dh_t z_t + s_t r_t + W_zh^T dz_t + W_rh^T dr_t
        """
        x, ends, H, W, dW = tape.x, tape.ends, self.hidden_size, p["W"], grad["W"]
        a, reset, gates = tape.views["a"], tape.views["reset"], tape.views["gates"]
        B, n, K = x.shape[-1], ends.steps, a.shape[1]
        tokens = x.ndim == 2
        W_gatesT, W_candidateT = W[: 2 * H, 1 : 1 + H].T.copy(), W[2 * H :, 1 : 1 + H].T.copy()
        d_all = tape.array("d", (n, 3 * H, B), W.dtype)
        dh_t = np.zeros((H, B), W.dtype)  # dL/dh_t from everything after step t
        for t in reversed(range(n)):
            if dstate is not None and t in ends.at:
                dh_t[:, ends.at[t]] += dstate[:, ends.at[t]]
            if dh is not None:
                ends.add(dh_t, dh[t], t)
            (z, r, c), h = gates[t].reshape(3, H, B), a[t, 1 : 1 + H]
            dz, dr, dc = d_all[t].reshape(3, H, B)
            dc[:] = dh_t * (1 - z) * (1 - c * c)
            dz[:] = dh_t * (h - c) * z * (1 - z)
            s = W_candidateT @ dc
            dr[:] = s * h * r * (1 - r)
            dh_t *= z
            dh_t += s * r
            dh_t += W_gatesT @ d_all[t, : 2 * H]
            if t % FLUSH_EVERY == FLUSH_EVERY - 1:
                flush(dh_t)
        if dstate is not None and -1 in ends.at:
            dh_t[:, ends.at[-1]] += dstate[:, ends.at[-1]]
        columns = side_by_side(d_all, "d_columns", tape)  # (3H, n·B)
        add_outer(dW[: 2 * H, :K], columns[: 2 * H], a[:n], tape)
        add_outer(dW[2 * H :, :K], columns[2 * H :], reset[:n], tape)
        if tokens:
            add_columns(dW[:, 1 + H :], x[:n].ravel(), columns)
            return None, dh_t
        if not need_dx:
            return None, dh_t
        dx = tape.gradient_of_input(x.shape, W.dtype)
        dx[n:] = 0
        dx[:n] = (W[:, 1 + H :].T @ columns).reshape(self.input_size, n, B).swapaxes(0, 1)
        return dx, dh_t

    def _rows(self, name: str) -> slice:
        start = ROWS.index(name) * self.hidden_size
        return slice(start, start + self.hidden_size)
