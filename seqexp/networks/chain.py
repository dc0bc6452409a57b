"""One core and a readout: many-to-one, one-to-many and aligned many-to-many."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from seqexp.data.batch import Batch, FeatureBatch
from seqexp.models import Core, is_bidirectional, output_size
from seqexp.networks import decoding
from seqexp.networks.encoder import Encoder, EncoderTape, PictureEncoder
from seqexp.networks.layers import Embedding, Readout, dropout_mask
from seqexp.numerics.params import Params
from seqexp.numerics.rng import Purpose, stream
from seqexp.numerics.tape import lie_by_column, side_by_side


@dataclass
class ChainTape(EncoderTape):
    """What a chain's forward pass leaves. The next pass may reuse its memory."""

    batch: Batch | None = None
    h_mask: np.ndarray | None = None
    h: np.ndarray | None = None  # the columns that answered, (H, N)
    picked: np.ndarray | None = None  # which columns of all T·B they are; None for all


class Chain(Encoder):
    """Tokens or features -> core -> readout.

    answers:   "last" reads each column's last state, "steps" every step that ``Batch.answered`` marks.
    embedding, picture, dropout: as in ``Encoder``; dropout also acts on the way to the readout. Beside an embedding, a
    ``FeatureBatch`` gives what enters through the picture encoder.
    """

    def __init__(
        self,
        core: Core,
        outputs: int,
        answers: Literal["last", "steps"],
        embedding: Embedding | None = None,
        dropout: float = 0.0,
        picture: PictureEncoder | None = None,
    ) -> None:
        super().__init__(core, embedding, dropout, picture)
        self.answers = answers
        self.readout = Readout(output_size(core), outputs)
        self.layout.part("readout", self.readout.layout)

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = Params.zeros(self.layout, dtype)
        # The order of the draws decides every number: the core first, so that it starts alike whatever feeds it.
        self.init_core(p, rng)
        self.readout.init(p.part("readout"), rng)
        self.init_layers(p, rng)
        return p

    def new_tape(self) -> ChainTape:
        return ChainTape()

    def forward(
        self,
        p: Params,
        batch: Batch,
        state0: np.ndarray | None = None,
        dropout_rng: np.random.Generator | None = None,
        tape: ChainTape | None = None,
        keep: bool = True,
    ) -> tuple[np.ndarray, np.ndarray, ChainTape]:
        """y (Y, N) for the batch's N answers, the final state (S, B), and the tape.

        With ``keep=False`` the tape only lends its memory, and there is nothing for backward.
        """
        tape = ChainTape() if tape is None else tape
        tape.batch, tape.h_mask = batch, None
        features = batch.features if isinstance(batch, FeatureBatch) else None
        h_all, state = self.run(p, batch.x, batch.lengths, state0, dropout_rng, tape, keep, features)
        h = state[self.core.output_rows] if self.answers == "last" else self._answering(h_all, tape)
        if dropout_rng is not None and self.dropout:
            tape.h_mask = dropout_mask(dropout_rng, self.dropout, h.shape, h.dtype)
            # Not in place: h may be a view of the state, which is returned.
            h = h * tape.h_mask
        tape.h = h
        return self.readout.forward(p.part("readout"), h, tape.memory), state, tape

    def backward(
        self, p: Params, grad: Params, dy: np.ndarray, tape: ChainTape, dstate: np.ndarray | None = None
    ) -> np.ndarray:
        """Add to grad what follows from dy (Y, N) and ``dstate`` (S, B); return dstate0 (S, B)."""
        batch = tape.batch
        assert batch is not None and tape.h is not None  # noqa: PT018 - a tape that forward has filled
        dh = self.readout.backward(p.part("readout"), grad.part("readout"), dy, tape.h)
        if tape.h_mask is not None:
            dh *= tape.h_mask
        dh_all = None
        if self.answers == "last":
            # A copy: the array is the caller's.
            dstate = np.zeros((self.core.state_size, batch.size), dh.dtype) if dstate is None else dstate.copy()
            dstate[self.core.output_rows] += dh
        else:
            dh_all = self._to_steps(dh, tape)
        return self.run_back(p, grad, dh_all, dstate, tape)

    def generate(
        self,
        p: Params,
        prompt: np.ndarray | Batch,
        steps: int,
        feed: Literal["zeros", "previous"] = "previous",
        temperature: float = 0.0,
        seed: int = 0,
        *,
        end: int | None = None,
        beam_width: int = 1,
        top_k: int | None = None,
        state0: np.ndarray | None = None,
    ) -> np.ndarray:
        """Tokens (steps, B) that follow the prompt, tokens (T, B) or a batch with them as x, one at a time.

        ``feed`` says what the core sees after the prompt: nothing (zeros) or its own last answer. Temperature 0 takes
        the most likely token; else it is drawn from softmax(y / temperature), of the ``top_k`` most likely ones only
        where there is one. A column that has said ``end`` repeats it. ``beam_width`` above 1 searches for the most
        likely whole sequence instead (``decoding.beam``). Of a prompt of features (T, X, B), values (steps, Y, B)
        follow, which are fed back as they are (``decoding.values``).
        """
        if is_bidirectional(self.core):
            raise ValueError("a bidirectional network cannot generate: it reads from the end of what is not yet said")
        batch = prompt if isinstance(prompt, Batch) else Batch(prompt, prompt)
        tape = ChainTape()

        def advance(x: np.ndarray, state: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
            return self.forward(p, self._asked_last(Batch(x, x)), state, tape=tape, keep=False)[:2]

        def ask(x: np.ndarray) -> np.ndarray:
            return self.forward(p, self._asked_last(Batch(x, x)), state0, tape=tape, keep=False)[0]

        if batch.x.ndim == 3:
            return decoding.values(ask, batch.x, steps)
        y, state, _ = self.forward(p, self._asked_last(batch), state0, tape=tape, keep=False)
        if beam_width > 1:
            if temperature or feed == "zeros":
                raise ValueError("a beam search feeds back its own answers and draws nothing: temperature must be 0")
            return decoding.beam(y, state, advance, steps, beam_width, end)
        rng = stream(seed, Purpose.SAMPLE)
        return decoding.one_by_one(
            y, state, advance, steps, lambda y: decoding.sample(y, temperature, rng, top_k), feed == "previous", end
        )

    def _asked_last(self, batch: Batch) -> Batch:
        """The batch with an answer at its last step only, of full columns: a prompt has no padding."""
        answered = np.zeros((batch.x.shape[0], batch.size), bool)
        answered[-1] = True
        return replace(batch, target=batch.x, answered=answered, lengths=None)

    def _answering(self, h: np.ndarray, tape: ChainTape) -> np.ndarray:
        """The columns (H, N) of h (T, H, B) that the batch marks, in the order of np.nonzero(answered)."""
        answered = tape.batch.answered  # type: ignore[union-attr]
        if answered is None:
            raise ValueError("this network answers at the steps a batch marks: Batch.answered must be (T, B), got None")
        columns = side_by_side(h, "h_columns", tape.memory)
        tape.picked = None if answered.all() else np.flatnonzero(answered)
        if tape.picked is None:
            return columns
        return columns.T[tape.picked].T if lie_by_column(columns) else columns[:, tape.picked]

    def _to_steps(self, dh: np.ndarray, tape: ChainTape) -> np.ndarray:
        """dh (T, H, B), zero where no answer was asked, from its columns (H, N)."""
        T, B = tape.batch.answered.shape  # type: ignore[union-attr]
        if tape.picked is not None:
            columns, dh = dh, np.zeros((len(dh), T * B), dh.dtype, order="F" if lie_by_column(dh) else "C")
            dh[:, tape.picked] = columns
        return dh.reshape(-1, T, B).swapaxes(0, 1)
