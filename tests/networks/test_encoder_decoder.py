"""The encoder-decoder, and features at step 0, against complex step; generation against itself and by hand."""

from itertools import product

import numpy as np
import pytest

from seqexp import models
from seqexp.config.build import build_network, count
from seqexp.data.batch import Batch, FeatureBatch, SourceBatch
from seqexp.networks import Chain, Dense, Embedding, Encoder, EncoderDecoder
from seqexp.networks.decoding import beam
from seqexp.numerics.tape import reverse
from seqexp.system.errors import UserError
from seqexp.tasks import Shape
from seqexp.testing.gradcheck import complex_step, worst_error
from seqexp.training import losses

V_SOURCE, V, B = 6, 5, 4
PAIRS = [*((name, name) for name in models.names("sequences")), ("lstm", "rnn"), ("rnn", "stacked_rnn")]


def pairs(rng, ragged=True):
    """Sources of up to 5 tokens and targets of up to 4, of which some answer."""
    lengths = np.array([4, 1, 3, 2])
    inside = np.arange(4)[:, None] < (lengths if ragged else 4)
    answered = inside & (rng.random((4, B)) < 0.7)
    answered[0, 0] = True
    return SourceBatch(
        x=rng.integers(-1, V, (4, B)),
        target=rng.integers(0, V, (4, B)),
        lengths=lengths if ragged else None,
        answered=answered,
        source=rng.integers(0, V_SOURCE, (5, B)),
        source_lengths=np.array([2, 5, 1, 3]) if ragged else None,
    )


def network(encoder, decoder, *, size=2, dropout=0.0, reverse_source=True, hidden=3):
    def core(name, inputs):
        return models.create(name, input_size=size or inputs, hidden_size=hidden)

    def embedding(vocabulary):
        return Embedding(vocabulary, size) if size else None

    return EncoderDecoder(
        Encoder(core(encoder, V_SOURCE), embedding(V_SOURCE), dropout),
        Chain(core(decoder, V), V, "steps", embedding(V), dropout),
        bridge=encoder != decoder,
        reverse_source=reverse_source,
    )


def check_gradient(net, batch, rng):
    """Every parameter and the first state, from a random state, weighting the answers' loss and the last state."""
    p, loss = net.init(rng, np.float64), losses.create("softmax")
    p.flat[:] = 0.7 * rng.standard_normal(p.flat.size)
    first = (net.encoder if isinstance(net, EncoderDecoder) else net).core.state_size
    state0, dstate = rng.standard_normal((first, B)), rng.standard_normal((net.core.state_size, B))

    def value(v):
        y, state, _ = net.forward(
            p.like(v[: p.flat.size]), batch, v[p.flat.size :].reshape(first, B), np.random.default_rng(5)
        )
        return loss.forward(y, batch.answers())[0] + (state * dstate).sum()

    y, _, tape = net.forward(p, batch, state0, np.random.default_rng(5))
    grad = p.like(np.ones_like(p.flat))
    _, loss_tape = loss.forward(y, batch.answers())
    dstate0 = net.backward(p, grad, loss.backward(loss_tape), tape, dstate)
    want = complex_step(value, np.concatenate([p.flat, state0.ravel()]))
    assert worst_error(np.concatenate([grad.flat - 1, dstate0.ravel()]), want) <= 1e-12


@pytest.mark.parametrize("encoder, decoder", PAIRS)
@pytest.mark.parametrize("size", [0, 2])
@pytest.mark.parametrize("ragged", [True, False])
def test_gradient_of_both_sides_and_the_bridge(encoder, decoder, size, ragged):
    rng = np.random.default_rng(0)
    check_gradient(network(encoder, decoder, size=size, dropout=0.4), pairs(rng, ragged), rng)


@pytest.mark.parametrize("name", models.names("sequences"))
def test_gradient_of_features_at_step_0(name):
    rng = np.random.default_rng(1)
    batch = pairs(rng)
    batch = FeatureBatch(batch.x, batch.target, batch.lengths, batch.answered, features=rng.standard_normal((7, B)))
    core = models.create(name, input_size=2, hidden_size=3)
    check_gradient(Chain(core, V, "steps", Embedding(V, 2), 0.4, Dense(7, 2)), batch, rng)


def test_reversal_stays_within_a_source():
    tokens = np.array([[1, 2], [3, 4], [5, 0]])
    assert reverse(tokens, np.array([3, 2])).T.tolist() == [[5, 3, 1], [4, 2, 0]]
    assert reverse(tokens, None).T.tolist() == [[5, 3, 1], [0, 4, 2]]
    rng = np.random.default_rng(2)
    ahead, back = (network("rnn", "rnn", reverse_source=back) for back in (False, True))
    p, batch = ahead.init(rng, np.float64), pairs(rng, ragged=False)
    turned = SourceBatch(batch.x, batch.target, None, batch.answered, source=batch.source[::-1])
    np.testing.assert_array_equal(ahead.forward(p, batch)[0], back.forward(p, turned)[0])


