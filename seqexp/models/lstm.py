"""The long short-term memory: three gates around a cell that adds instead of multiplying."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from seqexp.numerics import squashing
from seqexp.numerics.functions import FLUSH_EVERY, flush, product
from seqexp.numerics.initializers import Recurrent, glorot, recurrent
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Ends, Tape, add_columns, add_outer, check_input, chunk_steps, token_columns

Gate = Literal["f", "i", "o"]


@dataclass(slots=True)
class Step:
    """Views of one step's memory, named as in the equations."""

    z: np.ndarray  # (4H, B): o, i, f, t
    oif: np.ndarray  # (3H, B): the sigmoids
    o: np.ndarray  # (H, B)
    t: np.ndarray  # (H, B)
    i_f: np.ndarray  # (2, H, B): i above f, and below
    t_c: np.ndarray  # (2, H, B): t above c_{t-1}, which they multiply
    c: np.ndarray  # (H, B): c_t, in the next step's memory
    h: np.ndarray  # (H, B): h_t, in the next step's column


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
    at one: Jozefowicz, Zaremba and Sutskever 2015. No peepholes, which Greff et al. 2017 call
    NP: ``lstm_variants`` has them, and registers ``lstm``.
    """

    input_size: Annotated[int, Ge(1)]
    hidden_size: Annotated[int, Ge(1)]
    forget_bias: float = 1.0
    recurrent_init: Recurrent = "orthogonal"
    recurrent_scale: Annotated[float, Ge(0)] = 1.0
    freeze_gates: tuple[Gate, ...] = ()

    mask_count = 0
    gate_names: ClassVar[tuple[str, ...]] = ("f", "i", "o")
    rows: ClassVar[str] = "oift"  # in memory: the three sigmoids adjacent; i and f as t and c, which they multiply

    @cached_property
    def layout(self) -> Layout:
        H, K = self.hidden_size, 1 + self.hidden_size + self.input_size
        views = {}
        for gate in self._layers():
            views[f"W_{gate}"] = (self._rows(gate), slice(1, K))
            views[f"b_{gate}"] = (self._rows(gate), slice(0, 1))
        layout = Layout()
        layout.add("W", (len(self.rows) * H, K), **views)
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
        values = tape.views["gates"][:-1]
        return {gate: values[:, self._rows(gate)] for gate in self.gate_names}

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        H = self.hidden_size
        p = Params.zeros(self.layout, dtype)
        for gate in self._layers():
            p[f"W_{gate}"][:, :H] = recurrent(self.recurrent_init, self.recurrent_scale, rng, H)
            p[f"W_{gate}"][:, H:] = glorot(rng, H, self.input_size)
        p["b_f"][:] = self.forget_bias
        return p

    @squashing.ignores_overflow
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
        a, a_steps, gates, steps = self._memory(tape, T, B, tokens, W.dtype, keep)
        a[:, 0] = 1
        if not tokens:
            a[:T, 1 + H :] = x
            if ends.dead is not None:
                np.copyto(a[: ends.steps, 1 + H :], 0, where=ends.dead)  # whatever padding holds, it stays out
        h0, c0 = a[0, 1 : 1 + H], gates[0, 4 * H :]
        h0[:], c0[:] = (0, 0) if state0 is None else (state0[:H], state0[H:])
        state = np.empty((2 * H, B), W.dtype)
        if -1 in ends.at:
            state[:H, ends.at[-1]] = h0[:, ends.at[-1]]
            state[H:, ends.at[-1]] = c0[:, ends.at[-1]]

        scaled, rows = tape.array("W", (4 * H, a.shape[1]), W.dtype), (slice(0, 3 * H), slice(3 * H, 4 * H))
        scaled[:] = W[:, : a.shape[1]]
        multiply = product(squashing.scaled(scaled, *rows), B)
        if tokens:
            table, which = token_columns(W[:, 1 + H :], x, tape)
            squashing.scaled(table.T, *rows)
            from_x = tape.array("from_x", (B, 4 * H), W.dtype)  # W_x x_t, a row a column
        frozen = [self._rows(gate) for gate in self.freeze_gates]
        it, fc = it_fc = tape.array("it_fc", (2, H, B), W.dtype)
        for t in range(ends.steps):
            step = steps[t]
            z, c, h = step.z, step.c, step.h
            multiply(a_steps[t], z)
            if tokens:
                np.take(table, which[t], axis=0, out=from_x, mode="clip")  # "raise" would go through a second buffer
                z += from_x.T
            squashing.squash(z, step.oif, step.t)
            for gate in frozen:
                z[gate] = 1
            np.multiply(step.i_f, step.t_c, out=it_fc)  # i_t t_t above f_t c_{t-1}
            np.add(it, fc, out=c)
            np.tanh(c, out=h)
            h *= step.o
            if t >= ends.shortest:
                np.copyto(h, 0, where=ends.dead[t])  # type: ignore[index]
            if t in ends.at:
                state[:H, ends.at[t]] = h[:, ends.at[t]]
                state[H:, ends.at[t]] = c[:, ends.at[t]]
        h_all = a[1:, 1 : 1 + H]  # (T, H, B)
        h_all[ends.steps :] = 0
        return h_all, state, tape if keep else None

    def _memory(self, tape: Tape, T: int, B: int, tokens: bool, dtype: Any, keep: bool) -> tuple[Any, Any, Any, Any]:
        """The stacked columns [1; h; x] and the gates of all steps, and per-step views named as in the equations.

        A step's slot of ``gates`` holds o, i, f, t and c_{t-1}; c_t goes to the next one. Without a tape all steps
        share one slot. The views are made anew only when the shape changes.
        """
        H = self.hidden_size
        K = 1 + H if tokens else 1 + H + self.input_size
        slots = T + 1 if keep else 1
        key = (T, B, K, H, slots, np.dtype(dtype))
        if tape.key != key:
            a = tape.array("a", (T + 1, K, B), dtype)
            gates = tape.array("gates", (slots, 5 * H, B), dtype)
            steps = []
            for t in range(T):
                g, after = gates[t % slots], gates[(t + 1) % slots]
                steps.append(
                    Step(
                        z=g[: 4 * H],
                        oif=g[: 3 * H],
                        o=g[:H],
                        t=g[3 * H : 4 * H],
                        i_f=g[H : 3 * H].reshape(2, H, B),
                        t_c=g[3 * H :].reshape(2, H, B),
                        c=after[4 * H :],
                        h=a[t + 1, 1 : 1 + H],
                    )
                )
            tape.key, tape.views = key, {"a": a, "a_steps": list(a), "steps": steps, "gates": gates}
        return tape.views["a"], tape.views["a_steps"], tape.views["gates"], tape.views["steps"]

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
        W_hT = tape.array("W", (H, 4 * H), W.dtype)
        W_hT[:] = W[:, 1 : 1 + H].T
        multiply = product(W_hT, B)
        dh_t, dc_t = dstate0 = tape.array("dstate", (2, H, B), W.dtype)  # dL/dh_t, dL/dc_t from all after step t
        dstate0[:] = 0
        dx = tape.gradient_of_input(x.shape, W.dtype) if need_dx and not tokens else None
        if dx is not None:
            dx[ends.steps :] = 0
        n, few = chunk_steps(4 * H * B * W.itemsize, B, ends.steps)
        local = tape.array("chunk", (few, 5, H, B), W.dtype)
        for start in reversed(range(0, ends.steps, n)):
            stop = min(start + n, ends.steps)
            dz = tape.array("dz_columns", (4 * H, stop - start, B), W.dtype)
            for low in reversed(range(start, stop, few)):
                high = min(low + few, stop)
                self._local_derivatives(gates[low : high + 1], a[low + 1 : high + 1, 1 : 1 + H], local[: high - low])
                for t in reversed(range(low, high)):
                    by_dh, by_dc, dz_t = local[t - low, :2], local[t - low, 2:], local[t - low, 1:]
                    if dstate is not None and t in ends.at:
                        dh_t[:, ends.at[t]] += dstate[:H, ends.at[t]]
                        dc_t[:, ends.at[t]] += dstate[H:, ends.at[t]]
                    if dh is not None:
                        ends.add(dh_t, dh[t], t)
                    by_dh *= dh_t  # dh_t dc/dh and do_t
                    dc_t += by_dh[0]
                    by_dc *= dc_t  # di_t, df_t, dt_t
                    dc_t *= gates[t, 2 * H : 3 * H]
                    multiply(dz_t.reshape(4 * H, B), dh_t)
                    if t % FLUSH_EVERY == FLUSH_EVERY - 1:
                        flush(dstate0)
                dz_steps = local[: high - low, 1:].reshape(-1, 4 * H, B)
                np.copyto(dz[:, low - start : high - start], dz_steps.swapaxes(0, 1))
            self._through_weights(W, grad["W"], dz.reshape(4 * H, -1), tape, start, stop, dx)
        if dstate is not None and -1 in ends.at:
            dh_t[:, ends.at[-1]] += dstate[:H, ends.at[-1]]
            dc_t[:, ends.at[-1]] += dstate[H:, ends.at[-1]]
        return dx, dstate0.reshape(2 * H, B).copy()

    def _local_derivatives(self, gates: np.ndarray, h: np.ndarray, local: np.ndarray) -> None:
        """What dh_t and dc_t are multiplied by on their way to dz_t and dc_t, for n steps.

        gates (n+1, 5H, B), rows o, i, f, t, c_{t-1}; h (n, H, B).
        local (n, 5, H, B), the factors of dh_t:  dc/dh: o (1 - tanh(c)^2) = o - h tanh(c);  dz_o: h (1-o);
                            the factors of dc_t:  dz_i: i t (1-i);  dz_f: f c_{t-1} (1-f);  dz_t: i (1-t^2) = i - i t t.
        """
        n, H, B = len(h), self.hidden_size, h.shape[-1]
        gates = gates.reshape(n + 1, 5, H, B)
        o, i, f, t, c_before = gates[:n].swapaxes(0, 1)
        tanh_c, dz_o, dz_i, dz_f, dz_t = local.swapaxes(0, 1)
        it = np.multiply(i, t, out=dz_t)
        np.subtract(1, gates[:n, :3], out=local[:, 1:4])
        dz_o *= h
        dz_i *= it
        dz_f *= f
        dz_f *= c_before
        it *= t
        np.subtract(i, it, out=dz_t)
        if squashing.SLOW_TANH:
            np.divide(h, o + 1e-30, out=tanh_c)  # o may be 0, and h is then
        else:
            np.tanh(gates[1:, 4], out=tanh_c)
        tanh_c *= h
        np.subtract(o, tanh_c, out=tanh_c)

    def _through_weights(
        self, W: np.ndarray, dW: np.ndarray, dz: np.ndarray, tape: Tape, start: int, stop: int, dx: np.ndarray | None
    ) -> None:
        """dW, and dx where it is wanted, of steps [start, stop) from their dz (4H, n·B)."""
        x, a, H = tape.x[start:stop], tape.views["a"][start:stop], self.hidden_size
        add_outer(dW[:, : a.shape[1]], dz, a, tape)
        if x.ndim == 2:
            add_columns(dW[:, 1 + H :], x.ravel(), dz)
        elif dx is not None:
            dx[start:stop] = (W[:, 1 + H :].T @ dz).reshape(-1, len(a), x.shape[-1]).swapaxes(0, 1)

    def _layers(self) -> list[str]:
        """f, i, o, t: those there are, in the order of the parameters."""
        return [name for name in "fiot" if name in self.rows]

    def _rows(self, gate: str) -> slice:
        start = self.rows.index(gate) * self.hidden_size
        return slice(start, start + self.hidden_size)
