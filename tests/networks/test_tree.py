"""A network over trees: against the complex step, beside a chain, and what it refuses."""

from typing import Any

import numpy as np
import pytest

from seqexp import models
from seqexp.config.build import build_network
from seqexp.data.batch import Batch, TreeBatch
from seqexp.networks import Chain, Embedding, TreeNetwork
from seqexp.numerics.forest import Forest
from seqexp.system.errors import UserError
from seqexp.tasks import Shape
from seqexp.testing.gradcheck import complex_step, worst_error
from seqexp.testing.trees import grown, planted
from seqexp.training import losses

V, Y = 5, 3
SHAPE = Shape(inputs=V, tokens=True, outputs=Y, answers="last", loss="softmax")
SEQUENCES = ", ".join(models.names("sequences"))
TREES = {"embedding_size": 3, "hidden_size": 4, "dropout": 0.0, "decoder": None}


def network(name="tree_lstm", embedding=True, dropout=0.0):
    core: Any = models.create(name, input_size=2 if embedding else V, hidden_size=4)
    return TreeNetwork(core, Y, Embedding(V, 2) if embedding else None, dropout)


def trees(rng, every=True):
    forest, asked = planted([grown(rng, leaves, V) for leaves in (6, 1, 3)], every)
    return TreeBatch(np.zeros((1, len(asked)), np.int32), rng.integers(0, Y, len(asked)), forest=forest)


@pytest.mark.parametrize("name", models.names("trees"))
@pytest.mark.parametrize("embedding", [True, False])
def test_whole_network_gradient(name, embedding):
    """Embedding, core, readout and loss, with dropout and a derivative at the states, all nodes asked."""
    rng, loss = np.random.default_rng(0), losses.create("softmax")
    net, batch = network(name, embedding, 0.4), trees(rng)
    p = net.init(rng, np.float64)
    p.flat[:] = 0.7 * rng.standard_normal(p.flat.size)
    dstate = rng.standard_normal((net.core.state_size, batch.size))

    def value(flat):
        y, state, _ = net.forward(p.like(flat), batch, None, np.random.default_rng(5))
        return loss.forward(y, batch.answers())[0] + (state * dstate).sum()

    y, _, tape = net.forward(p, batch, None, np.random.default_rng(5))
    grad, given = p.like(np.ones_like(p.flat)), dstate.copy()
    net.backward(p, grad, loss.backward(loss.forward(y, batch.answers())[1]), tape, given)
    np.testing.assert_array_equal(given, dstate)
    assert worst_error(grad.flat - 1, complex_step(value, p.flat)) <= 1e-12


def test_dropout_has_a_mask_of_its_own_for_each_word():
    rng, net = np.random.default_rng(6), network(dropout=0.5)
    p, batch = net.init(rng), trees(rng)
    _, _, tape = net.forward(p, batch, None, np.random.default_rng(0))
    assert tape.x_mask.shape == (batch.forest.fed.size, 2)
    assert tape.h_mask.shape == (4, batch.size)
    assert len(np.unique(tape.x_mask, axis=0)) > 1


def test_gradients_have_the_type_of_the_parameters_and_no_state_before_the_leaves(monkeypatch):
    rng, net = np.random.default_rng(7), network()
    p, batch, kinds = net.init(rng), trees(rng), []
    backward = type(net.core).backward

    def noted(core, p, grad, dstate, *rest):
        kinds.append(dstate.dtype)
        return backward(core, p, grad, dstate, *rest)

    monkeypatch.setattr(type(net.core), "backward", noted)
    y, _, tape = net.forward(p, batch)
    assert net.backward(p, p.like(), y, tape).shape == (net.core.state_size, 0)
    assert kinds == [np.float32]


def test_a_tape_is_lent_from_step_to_step():
    rng, net = np.random.default_rng(1), network(dropout=0.3)
    p, tape = net.init(rng), net.new_tape()
    for _ in range(3):
        batch, found = trees(rng), []
        for lent in (tape, net.new_tape()):
            y, state, used = net.forward(p, batch, None, np.random.default_rng(2), lent)
            grad = p.like()
            net.backward(p, grad, np.cos(y), used)
            found.append((y.copy(), state.copy(), grad.flat))
        for one, other in zip(*found, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(net.forward(p, batch, tape=tape, keep=False)[0], net.forward(p, batch)[0])


def test_on_chains_it_is_the_network_of_sequences():
    """With the same weights, from embedding to answer."""
    rng = np.random.default_rng(3)
    chain = Chain(models.create("rnn", input_size=2, hidden_size=4), Y, "last", Embedding(V, 2))
    net = network("recursive")
    q = chain.init(rng, np.float64)
    p = net.init(rng, np.float64)
    for name in ("embedding/E", "readout/W_hy", "readout/b_y"):
        p[name][:] = q[name]
    for own, of_chain in (("W_x", "W_xh"), ("W_l", "W_hh"), ("b_h", "b_h")):
        p[f"core/{own}"][:] = q[f"core/{of_chain}"]
    x, lengths = rng.integers(0, V, (6, 4)), np.array([6, 2, 5, 1])
    batch = TreeBatch(x, np.zeros(4, int), lengths, forest=Forest.chains(x, lengths))
    np.testing.assert_allclose(net.forward(p, batch)[0], chain.forward(q, batch)[0], atol=1e-12)


def test_what_is_no_tree_is_refused():
    net = network()
    p = net.init(np.random.default_rng(4))
    with pytest.raises(ValueError, match="a tree network reads a TreeBatch, got a Batch"):
        net.forward(p, Batch(np.zeros((2, 1), int), np.zeros(1, int)))
    with pytest.raises(ValueError, match="state0 must be None"):
        net.forward(p, trees(np.random.default_rng(5)), np.zeros((8, 9)))
    with pytest.raises(UserError, match=r"^model\.name: expected a model of sequences, since this task generates"):
        net.generate(p, np.zeros((1, 1), int), 3)


@pytest.mark.parametrize(
    "settings, read, says",
    [
        ({"name": "tree_lstm"}, None, f"model.name: expected a model of sequences ({SEQUENCES})"),
        ({"name": "recursive"}, None, "got 'recursive', which reads trees; tasks with trees: listops"),
        ({"name": "lstm"}, "tree", "task.read: expected sequence or null, since lstm reads sequences; got 'tree'"),
        ({"name": "tree_lstm", "decoder": "rnn"}, "either", "model.decoder: expected null, since tree_lstm has no"),
    ],
)
def test_a_model_and_a_task_that_do_not_fit_are_refused_in_one_line(settings, read, says):
    with pytest.raises(UserError) as refused:
        build_network(TREES | settings, Shape(**vars(SHAPE) | {"read": read}))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