@pytest.mark.parametrize("encoder, decoder", PAIRS)
def test_generation_in_a_batch_is_that_of_each_alone(encoder, decoder):
    rng = np.random.default_rng(3)
    net, batch = network(encoder, decoder, hidden=8), pairs(rng)
    p = net.init(rng, np.float64)
    p.flat[:] = rng.standard_normal(p.flat.size)
    start = np.ones((1, B), int)

    def prompt(columns):
        lengths = batch.source_lengths[columns]
        source = batch.source[: lengths.max(), columns]
        return SourceBatch(start[:, columns], start[:, columns], source=source, source_lengths=lengths)

    for how in ({}, {"beam_width": 3}, {"temperature": 0.0, "feed": "zeros"}):
        together = net.generate(p, prompt(np.arange(B)), 9, end=2, **how)
        alone = [net.generate(p, prompt(np.array([b])), 9, end=2, **how)[:, 0] for b in range(B)]
        assert together.shape == (9, B)
        assert together.T.tolist() == np.array(alone).tolist()
        ended = np.cumsum(together == 2, axis=0) > 0
        assert (together[ended] == 2).all()


@pytest.mark.parametrize("name", models.names("sequences"))
def test_a_beam_of_one_is_greedy_and_a_full_one_finds_the_best(name):
    rng = np.random.default_rng(4)
    core = models.create(name, input_size=V, hidden_size=6)
    chain, end, steps = Chain(core, V, "steps"), 2, 3
    p = chain.init(rng, np.float64)
    p.flat[:] = rng.standard_normal(p.flat.size)
    start = np.array([[0, 1, 3, 4]])

    def advance(x, state):
        y, state, _ = chain.forward(p, Batch(x, x, answered=np.ones(x.shape, bool)), state)
        return y, state

    y, state = advance(start, None)
    greedy = chain.generate(p, start, steps, end=end)
    assert beam(y.copy(), state, advance, steps, 1, end).tolist() == greedy.tolist()

    def log_probability(column, said):
        total, at = 0.0, advance(start[:, column : column + 1], None)
        for token in said:
            z = at[0][:, 0]
            total += z[token] - np.log(np.exp(z).sum())
            at = advance(np.array([[token]]), at[1])
        return total

    found = chain.generate(p, start, steps, end=end, beam_width=V**steps)
    for column in range(4):
        sequences = {said[: said.index(end) + 1] if end in said else said for said in product(range(V), repeat=steps)}
        best = max(sequences, key=lambda said: log_probability(column, said))
        assert (*found[:, column],) == best + (end,) * (steps - len(best))


def test_without_an_end_token_every_step_is_chosen():
    rng = np.random.default_rng(5)
    chain = Chain(models.create("rnn", input_size=V, hidden_size=6), V, "steps")
    p, start = chain.init(rng, np.float64), np.array([[0, 3]])
    one = chain.generate(p, start, 6)
    assert one.shape == (6, 2)
    assert chain.generate(p, start, 6, beam_width=2).shape == (6, 2)
    with pytest.raises(ValueError, match="temperature must be 0"):
        chain.generate(p, start, 6, temperature=1.0, beam_width=2)


SETTINGS = {"name": "lstm", "hidden_size": 4, "embedding_size": 3, "dropout": 0.0, "forget_bias": 1.0}
PAIR = Shape(inputs=V, tokens=True, outputs=V, answers="steps", loss="softmax", source=V_SOURCE)


def test_what_a_config_builds():
    same = build_network(SETTINGS, PAIR)
    assert isinstance(same, EncoderDecoder)
    assert same.bridge is None
    assert "bridge/W" not in build_network(SETTINGS | {"decoder": "lstm"}, PAIR).layout.names()
    mixed = build_network(SETTINGS | {"decoder": "rnn"}, PAIR)
    assert mixed.init(np.random.default_rng(0)).part("bridge")["W"].shape == (4, 8)
    assert count(mixed)["embedding"] == 3 * (V + V_SOURCE)
    budgeted = build_network(SETTINGS | {"hidden_size": None, "param_budget": 5000}, PAIR)
    assert 4500 < count(budgeted)["counted"] <= 5000
    chain = Shape(inputs=V, tokens=True, outputs=V, answers="steps", loss="softmax")
    with pytest.raises(UserError, match=r"^model.decoder: expected null"):
        build_network(SETTINGS | {"decoder": "rnn"}, chain)
    pictured = Shape(inputs=V, tokens=True, outputs=V, answers="steps", loss="softmax", features=64)
    assert build_network(SETTINGS, pictured).init(np.random.default_rng(0)).part("dense")["W"].shape == (3, 64)
    with pytest.raises(UserError, match=r"^model.embedding_size: expected at least 1"):
        build_network(SETTINGS | {"embedding_size": 0}, pictured)


def test_a_chain_of_different_states_needs_a_bridge():
    core, other = (models.create(name, input_size=V, hidden_size=3) for name in ("lstm", "rnn"))
    with pytest.raises(ValueError, match="need a bridge"):
        EncoderDecoder(Encoder(core), Chain(other, V, "steps"), bridge=False, reverse_source=False)
    net = network("rnn", "rnn")
    with pytest.raises(ValueError, match="reads a SourceBatch, got a Batch"):
        net.forward(net.init(np.random.default_rng(0)), Batch(np.zeros((1, B), int), np.zeros((1, B), int)))
