"""A core with the layers that feed it: the part that chains and encoders share."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqexp.models import Core, output_size
from seqexp.networks.convolution import Convolution
from seqexp.networks.layers import Dense, Embedding, dropout_mask
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Tape, side_by_side

PictureEncoder = Dense | Convolution


@dataclass
class EncoderTape:
    """What a forward pass leaves. The next pass may reuse its memory."""

    memory: Tape = field(default_factory=Tape)
    core: Any = None
    x: np.ndarray | None = None  # as it was given: tokens (T, B) or features (T, X, B)
    features: np.ndarray | None = None  # what entered through the picture encoder: (F, B) at step 0, or (F, T·B)
    x_mask: np.ndarray | None = None


class Encoder:
    """Tokens or features -> core.

    embedding: None feeds features, or tokens as one-hot columns (gathered, not multiplied).
    picture:   a learned layer through which pictures enter. With an embedding, features (F, B) enter at
               step 0, added to what else is fed there; without, all that x (T, F, B) has, step by step.
    dropout:   the probability that a unit is set to zero before the core and between the core's layers, in
               training; drawn anew each step (Zaremba, Sutskever and Vinyals 2014).
    """

    def __init__(
        self,
        core: Core,
        embedding: Embedding | None = None,
        dropout: float = 0.0,
        picture: PictureEncoder | None = None,
    ) -> None:
        self.core, self.embedding, self.dropout, self.picture = core, embedding, dropout, picture
        if picture is not None and embedding is not None and picture.outputs != embedding.size:
            raise ValueError("Encoder: beside an embedding, a picture encoder needs outputs of the embedding's size")
        self.layout = Layout()
        if embedding is not None:
            self.layout.part("embedding", embedding.layout)
        if picture is not None:
            self.layout.part(picture.part, picture.layout)
        self.layout.part("core", core.layout)

    @property
    def embedded(self) -> int:
        """How many of the parameters are entries of the embedding table."""
        return self.embedding.layout.size if self.embedding is not None else 0

    def init_core(self, p: Params, rng: np.random.Generator) -> None:
        p.part("core").flat[:] = self.core.init(rng, p.flat.dtype).flat

    def init_layers(self, p: Params, rng: np.random.Generator) -> None:
        """Initial values of the layers before the core."""
        if self.embedding is not None:
            self.embedding.init(p.part("embedding"), rng)
        if self.picture is not None:
            self.picture.init(p.part(self.picture.part), rng)

    @property
    def fed_through_layers(self) -> bool:
        """Whether what the core is fed was computed by layers with weights: it is the tape's memory then."""
        return self.embedding is not None or self.picture is not None

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
            if self.fed_through_layers:
                tape.x_mask = dropout_mask(dropout_rng, self.dropout, x.shape, dtype)
                x *= tape.x_mask
        h, state, core_tape = self.core.forward(p.part("core"), x, state0, lengths, tape.core, keep, masks)
        tape.core = core_tape if keep else tape.core  # without a new tape, the old one still has memory to lend
        return h, state

    def fed(self, p: Params, x: np.ndarray, tape: EncoderTape, features: np.ndarray | None = None) -> np.ndarray:
        """What the core is fed of x: its embedding, if there is one, in the tape's memory."""
        tape.x, tape.features = x, None
        if self.embedding is not None:
            x = self.embedding.forward(p.part("embedding"), x, tape.memory)
            # x is the tape's memory, so adding and masking in place leaves the batch as it is.
            if self.picture is not None and features is not None:
                tape.features = features.astype(p.flat.dtype, copy=False)
                x[0] += self.picture.forward(p.part(self.picture.part), tape.features, tape.memory)
        elif self.picture is not None:
            T, _, B = x.shape
            tape.features = side_by_side(x.astype(p.flat.dtype, copy=False), "pictures", tape.memory)
            y = self.picture.forward(p.part(self.picture.part), tape.features, tape.memory)  # (D, T·B)
            x = tape.memory.array("x", (T, len(y), B), y.dtype)
            np.copyto(x, y.reshape(-1, T, B).swapaxes(0, 1))
        elif x.dtype.kind == "f" and x.dtype != p.flat.dtype:
            x = x.astype(p.flat.dtype)
        return x

    def run_back(
        self, p: Params, grad: Params, dh: np.ndarray | None, dstate: np.ndarray | None, tape: EncoderTape
    ) -> np.ndarray:
        """Add to grad what follows from dh (T, H, B) and dstate (S, B); return dstate0 (S, B)."""
        need_dx = self.fed_through_layers
        dx, dstate0 = self.core.backward(p.part("core"), grad.part("core"), dh, dstate, tape.core, need_dx)
        if not need_dx:
            return dstate0
        assert dx is not None and tape.x is not None  # noqa: PT018 - a tape that run has filled
        if tape.x_mask is not None:
            dx *= tape.x_mask
        if self.picture is not None and tape.features is not None:
            part = self.picture.part
            dy = dx[0] if self.embedding is not None else side_by_side(dx, "dpictures", tape.memory)
            self.picture.backward(p.part(part), grad.part(part), dy, tape.features, tape.memory)
        if self.embedding is not None:
            self.embedding.backward(grad.part("embedding"), dx, tape.x)
        return dstate0
