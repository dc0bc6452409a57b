"""A core with the layers that feed it: the part that chains and encoders share."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqexp.models import Core, output_size
from seqexp.networks.layers import Dense, Embedding, dropout_mask
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Tape


@dataclass
class EncoderTape:
    """What a forward pass leaves. The next pass may reuse its memory."""

    memory: Tape = field(default_factory=Tape)
    core: Any = None
    x: np.ndarray | None = None  # as it was given: tokens (T, B) or features (T, X, B)
    features: np.ndarray | None = None  # (F, B), given at step 0
    x_mask: np.ndarray | None = None


class Encoder:
    """Tokens or features -> core.

    embedding: None feeds features, or tokens as one-hot columns (gathered, not multiplied).
    dense:     a learned layer through which features (F, B) enter at step 0, added to what else is fed there; it needs
               an embedding, whose columns it shares.
    dropout:   the probability that a unit is set to zero before the core and between the core's layers, in
               training; drawn anew each step (Zaremba, Sutskever and Vinyals 2014).
    """

    def __init__(
        self, core: Core, embedding: Embedding | None = None, dropout: float = 0.0, dense: Dense | None = None
    ) -> None:
        self.core, self.embedding, self.dropout, self.dense = core, embedding, dropout, dense
        if dense is not None and (embedding is None or dense.outputs != embedding.size):
            raise ValueError("Encoder: a dense layer needs an embedding of the size of its outputs")
        self.layout = Layout()
        if embedding is not None:
            self.layout.part("embedding", embedding.layout)
        if dense is not None:
            self.layout.part("dense", dense.layout)
        self.layout.part("core", core.layout)

    @property
    def embedded(self) -> int:
        """How many of the parameters are entries of the embedding table."""
        return self.embedding.layout.size if self.embedding is not None else 0

    def init_core(self, p: Params, rng: np.random.Generator) -> None:
        p.part("core").flat[:] = self.core.init(rng, p.flat.dtype).flat

    def init_layers(self, p: Params, rng: np.random.Generator) -> None:
        """Initial values of the layers before the core."""
        for name, layer in (("embedding", self.embedding), ("dense", self.dense)):
            if layer is not None:
                layer.init(p.part(name), rng)

    def run(
        self,
        p: Params,
        x: np.ndarray,
        lengths: np.ndarray | None,
        state0: np.ndarray | None,
        dropout_rng: np.random.Generator | None,
        tape: EncoderTape,
        keep: bool,
        features: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """h (T, H, B) and the final state (S, B)."""
        dtype = p.flat.dtype
        x = self.fed(p, x, tape, features)
        masks = tape.x_mask = None
        if dropout_rng is not None and self.dropout:
            T, B, H = x.shape[0], x.shape[-1], output_size(self.core)
            # The order of the draws is part of what a seed reproduces: the core's masks first, then x's.
            masks = [dropout_mask(dropout_rng, self.dropout, (T, H, B), dtype) for _ in range(self.core.mask_count)]
            if self.embedding is not None:
                tape.x_mask = dropout_mask(dropout_rng, self.dropout, x.shape, dtype)
                x *= tape.x_mask
        h, state, core_tape = self.core.forward(p.part("core"), x, state0, lengths, tape.core, keep, masks)
        tape.core = core_tape if keep else tape.core  # without a new tape, the old one still has memory to lend
        return h, state

    def fed(self, p: Params, x: np.ndarray, tape: EncoderTape, features: np.ndarray | None = None) -> np.ndarray:
        """What the core is fed of x: its embedding, if there is one, in the tape's memory."""
        tape.x, tape.features = x, features if self.dense is not None else None
        if self.embedding is not None:
            x = self.embedding.forward(p.part("embedding"), x, tape.memory)
            # x is the tape's memory, so adding and masking in place leaves the batch as it is.
            if tape.features is not None:
                tape.features = tape.features.astype(p.flat.dtype, copy=False)
                x[0] += self.dense.forward(p.part("dense"), tape.features)  # type: ignore[union-attr]
        elif x.dtype.kind == "f" and x.dtype != p.flat.dtype:
            x = x.astype(p.flat.dtype)
        return x

    def run_back(
        self, p: Params, grad: Params, dh: np.ndarray | None, dstate: np.ndarray | None, tape: EncoderTape
    ) -> np.ndarray:
        """Add to grad what follows from dh (T, H, B) and dstate (S, B); return dstate0 (S, B)."""
        need_dx = self.embedding is not None
        dx, dstate0 = self.core.backward(p.part("core"), grad.part("core"), dh, dstate, tape.core, need_dx)
        if self.embedding is not None:
            assert dx is not None and tape.x is not None  # noqa: PT018 - a tape that run has filled
            if tape.x_mask is not None:
                dx *= tape.x_mask
            if self.dense is not None and tape.features is not None:
                self.dense.backward(p.part("dense"), grad.part("dense"), dx[0], tape.features)
            self.embedding.backward(grad.part("embedding"), dx, tape.x)
        return dstate0
