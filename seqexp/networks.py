"""Whole networks: which steps of a core are fed, which are read, and how an answer comes out.

The four shapes of sequence tasks are a chain and a mask: one core whose last state answers (many-to-one), or whose
marked steps answer (one-to-many, aligned many-to-many).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from seqexp.batch import Batch, Purpose, stream
from seqexp.initializers import glorot
from seqexp.models import Core
from seqexp.params import Layout, Params
from seqexp.tape import Tape, side_by_side


class Readout:
    """The answer layer: y = W_hy h + b_y, on columns h (H, N); W_hy (Y, H), b_y (Y, 1)."""

    def __init__(self, hidden_size: int, outputs: int) -> None:
        self.hidden_size, self.outputs = hidden_size, outputs
        self.layout = Layout()
        self.layout.add("W_hy", (outputs, hidden_size))
        self.layout.add("b_y", (outputs, 1))

    def init(self, p: Params, rng: np.random.Generator) -> None:
        p["W_hy"][:] = glorot(rng, self.outputs, self.hidden_size)

    def forward(self, p: Params, h: np.ndarray, memory: Tape) -> np.ndarray:
        """y (Y, N), stored answer by answer: a large softmax then runs along contiguous memory."""
        y = memory.array("y", (h.shape[1], self.outputs), h.dtype).T
        np.dot(h.T, p["W_hy"].T, out=y.T)
        y += p["b_y"]
        return y

    def backward(self, p: Params, grad: Params, dy: np.ndarray, h: np.ndarray) -> np.ndarray:
        """dh (H, N)."""
        grad["W_hy"] += dy @ h.T
        grad["b_y"] += dy.sum(axis=1, keepdims=True)
        dh: np.ndarray = p["W_hy"].T @ dy
        return dh


class Embedding:
    """A learned vector a token: x_t = row ``token`` of E (V, D), and zeros for -1."""

    def __init__(self, vocabulary: int, size: int) -> None:
        self.vocabulary, self.size = vocabulary, size
        self.layout = Layout()
        self.layout.add("E", (vocabulary, size))

    def init(self, p: Params, rng: np.random.Generator) -> None:
        p["E"][:] = rng.normal(0, 1 / np.sqrt(self.size), (self.vocabulary, self.size))  # columns of about unit length

    def forward(self, p: Params, tokens: np.ndarray, memory: Tape) -> np.ndarray:
        """x (T, D, B) for tokens (T, B)."""
        T, B = tokens.shape
        rows = memory.array("rows", (T, B, self.size), p.flat.dtype)
        np.take(p["E"], tokens, axis=0, out=rows, mode="clip")
        nothing = tokens < 0
        if nothing.any():
            rows[nothing] = 0
        x = memory.array("x", (T, self.size, B), p.flat.dtype)
        np.copyto(x, rows.swapaxes(1, 2))
        return x

    def backward(self, grad: Params, dx: np.ndarray, tokens: np.ndarray) -> None:
        """Adds dx (T, D, B) to the rows of the tokens, by sorted segments."""
        flat = tokens.ravel()
        order = np.argsort(flat, kind="stable")
        order = order[np.searchsorted(flat[order], 0) :]
        if len(order):
            present, first = np.unique(flat[order], return_index=True)
            rows = dx.swapaxes(1, 2).reshape(len(flat), -1)[order]
            grad["E"][present] += np.add.reduceat(rows, first, axis=0)


@dataclass
class ChainTape:
    """What a chain's forward pass leaves; lent again, it gives its memory."""

    memory: Tape = field(default_factory=Tape)
    core: Any = None
    batch: Batch | None = None
    x_mask: np.ndarray | None = None
    h_mask: np.ndarray | None = None
    h: np.ndarray | None = None  # the columns that answered, (H, N)
    picked: np.ndarray | None = None  # which columns of all T·B they are; None for all


