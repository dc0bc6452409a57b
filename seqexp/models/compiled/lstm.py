"""The LSTM and its variants, compiled: ``kernels/lstm.h`` runs the recurrence, the BLAS the weight gradients."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqexp.models import register_compiled
from seqexp.models.compiled.passes import Pass, runs
from seqexp.models.lstm_variants import LSTMVariant
from seqexp.numerics.params import Params
from seqexp.numerics.tape import Ends, Tape, check_input

GATES = "oift"
COUPLED, LINEAR_CANDIDATE, LINEAR_OUTPUT, FROZEN = 1, 2, 4, 8  # as in kernels.c


@register_compiled("lstm")
@dataclass(kw_only=True, frozen=True)
class CompiledLSTM(LSTMVariant):
    """``LSTMVariant`` with the same parameters and results, to rounding."""

    def gates(self, tape: Tape) -> dict[str, np.ndarray]:
        if not isinstance(run := tape.views.get("pass"), Pass):
            return super().gates(tape)
        steps = run.left[1:].transpose(0, 2, 3, 1)  # (T, rows, Hp, B)
        return {gate: steps[:, GATES.index(gate), : self.hidden_size] for gate in self.gate_names}

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
        tape = Tape() if tape is None else tape
        if not runs(p.flat.dtype):
            return super().forward(p, x, state0, lengths, tape, keep, masks)
        H, W = self.hidden_size, p["W"]
        check_input(x, self.input_size, W.dtype, "lstm")
        tape.x, tape.ends, tape.dx_lent = x, Ends(lengths, x.shape[0], x.shape[-1]), False
        run = Pass.on(tape, "lstm", W.dtype, H, [GATES.index(gate) for gate in self.rows], 4, 5)
        run.begin(x, lengths, self.input_size, keep)
        run.h[0] = 0 if state0 is None else state0[:H].T
        first = run.left[0]  # (B, 5, Hp)
        first[:, 4, :H] = 0 if state0 is None else state0[H : 2 * H].T
        own = self._own_gates()
        if self.gate_recurrence:
            first[:, own, :H] = 0 if state0 is None else state0[2 * H :].reshape(-1, H, run.B).transpose(2, 0, 1)
        run.start(run.take_bias(W), W[:, 1 + H :])
        run.pack("gates", "of_h", W, run.blocks, 1, H + run.X)
        run.struct.switches = self._switches()
        if self.peepholes:
            run.point(peepholes=self._of_gates(run, p["p"])[:, :, 0].copy())
        if self.gate_recurrence:
            R = self._between_gates(run, p["R"])
            run.pack("gates", "of_g", R, range(3), 0, 3 * run.Hp, run.Hp)
        h = run.forward()
        cells = [run.last(run.h, run.T + 1), run.last(run.left[:, :, 4], run.slots)]
        cells += [run.last(run.left[:, :, gate], run.slots) for gate in own if self.gate_recurrence]
        return h, np.concatenate(cells), tape if keep else None

    def backward(
        self,
        p: Params,
        grad: Params,
        dh: np.ndarray | None,
        dstate: np.ndarray | None,
        tape: Tape,
        need_dx: bool = True,
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """dx (T, X, B) or None, dstate0 (S, B). See ``LSTMVariant.backward``."""
        if not isinstance(run := tape.views.get("pass"), Pass):
            return super().backward(p, grad, dh, dstate, tape, need_dx)
        H, W, dW, K = self.hidden_size, p["W"], grad["W"], 1 + self.hidden_size + run.X
        after = run.begin_back(dh, dstate, 5 if self.gate_recurrence else 2)
        if self.gate_recurrence:
            after = self._start_after(run, after, dstate)
        run.pack("back", "of_h", W, run.blocks, 1, H)
        if self.gate_recurrence:
            R = self._between_gates(run, p["R"])
            run.pack("back", "of_g", R, range(3), 0, 3 * run.Hp, run.Hp)
        dx = run.new_dx(need_dx)
        for start, stop, dz in run.chunks():
            run.add_product(dW[:, :K], run.blocks, dz, run.stacked(start, stop, 0, K))
            run.through_x(W, dW, dz, start, stop, dx)
            self._through_own(run, grad, dz.reshape(len(dz), 4, run.Hp), start, stop)
        parts = [0, 1, *(2 + gate for gate in self._own_gates() if self.gate_recurrence)]
        dstate0 = after[:, parts, :H].transpose(1, 2, 0).reshape(-1, run.B)
        return None if dx is None else dx.swapaxes(1, 2), dstate0.copy()

    def _through_own(self, run: Pass, grad: Params, dz: np.ndarray, start: int, stop: int) -> None:
        """dR and dp of these steps."""
        H, own = self.hidden_size, self._own_gates()
        if self.gate_recurrence:
            g = run.left[start:stop, :, own, :H].reshape(len(dz), -1)
            dR = dz[:, own, :H].reshape(len(dz), -1).T @ g
            grad["R"] += dR
        if self.peepholes:
            c_before, c = (
                run.left[first : first + stop - start, :, 4, :H].reshape(-1, H) for first in (start, start + 1)
            )
            for block, gate in enumerate(own):
                cell = c if gate == 0 else c_before
                grad["p"][block * H : (block + 1) * H, 0] += np.einsum("nh,nh->h", dz[:, gate, :H], cell.reshape(-1, H))

    def _start_after(self, run: Pass, after: np.ndarray, dstate: np.ndarray | None) -> np.ndarray:
        """after with dstate's gates where the kernel has them."""
        H = self.hidden_size
        after[:, 2:] = 0
        if dstate is not None:
            given = dstate[2 * H :].reshape(-1, H, run.B).transpose(2, 0, 1)
            after[:, [2 + gate for gate in self._own_gates()], :H] = given
        return after

    def _own_gates(self) -> list[int]:
        """Where the gates of the parameters and of the state lie among o, i, f."""
        return [GATES.index(gate) for gate in self.rows if gate != "t"]

    def _of_gates(self, run: Pass, rows: np.ndarray) -> np.ndarray:
        """(·H, K) as (3, Hp, K), o, i, f."""
        out = np.zeros((3, run.Hp, rows.shape[1]), run.dtype)
        out[self._own_gates(), : self.hidden_size] = rows.reshape(-1, self.hidden_size, rows.shape[1])
        return out

    def _between_gates(self, run: Pass, R: np.ndarray) -> np.ndarray:
        """R (·H, ·H) as (3 Hp, 3 Hp)."""
        wide = self._of_gates(run, self._of_gates(run, R).reshape(3 * run.Hp, -1).T.copy())
        return np.ascontiguousarray(wide.reshape(3 * run.Hp, -1).T)

    def _switches(self) -> int:
        frozen = sum(FROZEN << GATES.index(gate) for gate in self.freeze_gates)
        linear = LINEAR_CANDIDATE * (self.candidate_activation == "identity")
        linear += LINEAR_OUTPUT * (self.output_activation == "identity")
        return frozen + linear + COUPLED * self.coupled
