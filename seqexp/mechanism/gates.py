"""What a core's gates do, and how the network scores without one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seqexp.data.batch import Batch
from seqexp.mechanism.walk import AHEAD, STEPS, remembering
from seqexp.models import Gated, is_bidirectional
from seqexp.networks import Network, TreeNetwork
from seqexp.networks.encoder import EncoderTape
from seqexp.numerics.params import Params

LOW, HIGH = 0.1, 0.9  # below and above, a gate counts as closed and open
BINS = 20


@dataclass(frozen=True)
class GateUse:
    """One gate over all steps and examples.

    mean, low, high: its mean, and the share of its values below LOW and above HIGH.
    shares (BINS,):  the share of its values in each of equal parts of [0, 1].
    time_constants (H,): of each unit, -1 / mean log gate, in steps: a cell that is only multiplied by such gates falls
        to 1/e in so many steps. inf for a unit whose gate is always one.
    """

    mean: float
    low: float
    high: float
    shares: np.ndarray
    time_constants: np.ndarray


def gate_use(network: Network, p: Params, batch: Batch) -> dict[str, GateUse] | None:
    """Each gate of the core that has to remember (a chain's, or the encoder's); None if it has none.

    Of a tree network the steps are the nodes that have children."""
    if isinstance(network, TreeNetwork):
        return _of_trees(network, p, batch)
    reading = remembering(network, p, batch)
    core = reading.encoder.core
    if not isinstance(core, Gated):
        return None
    sums: dict[str, _Sums] = {}
    tape, state = EncoderTape(), reading.start()
    longest = int(reading.lengths.max(initial=0))
    ahead = longest if is_bidirectional(core) else AHEAD  # which can only be read as a whole
    for start in range(0, min(longest, STEPS), max(1, ahead)):
        stop = min(start + ahead, longest)
        state = reading.run(start, stop, state, tape)
        alive = np.arange(start, stop)[:, None] < reading.lengths  # (n, B)
        for name, values in core.gates(tape.core).items():
            sums.setdefault(name, _Sums()).add(values.transpose(0, 2, 1)[alive])
    return {name: one.use() for name, one in sums.items()} or None


def _of_trees(network: TreeNetwork, p: Params, batch: Batch) -> dict[str, GateUse] | None:
    core, tape = network.core, network.new_tape()
    if not isinstance(core, Gated):
        return None
    network.forward(p, batch, tape=tape)
    found = {}
    for name, values in core.gates(tape.core).items():
        if len(values):
            sums = _Sums()
            sums.add(values)
            found[name] = sums.use()
    return found or None


class _Sums:
    def __init__(self) -> None:
        self.count, self.low, self.high = 0, 0.0, 0.0
        self.total: np.ndarray | float = 0.0
        self.logs: np.ndarray | float = 0.0
        self.bins = np.zeros(BINS)

    def add(self, values: np.ndarray) -> None:
        """values (N, H)."""
        values = values.astype(np.float64)
        self.count += len(values)
        self.total = self.total + values.sum(axis=0)
        with np.errstate(divide="ignore"):
            self.logs = self.logs + np.log(values).sum(axis=0)
        self.low += float((values < LOW).mean(axis=1).sum())
        self.high += float((values > HIGH).mean(axis=1).sum())
        self.bins += np.histogram(values, BINS, (0, 1))[0]

    def use(self) -> GateUse:
        with np.errstate(divide="ignore"):
            constants = -1 / (np.asarray(self.logs) / self.count)
        constants = np.where(np.asarray(self.logs) == 0, np.inf, constants)  # -1 / 0 is -inf
        mean = float(np.mean(np.asarray(self.total) / self.count))
        return GateUse(mean, self.low / self.count, self.high / self.count, self.bins / self.bins.sum(), constants)


def surgery(
    network: Callable[[Sequence[str]], Network], score: Callable[[Network], float], gates: Sequence[str]
) -> dict[str, float]:
    """The score of trained weights in the unchanged network ("none") and with one gate at a time fixed at one.

    network: makes the network with these gates fixed in addition; score: scores it with the trained weights.
    """
    return {"none": score(network([]))} | {gate: score(network([gate])) for gate in gates}
