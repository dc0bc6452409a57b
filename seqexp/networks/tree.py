"""A core that reads trees, and a readout: the state of a node answers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqexp.data.batch import Batch, TreeBatch
from seqexp.models.trees import TreeCore
from seqexp.networks.layers import Embedding, Readout, dropout_mask
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Tape
from seqexp.system.errors import UserError


@dataclass
class TreeTape:
    """What a forward pass leaves. The next pass may reuse its memory."""

    memory: Tape = field(default_factory=Tape)
    core: Any = None
    tokens: np.ndarray | None = None  # (M, 1), of the nodes that are fed
    x_mask: np.ndarray | None = None
    h_mask: np.ndarray | None = None
    h: np.ndarray | None = None  # of the nodes that answered, (H, B)


class TreeNetwork:
    """The tokens of a tree's nodes -> core, from the leaves to the roots -> readout of the nodes that are asked.

    embedding: None feeds tokens as one-hot columns.
    dropout:   the probability that a unit is set to zero before the core and before the readout, in training; never
               from child to parent.
    """

    def __init__(self, core: TreeCore, outputs: int, embedding: Embedding | None = None, dropout: float = 0.0) -> None:
        self.core, self.embedding, self.dropout = core, embedding, dropout
        self.readout = Readout(core.hidden_size, outputs)
        self.layout = Layout()
        if embedding is not None:
            self.layout.part("embedding", embedding.layout)
        self.layout.part("core", core.layout)
        self.layout.part("readout", self.readout.layout)

    @property
    def embedded(self) -> int:
        """How many of the parameters are entries of the embedding table."""
        return self.embedding.layout.size if self.embedding is not None else 0

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = Params.zeros(self.layout, dtype)
        p.part("core").flat[:] = self.core.init(rng, dtype).flat
        self.readout.init(p.part("readout"), rng)
        if self.embedding is not None:
            self.embedding.init(p.part("embedding"), rng)
        return p

    def new_tape(self) -> TreeTape:
        return TreeTape()

    def forward(
        self,
        p: Params,
        batch: Batch,
        state0: np.ndarray | None = None,
        dropout_rng: np.random.Generator | None = None,
        tape: TreeTape | None = None,
        keep: bool = True,
    ) -> tuple[np.ndarray, np.ndarray, TreeTape]:
        """y (Y, B) and the state (S, B) of the nodes that are asked, and the tape."""
        if not isinstance(batch, TreeBatch):
            raise ValueError(f"a tree network reads a TreeBatch, got a {type(batch).__name__}")
        if state0 is not None:
            raise ValueError("a tree network starts from its leaves: state0 must be None")
        tape = TreeTape() if tape is None else tape
        tape.x_mask = tape.h_mask = x = None
        forest = batch.forest
        if self.embedding is not None:
            tape.tokens = forest.tokens[forest.fed][:, None]  # a step each, so that memory has a row a node
            rows = self.embedding.forward(p.part("embedding"), tape.tokens, tape.memory)[:, :, 0]  # (M, D)
            if dropout_rng is not None and self.dropout:
                tape.x_mask = dropout_mask(dropout_rng, self.dropout, rows.shape, rows.dtype)
                rows *= tape.x_mask
            x = rows.T
        state, core_tape = self.core.forward(p.part("core"), x, forest, tape.core, keep)
        tape.core = core_tape if keep else tape.core  # without a new tape, the old one still has memory to lend
        h = state[self.core.output_rows]
        if dropout_rng is not None and self.dropout:
            tape.h_mask = dropout_mask(dropout_rng, self.dropout, h.shape, h.dtype)
            h = h * tape.h_mask  # not in place: h is a view of the state, which is returned
        tape.h = h
        return self.readout.forward(p.part("readout"), h, tape.memory), state, tape

    def backward(
        self, p: Params, grad: Params, dy: np.ndarray, tape: TreeTape, dstate: np.ndarray | None = None
    ) -> np.ndarray:
        """Add to grad what follows from dy (Y, B) and ``dstate`` (S, B) of the nodes asked.

        Returns (S, 0): there is no state before a leaf's.
        """
        assert tape.h is not None
        dh = self.readout.backward(p.part("readout"), grad.part("readout"), dy, tape.h)
        if tape.h_mask is not None:
            dh *= tape.h_mask
        # A copy: the array is the caller's.
        dstate = np.zeros((self.core.state_size, dh.shape[1]), dh.dtype) if dstate is None else dstate.copy()
        dstate[self.core.output_rows] += dh
        need_dx = self.embedding is not None
        dx = self.core.backward(p.part("core"), grad.part("core"), dstate, tape.core, need_dx)
        if self.embedding is not None:
            assert dx is not None and tape.tokens is not None  # noqa: PT018 - a tape that forward has filled
            rows = dx.T
            if tape.x_mask is not None:
                rows *= tape.x_mask
            self.embedding.backward(grad.part("embedding"), rows[:, :, None], tape.tokens)
        return dstate[:, :0]

    def generate(self, p: Params, prompt: np.ndarray | Batch, steps: int, *how: Any, **more: Any) -> np.ndarray:
        raise UserError("model.name: expected a model of sequences, since this task generates; a tree is read whole")
