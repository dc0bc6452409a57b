"""A network run step by step, as a probe needs it, with nothing but the cores' forward and backward."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from seqexp.data.batch import Batch, FeatureBatch, SourceBatch, TreeBatch
from seqexp.models import Bidirected, Celled, Core, Rows
from seqexp.models.trees import TreeCore
from seqexp.networks import Chain, Encoder, EncoderDecoder, Network
from seqexp.networks.encoder import EncoderTape
from seqexp.numerics.params import Params
from seqexp.numerics.tape import reverse
from seqexp.tasks import Task

STEPS = 1_000  # a probe looks back no further than this
COLUMNS = 32  # examples of a probe
STATES_BYTES = 1 << 26  # of the stored states of one walk
AHEAD = 64  # steps run at once where no state is needed


def cell_rows(core: Core | TreeCore) -> Rows | None:
    """The rows of the state that are cells; None if all rows are h."""
    return core.cell_rows if isinstance(core, Celled) else None


@dataclass(frozen=True)
class Reading:
    """An encoder, its parameters, and what it reads: x (T, B) or (T, X, B), lengths (B,)."""

    encoder: Encoder
    p: Params
    x: np.ndarray
    lengths: np.ndarray
    features: np.ndarray | None = None  # (F, B), given at step 0

    @cached_property
    def shortest(self) -> int:
        return int(self.lengths.min(initial=len(self.x)))

    def columns(self, chosen: np.ndarray) -> "Reading":
        """The reading of some columns; a column may occur several times."""
        features = None if self.features is None else self.features[:, chosen]
        return replace(self, x=self.x[..., chosen], lengths=self.lengths[chosen], features=features)

    def up_to(self, ends: np.ndarray) -> "Reading":
        """The same of each column's first ``ends`` (B,) steps."""
        return replace(self, lengths=ends)

    def start(self) -> np.ndarray:
        """The state (S, B) before the first step, which a core may have learned: that of columns without a step."""
        none = np.zeros_like(self.lengths)
        return self.encoder.run(self.p, self.x[:1], none, None, None, EncoderTape(), False, self.features)[1]

    def end(self) -> np.ndarray:
        """The state (S, B) of each column after its own last step."""
        return self.encoder.run(self.p, self.x, self.lengths, None, None, EncoderTape(), False, self.features)[1]

    def directions(self) -> "list[tuple[Reading, Rows]]":
        """The readings of which one step follows from the one before, with their rows of the state: this one, or those
        of both directions of the top layer, each in its own order."""
        core = self.encoder.core
        if not (isinstance(core, Bidirected) and core.bidirectional):
            return [(self, slice(0, core.state_size))]
        x = self.encoder.fed(self.p, self.x, EncoderTape(), self.features)
        found = []
        for one in core.directions(self.p.part("core"), x, self.lengths):
            encoder = Encoder(one.core)
            found.append((Reading(encoder, Params(encoder.layout, one.p.flat), one.x, self.lengths), one.rows))
        return found

    def run(self, start: int, stop: int, state: np.ndarray, tape: EncoderTape) -> np.ndarray:
        """The state (S, B) after the steps [start, stop). A column that has ended keeps its state."""
        lengths = None if stop <= self.shortest else np.clip(self.lengths - start, 0, stop - start)
        features = self.features if start == 0 else None
        return self.encoder.run(self.p, self.x[start:stop], lengths, state, None, tape, True, features)[1]

    def back(self, t: int, before: np.ndarray, dstate: np.ndarray, tape: EncoderTape, scratch: Params) -> np.ndarray:
        """dL/d state (S, B) before step t, which began in the state ``before``, from the one after it.

        ``scratch`` collects this step's derivative by the weights, which nobody needs.
        """
        self.run(t, t + 1, before, tape)
        return self.encoder.run_back(self.p, scratch, None, dstate, tape)


