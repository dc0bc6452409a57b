"""The GRU, compiled: ``kernels/gru.h`` runs the recurrence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqexp.models import register_compiled
from seqexp.models.compiled.passes import Pass, runs
from seqexp.models.gru import GRU
from seqexp.numerics.params import Params
from seqexp.numerics.tape import Ends, Tape, check_input

FROZEN = 8  # as in kernels.c
GATES = "zr"
N, Z, R, Q = range(4)  # rows of gates, q with reset=after; blocks of W are n, z, r too


@register_compiled("gru")
@dataclass(kw_only=True, frozen=True)
class CompiledGRU(GRU):
    """``GRU`` with the same parameters and results, to rounding."""

    def gates(self, tape: Tape) -> dict[str, np.ndarray]:
        if not isinstance(run := tape.views.get("pass"), Pass):
            return super().gates(tape)
        steps = run.left[1:].transpose(0, 2, 3, 1)  # (T, rows, Hp, B)
        return {gate: steps[:, Z + GATES.index(gate), : self.hidden_size] for gate in self.gate_names}

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
        if not runs(p.flat.dtype):
            return super().forward(p, x, state0, lengths, tape, keep, masks)
        H, W, after = self.hidden_size, p["W"], self.reset == "after"
        check_input(x, self.input_size, W.dtype, "gru")
        tape.x, tape.ends, tape.dx_lent = x, Ends(lengths, x.shape[0], x.shape[-1]), False
        run = Pass.on(tape, "gru", W.dtype, H, [0, 1, 2], 4 if after else 3, 4 if after else 3)
        run.begin(x, lengths, self.input_size, keep)
        run.h[0] = 0 if state0 is None else state0.T
        bias = run.take_bias(W)
        if after:  # W's own is b_hh there, which belongs to q
            bias[Q], bias[N, :H] = bias[N], p["b_h"][:, 0]
        run.start(bias, W[:, 1 + H :])
        run.pack("gates", "of_x", W, (N, Z, R), 1 + H, run.X)
        if not after:
            run.point(reset=self._reset_columns(run))
            run.pack("units", "of_g", W, (N,), 1, H)
        run.pack("gates", "of_h", W, (Z, R, N) if after else (Z, R), 1, H)
        run.struct.switches = sum(FROZEN << GATES.index(gate) for gate in self.freeze_gates)
        h = run.forward()
        return h, run.last(run.h, run.T + 1).copy(), tape if keep else None

    def _reset_columns(self, run: Pass) -> np.ndarray:
        """[1; r h] of each slot, with h at the first multiple of a line."""
        columns = run.tape.array("reset", self._reset_shape(run), run.dtype)
        if (run.lengths < run.T).any():
            columns[:] = 0  # padding leaves no r h, and what memory holds may be no number
        columns[:, :, run.pad - 1] = 1
        return columns

    def _reset_shape(self, run: Pass) -> tuple[int, ...]:
        return (0 if self.reset == "after" else run.slots, run.B, run.pad + run.Hp)

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: Tape,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """dx (T, X, B) or None, dstate0 (H, B). See ``GRU.backward``."""
        if not isinstance(run := tape.views.get("pass"), Pass):
            return super().backward(p, grad, dh, dstate, tape, need_dx)
        H, W, dW, after = self.hidden_size, p["W"], grad["W"], self.reset == "after"
        later = run.begin_back(dh, dstate, 2)
        run.pack("back", "of_h", W, (Z, R, N) if after else (Z, R), 1, H)
        if not after:
            run.pack("back", "of_g", W, (N,), 1, H)
        dx, Hp, reset = run.new_dx(need_dx), run.Hp, run.tape.array("reset", self._reset_shape(run), run.dtype)
        for start, stop, dz in run.chunks():
            h = run.stacked(start, stop, 0, 1 + H)
            run.add_product(dW[:, : 1 + H], (Z, R), dz[:, Z * Hp : Q * Hp], h)
            if after:
                run.add_product(dW[:, : 1 + H], (N,), dz[:, Q * Hp :], h)
                grad["b_h"][:, 0] += dz[:, :H].sum(axis=0)
            else:
                columns = reset[start:stop, :, run.pad - 1 : run.pad + H]
                run.add_product(dW[:, : 1 + H], (N,), dz[:, :Hp], columns)
            if run.X:
                columns = run.stacked(start, stop, 1 + H, 1 + H + run.X)
                run.add_product(dW[:, 1 + H :], (N, Z, R), dz[:, : Q * Hp], columns)
            run.through_x(W, dW, dz[:, : Q * Hp], start, stop, dx)
        return None if dx is None else dx.swapaxes(1, 2), later[:, 0, :H].T.copy()