class Chain:
    """Tokens or features -> core -> readout.

    answers:   "last" reads each column's last state, "steps" every step that ``Batch.answered`` marks.
    embedding: None feeds features, or tokens as one-hot columns (by gather).
    dropout:   the probability that a unit is silenced on its way into the core, between the core's layers, and on
               its way to the readout, in training; drawn anew each step (Zaremba, Sutskever and Vinyals 2014).
    """

    def __init__(
        self,
        core: Core,
        outputs: int,
        answers: Literal["last", "steps"],
        embedding: Embedding | None = None,
        dropout: float = 0.0,
    ) -> None:
        self.core, self.answers, self.embedding, self.dropout = core, answers, embedding, dropout
        self.readout = Readout(core.hidden_size, outputs)
        self.layout = Layout()
        if embedding is not None:
            self.layout.part("embedding", embedding.layout)
        self.layout.part("core", core.layout)
        self.layout.part("readout", self.readout.layout)

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = Params(self.layout, np.zeros(self.layout.size, dtype))
        p.part("core").flat[:] = self.core.init(rng, dtype).flat
        self.readout.init(p.part("readout"), rng)
        if self.embedding is not None:
            self.embedding.init(p.part("embedding"), rng)
        return p

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

        With ``keep=False`` the tape only lends its memory on: backward needs a kept one.
        """
        tape = ChainTape() if tape is None else tape
        tape.batch = batch
        memory, dtype = tape.memory, p.flat.dtype
        x = batch.x
        if self.embedding is not None:
            x = self.embedding.forward(p.part("embedding"), x, memory)
        elif x.dtype.kind == "f" and x.dtype != dtype:
            x = x.astype(dtype)
        masks = tape.x_mask = tape.h_mask = None
        if dropout_rng is not None and self.dropout:
            T, B, H = x.shape[0], x.shape[-1], self.core.hidden_size
            masks = [self._mask(dropout_rng, (T, H, B), dtype) for _ in range(self.core.mask_count)]
            if self.embedding is not None:
                tape.x_mask = self._mask(dropout_rng, x.shape, dtype)
                x *= tape.x_mask
        h_all, state, core_tape = self.core.forward(p.part("core"), x, state0, batch.lengths, tape.core, keep, masks)
        tape.core = core_tape if keep else tape.core
        h = state[self.core.output_rows] if self.answers == "last" else self._answering(h_all, tape)
        if dropout_rng is not None and self.dropout:
            tape.h_mask = self._mask(dropout_rng, h.shape, dtype)
            h = h * tape.h_mask
        tape.h = h
        return self.readout.forward(p.part("readout"), h, memory), state, tape

    def backward(
        self, p: Params, grad: Params, dy: np.ndarray, tape: ChainTape, dstate: np.ndarray | None = None
    ) -> np.ndarray:
        """Adds to grad what dy (Y, N), and ``dstate`` (S, B), say; returns dstate0 (S, B)."""
        batch = tape.batch
        assert batch is not None and tape.h is not None  # noqa: PT018 - a tape that forward has filled
        dh = self.readout.backward(p.part("readout"), grad.part("readout"), dy, tape.h)
        if tape.h_mask is not None:
            dh *= tape.h_mask
        dh_all = None
        if self.answers == "last":
            dstate = np.zeros((self.core.state_size, batch.size), dh.dtype) if dstate is None else dstate.copy()
            dstate[self.core.output_rows] += dh
        else:
            dh_all = self._to_steps(dh, tape)
        need_dx = self.embedding is not None
        dx, dstate0 = self.core.backward(p.part("core"), grad.part("core"), dh_all, dstate, tape.core, need_dx)
        if self.embedding is not None:
            assert dx is not None
            if tape.x_mask is not None:
                dx *= tape.x_mask
            self.embedding.backward(grad.part("embedding"), dx, batch.x)
        return dstate0

    def generate(
        self,
        p: Params,
        prompt: np.ndarray,
        steps: int,
        feed: Literal["zeros", "previous"],
        temperature: float,
        seed: int,
    ) -> np.ndarray:
        """Tokens (steps, B) that follow the prompt (T, B), one at a time.

        ``feed`` says what the core sees after the prompt: nothing (zeros) or its own last answer. Temperature 0 takes
        the likeliest token, else it is drawn from softmax(y / temperature).
        """
        rng = stream(seed, Purpose.SAMPLE)
        B = prompt.shape[1]
        tokens = np.empty((steps, B), np.int64)
        state, x, tape = None, prompt, ChainTape()
        for step in range(steps):
            answered = np.zeros(x.shape, bool)
            answered[-1] = True
            batch = Batch(x, x, answered=answered)
            y, state, tape = self.forward(p, batch, state, tape=tape, keep=False)
            tokens[step] = sample(y, temperature, rng)
            x = tokens[step : step + 1] if feed == "previous" else np.full((1, B), -1)
        return tokens

    def _mask(self, rng: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
        """Inverted dropout: 0 with the probability ``dropout``, else 1 / (1 - dropout)."""
        kept = rng.random(shape, dtype=np.float32) >= self.dropout
        return kept * dtype.type(1 / (1 - self.dropout))

    def _answering(self, h: np.ndarray, tape: ChainTape) -> np.ndarray:
        """The columns (H, N) of h (T, H, B) that the batch marks, in the order of np.nonzero(answered)."""
        answered = tape.batch.answered  # type: ignore[union-attr]
        if answered is None:
            raise ValueError("this network answers at the steps a batch marks: Batch.answered must be (T, B), got None")
        columns = side_by_side(h, "h_columns", tape.memory)
        tape.picked = None if answered.all() else np.flatnonzero(answered)
        return columns if tape.picked is None else columns[:, tape.picked]

    def _to_steps(self, dh: np.ndarray, tape: ChainTape) -> np.ndarray:
        """dh (T, H, B), zero where no answer was asked, from its columns (H, N)."""
        T, B = tape.batch.answered.shape  # type: ignore[union-attr]
        if tape.picked is not None:
            columns, dh = dh, np.zeros((len(dh), T * B), dh.dtype)
            dh[:, tape.picked] = columns
        return dh.reshape(-1, T, B).swapaxes(0, 1)


def sample(y: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
    """A class for each column of y (Y, N): the likeliest at temperature 0, else drawn from softmax(y / temperature)."""
    if temperature == 0:
        return y.argmax(axis=0)
    # The largest of y / temperature plus Gumbel noise has exactly the softmax's distribution (Gumbel 1954).
    return (y / temperature + rng.gumbel(size=y.shape)).argmax(axis=0)