def answering(network: Network, p: Params, batch: Batch, ends: np.ndarray) -> Reading:
    """How the core that answers reads its own sequence, each column up to its ``ends`` (B,)."""
    features = batch.features if isinstance(batch, FeatureBatch) else None
    x = batch.x if batch.x.dtype.kind in "iu" else batch.x.astype(p.flat.dtype, copy=False)
    if isinstance(network, EncoderDecoder):
        return Reading(network.decoder, p.part("decoder"), x, ends, features)
    return Reading(_chain(network), p, x, ends, features)


def remembering(network: Network, p: Params, batch: Batch) -> Reading:
    """How the core that has to remember reads its input: a chain's core its x, an encoder its source."""
    if isinstance(network, EncoderDecoder):
        assert isinstance(batch, SourceBatch)
        x, lengths = batch.source, batch.source_lengths
        lengths = np.full(batch.size, len(x)) if lengths is None else lengths
        x = reverse(x, lengths) if network.reverse_source else x
        return Reading(network.encoder, p.part("encoder"), x, lengths)
    return answering(network, p, batch, np.full(batch.size, len(batch.x)) if batch.lengths is None else batch.lengths)


def _chain(network: Network) -> Chain:
    if not isinstance(network, Chain):
        raise TypeError(f"a probe knows chains and encoder-decoders, got a {type(network).__name__}")
    return network


class Walk:
    """A reading run forwards, with the states of its last ``steps`` steps stored, and then backwards step by step.

    states (n+1, S, B): the state before step ``first``, and after each step from there.
    """

    def __init__(self, reading: Reading, state0: np.ndarray | None = None, steps: int = STEPS) -> None:
        self.reading, self._tape = reading, EncoderTape()
        self.stop = int(reading.lengths.max(initial=0))
        self.first = max(0, self.stop - steps)
        S, B = reading.encoder.core.state_size, reading.x.shape[-1]
        dtype = reading.p.flat.dtype
        state = reading.start() if state0 is None else state0
        for start in range(0, self.first, AHEAD):
            state = reading.run(start, min(start + AHEAD, self.first), state, self._tape)
        self.states = np.empty((self.stop - self.first + 1, S, B), dtype)
        self.states[0] = state
        for t in range(self.first, self.stop):
            self.states[t - self.first + 1] = reading.run(t, t + 1, self.states[t - self.first], self._tape)

    def back(self, dstate: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """(t, dL/d state (S, B) after step t), from the last step, whose is given, to the one before ``first``.

        A column that has ended passes its derivative on unchanged.
        """
        scratch = self.reading.p.like()
        for t in range(self.stop - 1, self.first - 1, -1):
            yield t, dstate
            dstate = self.reading.back(t, self.states[t - self.first], dstate, self._tape, scratch)
        yield self.first - 1, dstate


def probe_batch(task: Task, network: Network, columns: int = COLUMNS) -> Batch:
    """The validation examples that probes look at, the same for every model and epoch. They are the middle batch, whose
    lengths are typical if batches are sorted by length. Fewer columns if their states would take too much memory."""
    batch = task.batch(0, "val", task.batches("val", columns) // 2, columns)
    longest = max(len(batch.x), len(batch.source) if isinstance(batch, SourceBatch) else 0)
    state = network.core.state_size * min(longest, STEPS) * np.dtype(np.float64).itemsize
    return first_columns(batch, max(1, min(columns, STATES_BYTES // max(1, state))))


def first_columns(batch: Batch, count: int) -> Batch:
    """The batch of the first ``count`` examples."""
    return chosen_columns(batch, np.arange(min(count, batch.size)))


def chosen_columns(batch: Batch, chosen: np.ndarray) -> Batch:
    """The batch of some of its examples, which lie along the last axis of every array."""
    parts = {field.name: getattr(batch, field.name) for field in fields(batch)}
    kept: dict[str, Any] = {name: part[..., chosen] for name, part in parts.items() if isinstance(part, np.ndarray)}
    if isinstance(batch, TreeBatch):
        kept["forest"] = batch.forest.columns(chosen)
    return replace(batch, **kept)
