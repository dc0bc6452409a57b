"""Why a network does what it does: probes of a trained or training one. They draw no random number, change no weight.

They use only the forward and backward of a core, one step at a time. So a new model is probed without further code.
"""

from seqexp.mechanism.flow import Flow, gradient_flow, half_life
from seqexp.mechanism.gates import GateUse, gate_use, surgery
from seqexp.mechanism.jacobian import jacobians, lyapunov, spectrum
from seqexp.mechanism.record import counted, line, measured
from seqexp.mechanism.walk import Walk, probe_batch

__all__ = [
    "Flow",
    "gradient_flow",
    "half_life",
    "GateUse",
    "gate_use",
    "surgery",
    "jacobians",
    "lyapunov",
    "spectrum",
    "Walk",
    "probe_batch",
    "counted",
    "line",
    "measured",
]
