"""Whole networks: which steps of a core are fed, which are read, and how an answer comes out.

The four shapes of sequence tasks are two networks and a mask. A chain is one core whose last state answers
(many-to-one), or whose marked steps answer (one-to-many, aligned many-to-many). An encoder-decoder is a core that reads
a source, and a chain that starts in its final state (many-to-many of different lengths). Trees are the fifth shape: a
core applied node by node from the leaves, some of whose nodes answer.
"""

from typing import Any, Protocol

import numpy as np

from seqexp.data.batch import Batch
from seqexp.models import Core
from seqexp.models.trees import TreeCore
from seqexp.networks.chain import Chain, ChainTape
from seqexp.networks.convolution import Convolution
from seqexp.networks.decoding import sample
from seqexp.networks.encoder import Encoder
from seqexp.networks.encoder_decoder import EncoderDecoder
from seqexp.networks.layers import Dense, Embedding, Readout
from seqexp.networks.tree import TreeNetwork
from seqexp.numerics.params import Layout, Params

__all__ = [
    "Network",
    "Chain",
    "ChainTape",
    "EncoderDecoder",
    "Encoder",
    "TreeNetwork",
    "Readout",
    "Embedding",
    "Dense",
    "Convolution",
    "sample",
]


class Network(Protocol):
    """What training needs of a network. y (Y, N) are its answers, N as ``Batch.answers`` counts them."""

    layout: Layout
    dropout: float

    @property
    def core(self) -> Core | TreeCore:
        """The core that answers."""
        ...

    @property
    def embedded(self) -> int:
        """How many of the parameters are entries of embedding tables."""
        ...

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params: ...
    def new_tape(self) -> Any:
        """An empty tape for ``forward``: memory that every step reuses."""
        ...

    def forward(
        self,
        p: Params,
        batch: Batch,
        state0: np.ndarray | None = None,
        dropout_rng: np.random.Generator | None = None,
        tape: Any = None,
        keep: bool = True,
    ) -> tuple[np.ndarray, np.ndarray, Any]: ...
    def backward(
        self, p: Params, grad: Params, dy: np.ndarray, tape: Any, dstate: np.ndarray | None = None
    ) -> np.ndarray: ...
    def generate(self, p: Params, prompt: np.ndarray | Batch, steps: int, *how: Any, **more: Any) -> np.ndarray:
        """What follows a prompt, as ``Chain.generate`` has it."""
        ...
