"""The LSTM with one part changed, by a switch: which part buys what?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np

from seqexp.models import register
from seqexp.models.lstm import LSTM
from seqexp.numerics.functions import FLUSH_EVERY, flush, halve_and_shift, product
from seqexp.numerics.initializers import glorot
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Ends, Tape, add_outer, check_input, chunk_steps, side_by_side, token_columns
from seqexp.system.errors import UserError
from seqexp.system.registry import ADDED

Activation = Literal["tanh", "identity"]


@register("lstm")
@dataclass(kw_only=True, frozen=True)
class LSTMVariant(LSTM):
    """The LSTM of ``models/lstm.py``, as long as no switch is set; with switches

        i_t = sigmoid(W_i [h_{t-1}; x_t] + b_i + p_i * c_{t-1} + R_i g_{t-1})       f_t alike
        i_t = 1 - f_t                                                               coupled
        t_t = A(W_t [h_{t-1}; x_t] + b_t)                                           A: candidate_activation
        c_t = f_t * c_{t-1} + i_t * t_t
        o_t = sigmoid(W_o [h_{t-1}; x_t] + b_o + p_o * c_t + R_o g_{t-1})
        h_t = o_t * B(c_t)                                                          B: output_activation

    ``peepholes`` adds p_f, p_i, p_o (H, 1): gates see the cell. ``gate_recurrence`` adds R_f, R_i, R_o (H, 3H): gates
    see g = [o; i; f], all gates of the step before, and the state is h on top of c on top of g, (5H, B). ``coupled``
    gates have no W_i, b_i, p_i and R_i, and g is [o; f]. Source: Greff et al. 2017, section 3, whose vanilla LSTM has
    peepholes, as ours has not; peepholes: Gers and Schmidhuber 2000; gate recurrence: Hochreiter and Schmidhuber 1997;
    coupled gates: Cho et al. 2014.
    """

    candidate_activation: Annotated[Activation, ADDED] = "tanh"
    output_activation: Annotated[Activation, ADDED] = "tanh"
    coupled: Annotated[bool, ADDED] = False
    peepholes: Annotated[bool, ADDED] = False
    gate_recurrence: Annotated[bool, ADDED] = False

    def __post_init__(self) -> None:
        if self.coupled and "i" in self.freeze_gates:
            raise UserError(
                "model.coupled: expected false where the input gate is frozen, as coupled gates have none of their own "
                f"(i = 1 - f); got true with freeze_gates={list(self.freeze_gates)}; leave one of them out"
            )
        if (self.peepholes or self.gate_recurrence) and set(self.gate_names) <= set(self.freeze_gates):
            key = "peepholes" if self.peepholes else "gate_recurrence"
            raise UserError(f"model.{key}: expected false where all gates are frozen, and none sees anything; got true")
        if self.coupled:
            own: dict[str, Any] = {"rows": "oft", "gate_names": ("f", "o")}
            for name, value in own.items():
                object.__setattr__(self, name, value)  # the class says what the uncoupled one has

    @property
    def is_plain(self) -> bool:
        """Whether no switch is set."""
        activations = {self.candidate_activation, self.output_activation}
        return not (self.coupled or self.peepholes or self.gate_recurrence) and activations == {"tanh"}

    @cached_property
    def layout(self) -> Layout:
        layout, H = super().layout, self.hidden_size
        G = len(self.gate_names) * H
        if self.peepholes:
            layout.add("p", (G, 1), **{f"p_{gate}": (self._rows(gate),) for gate in self.gate_names})
        if self.gate_recurrence:
            layout.add("R", (G, G), **{f"R_{gate}": (self._rows(gate),) for gate in self.gate_names})
        return layout

    @property
    def state_size(self) -> int:
        return (2 + len(self.gate_names) * self.gate_recurrence) * self.hidden_size

    def gates(self, tape: Tape) -> dict[str, np.ndarray]:
        """f, i and o, each (T, H, B), of the forward pass that left the tape; no i of coupled gates."""
        if self.is_plain:
            return super().gates(tape)
        return {gate: tape.views["g"][1:, self._rows(gate)] for gate in self.gate_names}

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = super().init(rng, dtype)
        if self.gate_recurrence:
            for gate in self.gate_names:
                p[f"R_{gate}"] = glorot(rng, *p[f"R_{gate}"].shape)
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
        """h (T, H, B), state (S, B), tape. See ``models.Core``."""
        if self.is_plain:
            return super().forward(p, x, state0, lengths, tape, keep, masks)
        tape = Tape() if tape is None else tape
        a, g, c, t_all = self._arrays(p, x, lengths, tape)
        H, G, B, ends = self.hidden_size, g.shape[1], x.shape[-1], tape.ends
        state0 = np.zeros((self.state_size, B), a.dtype) if state0 is None else state0
        a[0, 1 : 1 + H], c[0], g[0] = state0[:H], state0[H : 2 * H], state0[2 * H :] if self.gate_recurrence else 0
        state = np.empty((self.state_size, B), a.dtype)
        if -1 in ends.at:
            state[:, ends.at[-1]] = state0[:, ends.at[-1]]

        p_o, p_if = self._peepholes(p, 0.5)
        candidate, output = ACTIVATIONS[self.candidate_activation], ACTIVATIONS[self.output_activation]
        for t, z in enumerate(self._sums(p, tape)):
            o, i_f, t_t, h = g[t + 1, :H], g[t + 1, H:], t_all[t], a[t + 1, 1 : 1 + H]
            if self.peepholes:
                z[H:G] += (p_if * c[t]).reshape(-1, B)
            sigmoid_of_twice(z[H:G], out=i_f)
            self._freeze(g[t + 1])
            candidate(z[G:], t_t)
            i, f = (1 - i_f, i_f) if self.coupled else (i_f[:H], i_f[H:])
            np.multiply(f, c[t], out=c[t + 1])
            c[t + 1] += i * t_t
            if self.peepholes:
                z[:H] += p_o * c[t + 1]
            sigmoid_of_twice(z[:H], out=o)
            self._freeze(g[t + 1])
            output(c[t + 1], h)
            h *= o
            if t >= ends.shortest:
                np.copyto(h, 0, where=ends.dead[t])  # type: ignore[index]
            if t in ends.at:
                parts = [h, c[t + 1], g[t + 1]][: 2 + self.gate_recurrence]
                state[:, ends.at[t]] = np.concatenate([part[:, ends.at[t]] for part in parts])
        a[1 + ends.steps :, 1 : 1 + H] = 0
        return a[1:, 1 : 1 + H], state, tape if keep else None

    def _arrays(self, p: Params, x: np.ndarray, lengths: np.ndarray | None, tape: Tape) -> tuple[np.ndarray, ...]:
        """The stacked columns [1; h; x], the gates and cells from before the first step on, and the candidates."""
        T, B, H, dtype = x.shape[0], x.shape[-1], self.hidden_size, p.flat.dtype
        tokens = check_input(x, self.input_size, dtype, "lstm")
        tape.x, tape.ends, tape.dx_lent = x, Ends(lengths, T, B), False
        a = tape.array("a", (T + 1, 1 + H + (0 if tokens else self.input_size), B), dtype)
        a[:, 0] = 1
        if not tokens:
            a[:T, 1 + H :] = x
            if tape.ends.dead is not None:
                np.copyto(a[: tape.ends.steps, 1 + H :], 0, where=tape.ends.dead)  # whatever padding holds
        g = tape.array("g", (T + 1, len(self.gate_names) * H, B), dtype)
        c, t_all = tape.array("c", (T + 1, H, B), dtype), tape.array("t", (T, H, B), dtype)
        tape.views = {"a": a, "g": g, "c": c, "t": t_all}
        return a, g, c, t_all

    def _sums(self, p: Params, tape: Tape) -> Iterator[np.ndarray]:
        """W [1; h_{t-1}; x_t] + R g_{t-1} of one step after another, the gates' halved: see ``sigmoid_of_twice``."""
        a, g, x, H, W = tape.views["a"], tape.views["g"], tape.x, self.hidden_size, p["W"]
        G, B = g.shape[1], g.shape[2]
        half = W[:, : a.shape[1]].copy()
        half[:G] *= 0.5
        multiply, z = product(half, B), tape.array("z", (len(W), B), W.dtype)
        if x.ndim == 2:
            table, which = token_columns(W[:, 1 + H :], x, tape)
            table[:, :G] *= 0.5
        if self.gate_recurrence:
            multiply_g, from_g = product(0.5 * p["R"], B), tape.array("from_g", (G, B), W.dtype)
        for t in range(tape.ends.steps):
            multiply(a[t], z)
            if x.ndim == 2:
                z += table[which[t]].T
            if self.gate_recurrence:
                multiply_g(g[t], from_g)
                z[:G] += from_g
            yield z

    def _peepholes(self, p: Params, scale: float) -> tuple[np.ndarray, np.ndarray]:
        """p_o (H, 1), and p_i and p_f, or p_f alone, (·, H, 1), times ``scale``; without peepholes of no use."""
        H = self.hidden_size
        every = scale * p["p"] if self.peepholes else np.zeros((0, 1))
        return every[:H], every[H:].reshape(-1, H, 1)

    def _freeze(self, g_t: np.ndarray) -> None:
        for gate in self.freeze_gates:
            g_t[self._rows(gate)] = 1

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: Tape,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """dx (T, X, B) or None, dstate0 (S, B): the reverse of ``forward``, a chunk of steps at a time.

        do_t = dh_t B(c_t) + dg_o                   dc_t += dh_t o_t B'(c_t) + p_o dz_o
        di_t = dc_t t_t + dg_i    df_t = dc_t c_{t-1} + dg_f    coupled: df_t = dc_t (c_{t-1} - t_t) + dg_f
        dt_t = dc_t i_t           dc_{t-1} = dc_t f_t + p_i dz_i + p_f dz_f
        dz   = d(gate) s(1-s) for a sigmoid, dt_t A'(t_t)
        dh_{t-1} = W_h^T dz_t     dg = R^T dz_{o,i,f}     dR = sum_t dz g_{t-1}^T     dp = sum_t dz c
        """
        if self.is_plain:
            return super().backward(p, grad, dh, dstate, tape, need_dx)
        x, ends, H, W, S = tape.x, tape.ends, self.hidden_size, p["W"], self.state_size
        g = tape.views["g"]
        G, B = g.shape[1:]
        p_o, p_if = self._peepholes(p, 1)
        multiply, multiply_g = product(W[:, 1 : 1 + H].T, B), product(p["R"].T, B) if self.gate_recurrence else None
        after = tape.array("dstate", (2 * H + G, B), W.dtype)  # dL/d state_t from everything after step t
        after[:] = 0
        dh_t, dc_t, dg = after[:H], after[H : 2 * H], after[2 * H :]
        dx = tape.gradient_of_input(x.shape, W.dtype) if need_dx and x.ndim == 3 else None
        if dx is not None:
            dx[ends.steps :] = 0
        n, _ = chunk_steps((G + H) * B * W.itemsize, B, ends.steps)
        for start in reversed(range(0, ends.steps, n)):
            stop = min(start + n, ends.steps)
            dz = tape.array("dz", (stop - start, G + H, B), W.dtype)
            by_dh, by_dc, slope = self._factors(tape, start, stop)
            for t in reversed(range(start, stop)):
                dz_t, k = dz[t - start], t - start
                if dstate is not None and t in ends.at:
                    after[:S, ends.at[t]] += dstate[:, ends.at[t]]
                if dh is not None:
                    ends.add(dh_t, dh[t], t)
                np.multiply(dh_t, by_dh[0][k], out=dz_t[:H])  # do_t
                dz_t[:H] += dg[:H]
                dz_t[:H] *= slope[k, :H]
                dc_t += dh_t * by_dh[1][k]
                if self.peepholes:
                    dc_t += p_o * dz_t[:H]
                np.multiply(dc_t, by_dc[k], out=dz_t[H:].reshape(-1, H, B))  # di_t, df_t, dt_t
                dz_t[H:G] += dg[H:]
                dz_t[H:] *= slope[k, H:]
                dc_t *= g[t + 1, G - H :]  # f_t
                if self.peepholes:
                    dc_t += (p_if * dz_t[H:G].reshape(-1, H, B)).sum(axis=0)
                multiply(dz_t, dh_t)
                if multiply_g is not None:
                    multiply_g(dz_t[:G], dg)
                if t % FLUSH_EVERY == FLUSH_EVERY - 1:
                    flush(after)
            self._through_weights(W, grad["W"], side_by_side(dz, "dz_columns", tape), tape, start, stop, dx)
            self._through_gates(grad, dz[:, :G], tape, start, stop)
        if dstate is not None and -1 in ends.at:
            after[:S, ends.at[-1]] += dstate[:, ends.at[-1]]
        return dx, after[:S].copy()

    def _factors(
        self, tape: Tape, start: int, stop: int
    ) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
        """Of steps [start, stop): what dh_t is multiplied by for do_t and for dc_t, each (n, H, B); what dc_t is for
        di_t, df_t and dt_t, (n, ·, H, B); and the slopes of sigmoids and A, (n, G+H, B), rows o, i, f, t."""
        H = self.hidden_size
        g, c, t = tape.views["g"][start + 1 : stop + 1], tape.views["c"][start : stop + 1], tape.views["t"][start:stop]
        o, f, c_before = g[:, :H], g[:, -H:], c[:-1]
        of_c = np.tanh(c[1:]) if self.output_activation == "tanh" else c[1:]
        dc = o * (1 - of_c * of_c) if self.output_activation == "tanh" else o
        gates = [c_before - t, 1 - f] if self.coupled else [t, c_before, g[:, H : 2 * H]]
        slope_t = 1 - t * t if self.candidate_activation == "tanh" else np.ones_like(t)
        return (of_c, dc), np.stack(gates, axis=1), np.concatenate([g * (1 - g), slope_t], axis=1)

    def _through_gates(self, grad: Params, dz: np.ndarray, tape: Tape, start: int, stop: int) -> None:
        """dR and dp of steps [start, stop) from the gates' dz (n, G, B)."""
        H, c = self.hidden_size, tape.views["c"]
        if self.gate_recurrence:
            add_outer(grad["R"], side_by_side(dz, "dz_columns", tape), tape.views["g"][start:stop], tape)
        if self.peepholes:
            grad["p"][:H, 0] += np.einsum("nhb,nhb->h", dz[:, :H], c[start + 1 : stop + 1])
            of_if = dz[:, H:].reshape(stop - start, -1, H, dz.shape[2])
            grad["p"][H:, 0] += np.einsum("nghb,nhb->gh", of_if, c[start:stop]).ravel()


def sigmoid_of_twice(z: np.ndarray, out: np.ndarray) -> None:
    """(1 + tanh(z)) / 2."""
    np.tanh(z, out=out)
    halve_and_shift(out)


def _identity(z: np.ndarray, out: np.ndarray) -> None:
    np.copyto(out, z)


ACTIVATIONS: dict[Activation, Callable[[np.ndarray, np.ndarray], object]] = {"tanh": np.tanh, "identity": _identity}
