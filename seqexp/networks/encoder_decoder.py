"""Two cores: one reads a source, the other says a target. Many-to-many of different lengths."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqexp.data.batch import Batch, SourceBatch
from seqexp.models import Core, is_bidirectional
from seqexp.networks.chain import Chain, ChainTape
from seqexp.networks.encoder import Encoder, EncoderTape
from seqexp.networks.layers import Dense
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import reverse


@dataclass
class EncoderDecoderTape:
    """What a forward pass leaves. The next pass may reuse its memory."""

    encoder: EncoderTape = field(default_factory=EncoderTape)
    decoder: ChainTape = field(default_factory=ChainTape)
    state: np.ndarray | None = None  # the encoder's last, (S, B)


class EncoderDecoder:
    """Source -> encoder; its final state -> decoder's first; target so far -> decoder -> the target's next token.

        s_B = state of the encoder after each source's own last token
        y_t = the decoder's answer to x_0..x_t, started in s_B, or in W s_B + b if there is a bridge

    The bridge is learned. It exists if the two cores are different models, or if the encoder reads in two directions:
    the decoder then starts from both. ``reverse_source`` reads each source from its end to its beginning, which brings
    the first words of both sides close together (Sutskever, Vinyals and Le 2014, section 3.3).
    Parameters: ``encoder/embedding/E``, ``encoder/core/…``, ``bridge/W`` (S_dec, S_enc) and ``bridge/b``,
    ``decoder/embedding/E``, ``decoder/core/…``, ``decoder/readout/W_hy`` and ``decoder/readout/b_y``.
    Source: Cho et al. 2014; Sutskever, Vinyals and Le 2014. No attention.
    """

    def __init__(self, encoder: Encoder, decoder: Chain, *, bridge: bool, reverse_source: bool) -> None:
        self.encoder, self.decoder, self.reverse_source = encoder, decoder, reverse_source
        read, begun = encoder.core.state_size, decoder.core.state_size
        if is_bidirectional(decoder.core):
            raise ValueError("EncoderDecoder: a bidirectional decoder would have read what it is to say")
        if not bridge and read != begun:
            raise ValueError(f"EncoderDecoder: states of {read} and {begun} rows need a bridge")
        self.bridge = Dense(read, begun) if bridge else None
        self.dropout = decoder.dropout
        self.layout = Layout()
        self.layout.part("encoder", encoder.layout)
        if self.bridge is not None:
            self.layout.part("bridge", self.bridge.layout)
        self.layout.part("decoder", decoder.layout)

    @property
    def core(self) -> Core:
        """The decoder's."""
        return self.decoder.core

    @property
    def embedded(self) -> int:
        return self.encoder.embedded + self.decoder.embedded

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = Params.zeros(self.layout, dtype)
        self.encoder.init_core(p.part("encoder"), rng)
        self.encoder.init_layers(p.part("encoder"), rng)
        if self.bridge is not None:
            self.bridge.init(p.part("bridge"), rng)
        p.part("decoder").flat[:] = self.decoder.init(rng, dtype).flat
        return p

    def new_tape(self) -> EncoderDecoderTape:
        return EncoderDecoderTape()

    def forward(
        self,
        p: Params,
        batch: Batch,
        state0: np.ndarray | None = None,
        dropout_rng: np.random.Generator | None = None,
        tape: EncoderDecoderTape | None = None,
        keep: bool = True,
    ) -> tuple[np.ndarray, np.ndarray, EncoderDecoderTape]:
        """y (Y, N) for the batch's N answers, the decoder's final state (S, B), and the tape.

        Training is teacher-forced: the batch's x holds the true target so far. ``state0`` is the encoder's first state.
        """
        tape = EncoderDecoderTape() if tape is None else tape
        begun = self._read(p, batch, state0, dropout_rng, tape, keep)
        y, state, _ = self.decoder.forward(p.part("decoder"), batch, begun, dropout_rng, tape.decoder, keep)
        return y, state, tape

    def backward(
        self, p: Params, grad: Params, dy: np.ndarray, tape: EncoderDecoderTape, dstate: np.ndarray | None = None
    ) -> np.ndarray:
        """Add to grad what follows from dy (Y, N) and ``dstate`` (S, B); return the encoder's dstate0 (S, B)."""
        dbegun = self.decoder.backward(p.part("decoder"), grad.part("decoder"), dy, tape.decoder, dstate)
        if self.bridge is not None:
            assert tape.state is not None
            dbegun = self.bridge.backward(p.part("bridge"), grad.part("bridge"), dbegun, tape.state)
        return self.encoder.run_back(p.part("encoder"), grad.part("encoder"), None, dbegun, tape.encoder)

    def generate(self, p: Params, prompt: np.ndarray | Batch, steps: int, *how: Any, **more: Any) -> np.ndarray:
        """Tokens (steps, B): what the decoder says to the sources of ``prompt``, a ``SourceBatch`` whose x (T, B) is
        what each target begins with. See ``Chain.generate``."""
        begun = self._read(p, prompt, None, None, EncoderDecoderTape(), keep=False)
        target = prompt if isinstance(prompt, np.ndarray) else Batch(prompt.x, prompt.x)
        return self.decoder.generate(p.part("decoder"), target, steps, *how, **more, state0=begun)

    def _read(
        self,
        p: Params,
        batch: np.ndarray | Batch,
        state0: np.ndarray | None,
        dropout_rng: np.random.Generator | None,
        tape: EncoderDecoderTape,
        keep: bool,
    ) -> np.ndarray:
        """The decoder's first state (S, B): the encoder's last, through the bridge if there is one."""
        if not isinstance(batch, SourceBatch):
            raise ValueError(f"an encoder-decoder reads a SourceBatch, got a {type(batch).__name__}")
        x = reverse(batch.source, batch.source_lengths) if self.reverse_source else batch.source
        part = p.part("encoder")
        _, tape.state = self.encoder.run(part, x, batch.source_lengths, state0, dropout_rng, tape.encoder, keep)
        return tape.state if self.bridge is None else self.bridge.forward(p.part("bridge"), tape.state)
