"""The plain network and the stacked one, compiled: ``kernels/rnn.h`` runs the recurrence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqexp.models import register_compiled
from seqexp.models.compiled.passes import Pass, runs
from seqexp.models.rnn import RNN, Activation, layer_backward, layer_forward
from seqexp.models.stacked_rnn import StackedRNN
from seqexp.numerics.params import Params
from seqexp.numerics.tape import Ends, Tape, check_input

SWITCHES: dict[Activation, int] = {"tanh": 0, "relu": 1, "sigmoid": 2}  # as in kernels.c


def compiled_forward(
    W: np.ndarray, x: np.ndarray, state0: np.ndarray | None, ends: Ends, tape: Tape, activation: Activation
) -> tuple[np.ndarray, np.ndarray]:
    """``layer_forward``: h (T, H, B) and the final state (H, B)."""
    if not runs(W.dtype):
        tape.views = {}
        return layer_forward(W, x, state0, ends, tape, activation)
    H, X = len(W), W.shape[1] - 1 - len(W)
    check_input(x, X, W.dtype, "rnn")
    tape.x, tape.ends, tape.dx_lent = x, ends, False
    run = Pass.on(tape, "rnn", W.dtype, H, [0], 1, 0)
    run.begin(x, ends.lengths, X, keep=True)
    run.h[0] = 0 if state0 is None else state0.T
    run.start(run.take_bias(W), W[:, 1 + H :])
    run.pack("units", "of_h", W, run.blocks, 1, H + run.X)
    run.struct.switches = SWITCHES[activation]
    return run.forward(), run.last(run.h, run.T + 1).copy()


def compiled_backward(
    W: np.ndarray,
    dW: np.ndarray,
    dh: np.ndarray | None,
    dstate: np.ndarray | None,
    tape: Tape,
    activation: Activation,
    need_dx: bool,
) -> tuple[np.ndarray | None, np.ndarray]:
    """``layer_backward``: dx (T, X, B) or None, dstate0 (H, B)."""
    if not isinstance(run := tape.views.get("pass"), Pass):
        return layer_backward(W, dW, dh, dstate, tape, activation, need_dx)
    H, K = len(W), 1 + len(W) + run.X
    after = run.begin_back(dh, dstate, 1)
    run.pack("back", "of_h", W, run.blocks, 1, H)
    dx = run.new_dx(need_dx)
    for start, stop, dz in run.chunks():
        run.add_product(dW[:, :K], run.blocks, dz, run.stacked(start, stop, 0, K))
        run.through_x(W, dW, dz, start, stop, dx)
    return None if dx is None else dx.swapaxes(1, 2), after[:, 0, :H].T.copy()


@register_compiled("rnn")
@dataclass(kw_only=True, frozen=True)
class CompiledRNN(RNN):
    """``RNN`` with the same parameters and results, to rounding."""

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
        h, state = compiled_forward(p["W"], x, state0, ends, tape, self.activation)
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
        return compiled_backward(p["W"], grad["W"], dh, dstate, tape, self.activation, need_dx)


@register_compiled("stacked_rnn")
@dataclass(kw_only=True, frozen=True)
class CompiledStackedRNN(StackedRNN):
    """``StackedRNN`` with the same parameters and results, to rounding."""

    layer_forward = staticmethod(compiled_forward)
    layer_backward = staticmethod(compiled_backward)
