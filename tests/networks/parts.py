"""Small networks of every kind, and batches that fit them."""

import numpy as np
import pytest

from seqexp import models
from seqexp.data.batch import Batch, FeatureBatch, SourceBatch
from seqexp.networks import Chain, Convolution, Dense, Embedding, Encoder, EncoderDecoder

V, H, D, F, T, B = 5, 4, 3, 7, 4, 6
V_SOURCE = 6
PICTURE = (2, 5, 4)  # channels, height, width
PIXELS = 40


def core(name="lstm", inputs=V, **settings):
    return models.create(name, input_size=inputs, hidden_size=H, **settings)


def pair(encoder="lstm", decoder="lstm", dropout=0.0):
    read = Encoder(core(encoder, D), Embedding(V_SOURCE, D), dropout)
    said = Chain(core(decoder, D), V, "steps", Embedding(V, D), dropout)
    return EncoderDecoder(read, said, bridge=encoder != decoder, reverse_source=True)


def reader(dropout):
    """Of frames: each enters through a convolution."""
    read = Encoder(core("gru", D), None, dropout, Convolution(PICTURE, D, (3, 2)))
    return EncoderDecoder(read, pair("gru", "gru", dropout).decoder, bridge=False, reverse_source=False)


NETWORKS = {
    "numbers, the last step answers": lambda dropout: Chain(core(), V, "last", dropout=dropout),
    "one-hot, marked steps answer": lambda dropout: Chain(core("rnn"), V, "steps", dropout=dropout),
    "embedding": lambda dropout: Chain(core("stacked_rnn", D), V, "steps", Embedding(V, D), dropout),
    "features": lambda dropout: Chain(core(inputs=D), V, "steps", Embedding(V, D), dropout, Dense(F, D)),
    "picture at step 0": lambda dropout: Chain(
        core(inputs=D), V, "steps", Embedding(V, D), dropout, Convolution(PICTURE, D, (3, 2))
    ),
    "pictures, step by step": lambda dropout: Chain(core(inputs=D), V, "last", None, dropout, Dense(PIXELS, D)),
    "frames through a convolution": reader,
    "encoder-decoder": lambda dropout: pair(dropout=dropout),
    "encoder-decoder of numbers": lambda dropout: EncoderDecoder(
        Encoder(core(inputs=D), None, dropout),
        Chain(core(inputs=V), V, "steps", None, dropout),
        bridge=False,
        reverse_source=False,
    ),
    "encoder-decoder with a bridge": lambda dropout: pair("rnn", "lstm", dropout),
}
every_network = pytest.mark.parametrize("kind", NETWORKS)


def batch_for(kind, rng, steps=T, columns=B, ragged=True):
    lengths = rng.integers(1, steps + 1, columns) if ragged else None
    answered = np.arange(steps)[:, None] < (np.full(columns, steps) if lengths is None else lengths)
    x, target = rng.integers(-1, V, (steps, columns)), rng.integers(0, V, (steps, columns))
    if kind.startswith("numbers"):
        return Batch(rng.standard_normal((steps, V, columns)), target[0], lengths)
    if kind == "pictures, step by step":
        return Batch(rng.standard_normal((steps, PIXELS, columns)), target[0], lengths)
    if kind == "picture at step 0":
        return FeatureBatch(x, target, lengths, answered, features=rng.standard_normal((PIXELS, columns)))
    if kind == "frames through a convolution":
        frames = rng.standard_normal((steps, PIXELS, columns))
        return SourceBatch(x, target, lengths, answered, source=frames, source_lengths=lengths)
    if kind == "features":
        return FeatureBatch(x, target, lengths, answered, features=rng.standard_normal((F, columns)))
    if kind == "encoder-decoder of numbers":
        x, source = rng.standard_normal((steps, V, columns)), rng.standard_normal((steps + 1, D, columns))
        return SourceBatch(x, target, lengths, answered, source=source, source_lengths=lengths)
    if kind.startswith("encoder"):
        source = rng.integers(0, V_SOURCE, (steps + 1, columns))
        return SourceBatch(x, target, lengths, answered, source=source, source_lengths=lengths)
    return Batch(x, target, lengths, answered)


def drawn(network, seed=0, dtype=np.float64):
    p = network.init(np.random.default_rng(seed), dtype)
    p.flat[:] = np.random.default_rng(seed).standard_normal(p.flat.size)
    return p


def step(network, p, batch, tape, dropout_seed=None):
    """Answers, state and gradients of one training step."""
    rng = None if dropout_seed is None else np.random.default_rng(dropout_seed)
    y, state, tape = network.forward(p, batch, None, rng, tape)
    grad = p.like()
    dstate0 = network.backward(p, grad, np.cos(y), tape, np.sin(state))
    return [y.copy(), state.copy(), grad.flat, dstate0]
