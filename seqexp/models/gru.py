"""The gated recurrent unit: one gate says how much of the state stays, another what its replacement sees of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge

from seqexp.models import register
from seqexp.numerics.functions import FLUSH_EVERY, Product, flush, product
from seqexp.numerics.initializers import Recurrent, glorot, recurrent
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.squashing import ignores_overflow, scaled, squash
from seqexp.numerics.tape import Ends, Tape, add_columns, add_outer, check_input, chunk_steps, token_columns

Gate = Literal["z", "r"]
ROWS = "hzr"  # in memory; with reset=after q comes fourth: x enters the first three rows, h the last three


@register("gru")
@dataclass(kw_only=True, frozen=True)
class GRU:
    """Gated recurrent unit.

        z_t  = sigmoid(W_z [h_{t-1}; x_t] + b_z)                    update: how much stays
        r_t  = sigmoid(W_r [h_{t-1}; x_t] + b_r)                    reset
        h~_t = tanh(W_h [r_t * h_{t-1}; x_t] + b_h)                 candidate, reset=before
        h~_t = tanh(W_hx x_t + b_h + r_t * (W_hh h_{t-1} + b_hh))   candidate, reset=after: W_h = [W_hh W_hx]
        h_t  = (1 - z_t) * h~_t + z_t * h_{t-1}

    Parameters W_z, W_r, W_h (H, H+X) and b_z, b_r, b_h (H, 1), with reset=after b_hh (H, 1) too: views of one matrix W
    (3H, 1+H+X). The state is h itself, (H, B). ``freeze_gates`` fixes gates at one. reset=after is one product a step
    less, and what PyTorch and cuDNN compute. Source: Cho et al. 2014, eq. 5 to 8.
    """

    input_size: Annotated[int, Ge(1)]
    hidden_size: Annotated[int, Ge(1)]
    reset: Literal["before", "after"] = "before"
    recurrent_init: Recurrent = "orthogonal"
    recurrent_scale: Annotated[float, Ge(0)] = 1.0
    freeze_gates: tuple[Gate, ...] = ()

    mask_count = 0
    gate_names = ("z", "r")

    @cached_property
    def layout(self) -> Layout:
        H, K = self.hidden_size, 1 + self.hidden_size + self.input_size
        views = {}
        for name in "zrh":
            views[f"W_{name}"] = (self._rows(name), slice(1, K))
            # The bias beside W_hh is the one that is added to its product: with reset=after that is b_hh.
            views["b_hh" if name == "h" and self.reset == "after" else f"b_{name}"] = (self._rows(name), slice(0, 1))
        layout = Layout()
        layout.add("W", (3 * H, K), **views)
        if self.reset == "after":
            layout.add("b_h", (H, 1))
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
        for name in "zrh":
            p[f"W_{name}"][:, :H] = recurrent(self.recurrent_init, self.recurrent_scale, rng, H)
            p[f"W_{name}"][:, H:] = glorot(rng, H, self.input_size)
        return p

    @ignores_overflow
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
        T, B, H, W = x.shape[0], x.shape[-1], self.hidden_size, p["W"]
        tokens = check_input(x, self.input_size, W.dtype, "gru")
        ends = tape.ends = Ends(lengths, T, B)
        if not tokens and ends.dead is not None:
            given, x = x, tape.array("x", x.shape, W.dtype)
            np.copyto(x, given)
            np.copyto(x[: ends.steps], 0, where=ends.dead)  # whatever padding holds, it stays out
        tape.x, tape.dx_lent = x, False
        a, steps = self._memory(tape, T, B, W.dtype, keep)
        a[0, 1:] = 0 if state0 is None else state0
        h_all, state = a[1:, 1:], np.empty((H, B), W.dtype)
        if -1 in ends.at:
            state[:, ends.at[-1]] = a[0, 1:][:, ends.at[-1]]

        multiply, multiply_reset = self._products(W, tape, B)
        frozen = [self._rows(gate) for gate in self.freeze_gates]
        for t, from_x in enumerate(self._from_x(p, x, tape, ends.steps)):
            column, h, gates, by_h, n, zr, z, r, q, reset_column, rh, after = steps[t]
            multiply(column, by_h)  # z, r, with reset=after q
            zr += from_x[H:]
            squash(zr, zr)
            for rows in frozen:
                gates[rows] = 1
            if q is None:
                np.multiply(r, h, out=rh)
                multiply_reset(reset_column, n)
            else:
                np.multiply(r, q, out=n)
            n += from_x[:H]
            np.tanh(n, out=n)
            np.subtract(h, n, out=after)  # h_t = n_t + z_t (h_{t-1} - n_t)
            after *= z
            after += n
            if t >= ends.shortest:
                np.copyto(after, 0, where=ends.dead[t])  # type: ignore[index]
            if t in ends.at:
                state[:, ends.at[t]] = after[:, ends.at[t]]
        h_all[ends.steps :] = 0
        return h_all, state, tape if keep else None

    def _products(self, W: np.ndarray, tape: Tape, B: int) -> tuple[Product, Product]:
        """Of [1; h_{t-1}] for z, r, and with reset=after q; of [1; r_t h_{t-1}] for the candidate. The gates' rows are
        scaled for ``squash``."""
        H = self.hidden_size
        W_h = tape.array("W_h", (3 * H, 1 + H), W.dtype)  # rows z, r, h
        W_h[: 2 * H], W_h[2 * H :] = W[H:, : 1 + H], W[:H, : 1 + H]
        scaled(W_h, slice(0, 2 * H))
        return product(W_h if self.reset == "after" else W_h[: 2 * H], B), product(W_h[2 * H :], B)

    def _from_x(self, p: Params, x: np.ndarray, tape: Tape, steps: int) -> Iterator[np.ndarray]:
        """W_x x_t (3H, B) of one step after another, rows h, z, r, the gates' scaled; with reset=after b_h is added."""
        H, B, W = self.hidden_size, x.shape[-1], p["W"]
        b_h, gates = p["b_h"] if self.reset == "after" else None, slice(H, 3 * H)
        if x.ndim == 2:
            table, which = token_columns(W[:, 1 + H :], x, tape)
            scaled(table.T, gates)
            if b_h is not None:
                table[:, :H] += b_h.T
            rows = tape.array("from_x", (B, 3 * H), W.dtype)  # a row a column
            for t in range(steps):
                np.take(table, which[t], axis=0, out=rows, mode="clip")  # "raise" would go through a second buffer
                yield rows.T
            return
        W_x = tape.array("W_x", (3 * H, self.input_size), W.dtype)
        W_x[:] = W[:, 1 + H :]
        scaled(W_x, gates)
        _, few = chunk_steps(3 * H * B * W.itemsize, B, steps)
        from_x = tape.array("from_x", (few, 3 * H, B), W.dtype)
        for start in range(0, steps, few):
            part = from_x[: min(few, steps - start)]
            np.matmul(W_x, x[start : start + len(part)], out=part)
            if b_h is not None:
                part[:, :H] += b_h
            yield from part

    def _memory(self, tape: Tape, T: int, B: int, dtype: Any, keep: bool) -> tuple[np.ndarray, list[Any]]:
        """The columns [1; h] of all steps, and per-step views named as in the equations, n for h~.

        A step's slot of ``gates`` holds n, z, r, and with reset=after q = W_hh h_{t-1} + b_hh; else ``reset`` holds
        [1; r_t h_{t-1}]. Without a tape all steps share a slot. The views are made anew only when the shape changes.
        """
        H, after = self.hidden_size, self.reset == "after"
        slots = T if keep else min(T, 1)
        key = (T, B, H, slots, np.dtype(dtype))
        if tape.key != key:
            a = tape.array("a", (T + 1, 1 + H, B), dtype)
            gates = tape.array("gates", (slots, (4 if after else 3) * H, B), dtype)
            reset = tape.array("reset", (0 if after else slots, 1 + H, B), dtype)
            a[:, 0] = reset[:, 0] = 1
            steps = []
            for t in range(T):
                g = gates[t % slots]
                n, zr, z, r = g[:H], g[H : 3 * H], g[H : 2 * H], g[2 * H : 3 * H]
                only = (g[3 * H :], None, None) if after else (None, reset[t % slots], reset[t % slots, 1:])
                steps.append((a[t], a[t, 1:], g, g[H:], n, zr, z, r, *only, a[t + 1, 1:]))
            tape.key, tape.views = key, {"a": a, "steps": steps, "gates": gates, "reset": reset}
        return tape.views["a"], tape.views["steps"]

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: Tape,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """dx (T, X, B) or None, dstate0 (H, B): the reverse of ``forward``, a chunk of steps at a time.

            dn_t = dh_t (1 - z_t) (1 - n_t^2)           dz_t = dh_t (h_{t-1} - n_t) z_t (1 - z_t)
            before: s_t = W_hh^T dn_t                   dr_t = s_t h_{t-1} r_t (1 - r_t)
            after:  dq_t = dn_t r_t                     dr_t = dn_t q_t r_t (1 - r_t)
            dh_{t-1} = dh_t z_t + W_zh^T dz_t + W_rh^T dr_t + (before: s_t r_t; after: W_hh^T dq_t)

        n is h~; dn, dz, dr are by what tanh and sigmoid are taken of. What multiplies dh_t is computed first, for a few
        steps at once; then comes the recurrence; then the products over all the chunk's columns at once.
        """
        x, ends, H, W, after = tape.x, tape.ends, self.hidden_size, p["W"], self.reset == "after"
        B, R = x.shape[-1], 4 if after else 3
        a, gates = tape.views["a"], tape.views["gates"]
        multiply, multiply_reset = self._products_back(W, tape, B)
        dh_t, back = tape.array("dh", (2, H, B), W.dtype)  # dh_t: from everything after step t
        dh_t[:] = 0
        dx = tape.gradient_of_input(x.shape, W.dtype) if need_dx and x.ndim == 3 else None
        if dx is not None:
            dx[ends.steps :] = 0
        n, few = chunk_steps(R * H * B * W.itemsize, B, ends.steps)
        local = tape.array("chunk", (few, R, H, B), W.dtype)
        for start in reversed(range(0, ends.steps, n)):
            stop = min(start + n, ends.steps)
            dz = tape.array("dz_columns", (R * H, stop - start, B), W.dtype)
            for low in reversed(range(start, stop, few)):
                high = min(low + few, stop)
                self._local_derivatives(gates[low:high], a[low : high + 1, 1:], local[: high - low])
                for t in reversed(range(low, high)):
                    d, z, r = local[t - low], gates[t, H : 2 * H], gates[t, 2 * H : 3 * H]
                    if dstate is not None and t in ends.at:
                        dh_t[:, ends.at[t]] += dstate[:, ends.at[t]]
                    if dh is not None:
                        ends.add(dh_t, dh[t], t)
                    by_dh = d if after else d[:2]
                    by_dh *= dh_t  # dn_t, dz_t, with reset=after dr_t, dq_t
                    dh_t *= z
                    if not after:
                        multiply_reset(d[0], back)
                        d[2] *= back  # dr_t
                        back *= r
                        dh_t += back
                    multiply(d[1:].reshape(-1, B), back)
                    dh_t += back
                    if t % FLUSH_EVERY == FLUSH_EVERY - 1:
                        flush(dh_t)
                dz_steps = local[: high - low].reshape(-1, R * H, B)
                np.copyto(dz[:, low - start : high - start], dz_steps.swapaxes(0, 1))
            dz = dz.reshape(R * H, -1)
            self._add_products(grad, dz, tape, start, stop)
            if dx is not None:
                dx[start:stop] = (W[:, 1 + H :].T @ dz[: 3 * H]).reshape(-1, stop - start, B).swapaxes(0, 1)
        if dstate is not None and -1 in ends.at:
            dh_t[:, ends.at[-1]] += dstate[:, ends.at[-1]]
        return dx, dh_t.copy()

    def _products_back(self, W: np.ndarray, tape: Tape, B: int) -> tuple[Product, Product]:
        """The transposes of ``_products``: of dz_t and dr_t, with reset=after of dq_t too; and of dn_t."""
        H = self.hidden_size
        W_hT = tape.array("W_hT", (H, 3 * H), W.dtype)  # columns z, r, h
        W_hT[:, : 2 * H], W_hT[:, 2 * H :] = W[H:, 1 : 1 + H].T, W[:H, 1 : 1 + H].T
        return product(W_hT if self.reset == "after" else W_hT[:, : 2 * H], B), product(W_hT[:, 2 * H :], B)

    def _local_derivatives(self, gates: np.ndarray, h: np.ndarray, local: np.ndarray) -> None:
        """What multiplies dh_t on its way to dn_t, dz_t, dr_t and dq_t, for n steps; with reset=before dr_t's is s_t's.

        gates (n, R·H, B), rows n, z, r, q; h (n+1, H, B), from h_{t-1} on; local (n, R, H, B).
        """
        n, z, r, *q = gates.reshape(local.shape).swapaxes(0, 1)
        dn, dz, dr, *dq = local.swapaxes(0, 1)
        np.subtract(1, z, out=dz)
        np.multiply(n, n, out=dn)
        np.subtract(1, dn, out=dn)
        dn *= dz
        np.subtract(h[1:], n, out=dr)
        dz *= dr  # (1 - z) (h_t - n) = (1 - z) z (h_{t-1} - n)
        np.subtract(1, r, out=dr)
        dr *= r
        if self.reset == "after":
            np.multiply(dn, r, out=dq[0])
            dr *= q[0]
            dr *= dn
        else:
            dr *= h[:-1]

    def _add_products(self, grad: Params, dz: np.ndarray, tape: Tape, start: int, stop: int) -> None:
        """The weights' derivative from steps [start, stop): dz (R·H, n·B), rows n, z, r, q."""
        H, dW, x, a = self.hidden_size, grad["W"], tape.x[start:stop], tape.views["a"][start:stop]
        of_candidate = (dz[3 * H :], a) if self.reset == "after" else (dz[:H], tape.views["reset"][start:stop])
        add_outer(dW[H:, : 1 + H], dz[H : 3 * H], a, tape)
        add_outer(dW[:H, : 1 + H], *of_candidate, tape)
        if self.reset == "after":
            grad["b_h"] += dz[:H].sum(axis=1, keepdims=True)
        if x.ndim == 2:
            add_columns(dW[:, 1 + H :], x.ravel(), dz[: 3 * H])
        else:
            add_outer(dW[:, 1 + H :], dz[: 3 * H], x, tape)

    def _rows(self, name: str) -> slice:
        start = ROWS.index(name) * self.hidden_size
        return slice(start, start + self.hidden_size)
