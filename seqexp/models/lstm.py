"""The long short-term memory: three gates around a cell that adds instead of multiplying."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge

from seqexp import aligned
from seqexp.initializers import Recurrent, glorot, recurrent
from seqexp.models import register
from seqexp.numerics import FLUSH_EVERY, flush, halve_and_shift, product
from seqexp.params import Layout, Params
from seqexp.tape import Ends, Tape, add_columns, add_outer, check_input, chunk_steps, side_by_side, token_columns

Gate = Literal["f", "i", "o"]
ROWS = "oift"  # the gates' order in memory: the three sigmoids adjacent, and i and f as their products with t and c


@register("lstm")
@dataclass(kw_only=True, frozen=True)
class LSTM:
    """Long short-term memory with a forget gate.

        f_t = sigmoid(W_f [h_{t-1}; x_t] + b_f)         forget
        i_t = sigmoid(W_i [h_{t-1}; x_t] + b_i)         input
        o_t = sigmoid(W_o [h_{t-1}; x_t] + b_o)         output
        t_t = tanh   (W_t [h_{t-1}; x_t] + b_t)         the tanh layer: the candidate
        c_t = f_t * c_{t-1} + i_t * t_t
        h_t = o_t * tanh(c_t)

    Parameters W_f, W_i, W_o, W_t (H, H+X) and b_f, b_i, b_o, b_t (H, 1): views of one matrix W (4H, 1+H+X) that
    multiplies the stacked column [1; h_{t-1}; x_t]. The state is h on top of c, (2H, B). ``freeze_gates`` fixes gates
    at one. Source: Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and Cummins 2000; its bias starts
    at one: Jozefowicz, Zaremba and Sutskever 2015. No peepholes.
    """

    input_size: Annotated[int, Ge(1)]
    hidden_size: Annotated[int, Ge(1)]
    forget_bias: float = 1.0
    recurrent_init: Recurrent = "orthogonal"
    recurrent_scale: Annotated[float, Ge(0)] = 1.0
    freeze_gates: tuple[Gate, ...] = ()

    mask_count = 0

    @cached_property
    def layout(self) -> Layout:
        H, K = self.hidden_size, 1 + self.hidden_size + self.input_size
        views = {}
        for gate in "fiot":
            views[f"W_{gate}"] = (self._rows(gate), slice(1, K))
            views[f"b_{gate}"] = (self._rows(gate), slice(0, 1))
        layout = Layout()
        layout.add("W", (4 * H, K), **views)
        return layout

    @property
    def state_size(self) -> int:
        return 2 * self.hidden_size

    @property
    def output_rows(self) -> slice:
        return slice(0, self.hidden_size)

    @property
    def cell_rows(self) -> slice:
        """The rows of the state that hold c."""
        return slice(self.hidden_size, 2 * self.hidden_size)

    def gates(self, tape: Tape) -> dict[str, np.ndarray]:
        """f, i and o, each (T, H, B), of the forward pass that left the tape: views, valid until its next."""
        values = tape.views["gates"]
        return {gate: values[:, self._rows(gate)] for gate in "fio"}

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        H = self.hidden_size
        p = Params.zeros(self.layout, dtype)
        for gate in "fiot":
            p[f"W_{gate}"][:, :H] = recurrent(self.recurrent_init, self.recurrent_scale, rng, H)
            p[f"W_{gate}"][:, H:] = glorot(rng, H, self.input_size)
        p["b_f"][:] = self.forget_bias
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
        """h (T, H, B), state (2H, B), tape. See ``models.Core``."""
        tape = Tape() if tape is None else tape
        T, B = x.shape[0], x.shape[-1]
        H, W = self.hidden_size, p["W"]
        tokens = check_input(x, self.input_size, W.dtype, "lstm")
        ends = tape.ends = Ends(lengths, T, B)
        tape.x, tape.dx_lent = x, False
        a, a_steps, steps = self._memory(tape, T, B, tokens, W.dtype, keep)
        a[:, 0] = 1
        if not tokens:
            a[:T, 1 + H :] = x
            if ends.dead is not None:
                np.copyto(a[: ends.steps, 1 + H :], 0, where=ends.dead)  # whatever padding holds, it stays out
        a[0, 1 : 1 + H] = 0 if state0 is None else state0[:H]
        c, it = tape.array("c", (2, H, B), W.dtype)
        c[:] = 0 if state0 is None else state0[H:]
        state = np.empty((2 * H, B), W.dtype)
        if -1 in ends.at:
            state[:H, ends.at[-1]] = a[0, 1 : 1 + H][:, ends.at[-1]]
            state[H:, ends.at[-1]] = c[:, ends.at[-1]]

        multiply = product(W[:, : a.shape[1]], B)
        if tokens:
            table, which = token_columns(W[:, 1 + H :], x, tape)
            from_x = tape.array("from_x", (B, 4 * H), W.dtype)  # W_x x_t, a row a column
        frozen = [self._rows(gate) for gate in self.freeze_gates]
        for t in range(ends.steps):
            z, oif, o, i, f, t_t, fc, h = steps[t]
            multiply(a_steps[t], z)
            if tokens:
                np.take(table, which[t], axis=0, out=from_x, mode="clip")  # "raise" would go through a second buffer
                z += from_x.T
            oif *= 0.5  # sigmoid(z) = (1 + tanh(z/2)) / 2, so one tanh serves all four gates
            np.tanh(z, out=z)
            halve_and_shift(oif)
            for rows in frozen:
                z[rows] = 1
            np.multiply(i, t_t, out=it)
            np.multiply(f, c, out=fc)
            np.add(it, fc, out=c)
            np.tanh(c, out=h)
            h *= o
            if t >= ends.shortest:
                np.copyto(h, 0, where=ends.dead[t])  # type: ignore[index]
            if t in ends.at:
                state[:H, ends.at[t]] = h[:, ends.at[t]]
                state[H:, ends.at[t]] = c[:, ends.at[t]]
        h_all = a[1:, 1 : 1 + H]  # (T, H, B)
        h_all[ends.steps :] = 0
        return h_all, state, tape if keep else None

    def _memory(self, tape: Tape, T: int, B: int, tokens: bool, dtype: Any, keep: bool) -> tuple[Any, Any, Any]:
        """The stacked columns [1; h; x] of all steps, and per-step views named as in the equations.

        A step's slot of ``gates`` holds o, i, f, t and the product f c_{t-1}, so c_t is i t plus the last. Without a
        tape all steps share one slot. The views are made anew only when the shape changes.
        """
        H = self.hidden_size
        K = 1 + H if tokens else 1 + H + self.input_size
        slots = T if keep else min(T, 1)
        key = (T, B, K, H, slots, np.dtype(dtype))
        if tape.key != key:
            a = tape.array("a", (T + 1, K, B), dtype)
            gates = tape.array("gates", (slots, 5 * H, B), dtype)
            steps = []
            for t in range(T):
                g = gates[t % slots]
                steps.append((g[: 4 * H], g[: 3 * H], *g.reshape(5, H, B), a[t + 1, 1 : 1 + H]))
            tape.key, tape.views = key, {"a": a, "a_steps": list(a), "steps": steps, "gates": gates}
        return tape.views["a"], tape.views["a_steps"], tape.views["steps"]

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: Tape,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """dx (T, X, B) or None, dstate0 (2H, B): the reverse of ``forward``, a chunk of steps at a time.

            do_t = dh_t tanh(c_t)                       dc_t += dh_t o_t (1 - tanh(c_t)^2)
            di_t = dc_t t_t     df_t = dc_t c_{t-1}     dt_t = dc_t i_t     dc_{t-1} = dc_t f_t
            dz   = d(gate) s(1-s) for a sigmoid, d(gate) (1-t^2) for the tanh
            dh_{t-1} = W_h^T dz_t     dx_t = W_x^T dz_t     dW = sum_t dz_t [1; h_{t-1}; x_t]^T

        Everything that multiplies dh_t or dc_t is computed first, for all steps of the chunk (``_local_derivatives``);
        then comes the recurrence; then the products over all the chunk's columns at once.
        """
        x, ends, H, W = tape.x, tape.ends, self.hidden_size, p["W"]
        B = x.shape[-1]
        tokens = x.ndim == 2
        a, gates = tape.views["a"], tape.views["gates"]
        W_hT = tape.array("W_hT", (H, 4 * H), W.dtype)
        W_hT[:] = W[:, 1 : 1 + H].T
        multiply = product(W_hT, B)
        dh_t, dc_t = dstate0 = aligned.zeros((2, H, B), W.dtype)  # dL/dh_t and dL/dc_t from everything after step t
        scratch = tape.array("c", (2, H, B), W.dtype)[0]
        dx = tape.gradient_of_input(x.shape, W.dtype) if need_dx and not tokens else None
        if dx is not None:
            dx[ends.steps :] = 0
        n = min(chunk_steps(4 * H * B * W.itemsize, B), max(1, ends.steps))
        local = tape.array("chunk", (n, 4, H, B), W.dtype)
        c_by_h = tape.array("c_by_h", (n, H, B), W.dtype)
        for start in reversed(range(0, ends.steps, n)):
            stop = min(start + n, ends.steps)
            dz = local[: stop - start]
            self._local_derivatives(gates[start:stop], a[start + 1 : stop + 1, 1 : 1 + H], dz, c_by_h)
            for t in reversed(range(start, stop)):
                if dstate is not None and t in ends.at:
                    dh_t[:, ends.at[t]] += dstate[:H, ends.at[t]]
                    dc_t[:, ends.at[t]] += dstate[H:, ends.at[t]]
                if dh is not None:
                    if t < ends.shortest:
                        dh_t += dh[t]
                    else:
                        np.add(dh_t, dh[t], out=dh_t, where=~ends.dead[t])  # type: ignore[index]
                dz_t = dz[t - start]
                np.multiply(dh_t, c_by_h[t - start], out=scratch)
                dc_t += scratch
                dz_t[0] *= dh_t
                dz_t[1:] *= dc_t
                dc_t *= gates[t, 2 * H : 3 * H]
                multiply(dz_t.reshape(4 * H, B), dh_t)
                if t % FLUSH_EVERY == 0:
                    flush(dstate0)
            dz_columns = side_by_side(dz.reshape(-1, 4 * H, B), "dz_columns", tape)
            add_outer(grad["W"][:, : a.shape[1]], dz_columns, a[start:stop], tape)
            if tokens:
                add_columns(grad["W"][:, 1 + H :], x[start:stop].ravel(), dz_columns)
            elif dx is not None:
                dx[start:stop] = (W[:, 1 + H :].T @ dz_columns).reshape(-1, stop - start, B).swapaxes(0, 1)
        if dstate is not None and -1 in ends.at:
            dh_t[:, ends.at[-1]] += dstate[:H, ends.at[-1]]
            dc_t[:, ends.at[-1]] += dstate[H:, ends.at[-1]]
        return dx, dstate0.reshape(2 * H, B)

    def _local_derivatives(self, gates: np.ndarray, h: np.ndarray, dz: np.ndarray, c_by_h: np.ndarray) -> None:
        """What dh_t and dc_t are multiplied by on their way to dz_t and dc_t, for n steps.

        gates (n, 5H, B), rows o, i, f, t, fc; h (n, H, B).
        dz (n, 4, H, B):  o (1-o) tanh(c) = h (1-o),  i (1-i) t = it (1-i),  f (1-f) c_{t-1} = fc (1-f),
                          i (1-t^2) = i - it t.
        c_by_h (n, H, B): dc/dh = o (1 - tanh(c)^2) = o - h tanh(c).
        """
        n, H, B = len(gates), self.hidden_size, gates.shape[-1]
        o, i, _, t, fc = gates.reshape(n, 5, H, B).swapaxes(0, 1)
        it = np.multiply(i, t, out=dz[:, 3])
        np.subtract(1, gates.reshape(n, 5, H, B)[:, :3], out=dz[:, :3])
        dz[:, 0] *= h
        dz[:, 1] *= it
        dz[:, 2] *= fc
        tanh_c = np.add(it, fc, out=c_by_h[:n])
        np.tanh(tanh_c, out=tanh_c)
        tanh_c *= h
        np.subtract(o, tanh_c, out=tanh_c)
        it *= t
        np.subtract(i, it, out=it)

    def _rows(self, gate: str) -> slice:
        start = ROWS.index(gate) * self.hidden_size
        return slice(start, start + self.hidden_size)
