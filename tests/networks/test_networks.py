"""Whole networks against complex step, losses and optimizers against their definitions."""

from itertools import pairwise

import numpy as np
import pytest

from seqexp import models
from seqexp.data.batch import Batch
from seqexp.networks import Chain, Embedding
from seqexp.numerics.params import Gradient, Layout
from seqexp.testing.gradcheck import complex_step, worst_error
from seqexp.training import losses, optimizers

V, Y, T, B = 5, 3, 4, 4


def batches(rng, tokens):
    """Each shape of answering: the last step; some steps; ragged."""
    x = rng.integers(-1, V, (T, B)) if tokens else rng.standard_normal((T, V, B))
    lengths = np.array([4, 1, 3, 2])
    inside = np.arange(T)[:, None] < lengths
    some = inside & (rng.random((T, B)) < 0.7)
    some[0, 0] = True
    yield "last", Batch(x, rng.integers(0, Y, B))
    yield "last", Batch(x, rng.integers(0, Y, B), lengths)
    yield "steps", Batch(x, rng.integers(0, Y, (T, B)), None, np.ones((T, B), bool))
    yield "steps", Batch(x, rng.integers(0, Y, (T, B)), lengths, some)


def values_for(batch, loss, rng):
    """The same batch with real targets, for the losses that have them."""
    if loss == "softmax":
        return batch
    target = rng.random((Y, B)) if batch.answered is None else rng.random((T, Y, B))
    return Batch(batch.x, target, batch.lengths, batch.answered)


@pytest.mark.parametrize("name", models.names("sequences"))
@pytest.mark.parametrize("loss_name", ["softmax", "sigmoid", "squared"])
@pytest.mark.parametrize("inputs", ["features", "one-hot", "embedding"])
def test_whole_network_gradient(name, loss_name, inputs):
    """Embedding, core, readout and loss, with dropout, over every shape of answering."""
    rng = np.random.default_rng(0)
    loss = losses.create(loss_name)
    for answers, classes in batches(rng, inputs != "features"):
        batch = values_for(classes, loss_name, rng)
        embedding = Embedding(V, 2) if inputs == "embedding" else None
        core = models.create(name, input_size=2 if embedding else V, hidden_size=4)
        network = Chain(core, Y, answers, embedding, dropout=0.4)
        p = network.init(rng, np.float64)
        p.flat[:] = 0.7 * rng.standard_normal(p.flat.size)

        def value(flat, network=network, p=p, batch=batch):
            y, _, _ = network.forward(p.like(flat), batch, None, np.random.default_rng(5))
            return loss.forward(y, batch.answers())[0]

        y, _, tape = network.forward(p, batch, None, np.random.default_rng(5))
        _, loss_tape = loss.forward(y, batch.answers())
        grad = p.like(np.ones_like(p.flat))
        network.backward(p, grad, loss.backward(loss_tape), tape)
        want = complex_step(value, p.flat)
        assert worst_error(grad.flat - 1, want) <= 1e-12


@pytest.mark.parametrize("loss_name", ["softmax", "sigmoid", "squared"])
def test_loss_gradient(loss_name):
    rng = np.random.default_rng(1)
    y = 3 * rng.standard_normal((Y, 6))
    target = rng.integers(0, Y, 6) if loss_name == "softmax" else rng.random((Y, 6))
    loss = losses.create(loss_name)
    _, tape = loss.forward(y.copy(), target)
    want = complex_step(lambda v: loss.forward(v.reshape(y.shape), target)[0], y.ravel())
    assert worst_error(loss.backward(tape).ravel(), want) <= 1e-12


def test_losses_by_hand():
    assert losses.create("softmax").forward(np.zeros((4, 3)), np.array([0, 1, 2]))[0] == pytest.approx(np.log(4))
    assert losses.create("sigmoid").forward(np.zeros((88, 2)), np.ones((88, 2)))[0] == pytest.approx(88 * np.log(2))
    assert losses.create("squared").forward(np.full((1, 4), 3.0), np.ones((1, 4)))[0] == 4


@pytest.mark.parametrize("loss_name", ["softmax", "sigmoid", "squared"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_stay_finite(loss_name, dtype):
    """Logits of 1e4, and no answers at all."""
    y = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    target = np.array([1, 1]) if loss_name == "softmax" else np.array([[0, 1], [1, 0]], dtype)
    loss = losses.create(loss_name)
    value, tape = loss.forward(y.copy(), target)
    assert np.isfinite(value)
    assert np.isfinite(loss.backward(tape)).all()
    value, tape = loss.forward(y[:, :0].copy(), target[..., :0])
    assert value == 0
    assert loss.backward(tape).shape == (2, 0)


@pytest.mark.parametrize("name", models.names("sequences"))
def test_padding_changes_nothing(name):
    """A batch padded further, with garbage, has the same loss and gradient; no answer at all has no gradient."""
    rng = np.random.default_rng(2)
    core = models.create(name, input_size=V, hidden_size=4)
    network, loss = Chain(core, Y, "steps"), losses.create("softmax")
    p = network.init(rng, np.float64)
    lengths = np.array([4, 2, 3, 1])
    x, target = rng.standard_normal((T, V, B)), rng.integers(0, Y, (T, B))
    answered = np.arange(T)[:, None] < lengths
    longer = Batch(
        np.concatenate([x, np.full((3, V, B), 1e30)]),
        np.concatenate([target, np.zeros((3, B), int)]),
        lengths,
        np.concatenate([answered, np.zeros((3, B), bool)]),
    )
    results = []
    for batch in (Batch(x, target, lengths, answered), longer):
        y, _, tape = network.forward(p, batch)
        value, loss_tape = loss.forward(y, batch.answers())
        grad = p.like()
        network.backward(p, grad, loss.backward(loss_tape), tape)
        results.append((value, grad.flat))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-14)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-14)

    nothing = Batch(x, target, lengths, np.zeros((T, B), bool))
    y, _, tape = network.forward(p, nothing)
    value, loss_tape = loss.forward(y, nothing.answers())
    grad = p.like()
    network.backward(p, grad, loss.backward(loss_tape), tape)
    assert value == 0
    assert not grad.flat.any()


def quadratic(name, steps, **settings):
    """The optimizer's path on L = sum(w^2)/2 in float64, whose gradient is w."""
    optimizer = optimizers.create(name, learning_rate=0.1, **settings)
    w = np.linspace(-2, 3, 40_001)  # more than two blocks
    state, path = optimizer.init(w), [w.copy()]
    for step in range(1, steps + 1):
        optimizer.update(w, w.copy(), state, 0.1, step)
        path.append(w.copy())
    return path


def test_sgd_in_closed_form():
    path = quadratic("sgd", 7)
    np.testing.assert_allclose(path[7], 0.9**7 * path[0], rtol=1e-13)


def test_decoupled_weight_decay_shrinks_apart_from_the_gradient():
    for name in optimizers.names():
        w = np.linspace(-2, 3, 101)
        start = w.copy()
        optimizer = optimizers.create(name, learning_rate=0.1, weight_decay=0.5)
        optimizer.update(w, np.zeros_like(w), optimizer.init(w), 0.1, 1)
        np.testing.assert_allclose(w, start * (1 - 0.1 * 0.5), rtol=1e-13)


def test_momentum_by_its_recurrence():
    path = quadratic("momentum", 5, momentum=0.8)
    w, u = path[0].copy(), 0
    for want in path[1:]:
        u = 0.8 * u + w
        w = w - 0.1 * u
        np.testing.assert_allclose(want, w, rtol=1e-12, atol=1e-14)


def test_rmsprop_by_its_definition():
    path = quadratic("rmsprop", 5, decay=0.9, epsilon=1e-6)
    w, v = path[0].copy(), 0
    for want in path[1:]:
        v = 0.9 * v + 0.1 * w**2
        w = w - 0.1 * w / (np.sqrt(v) + 1e-6)
        np.testing.assert_allclose(want, w, rtol=1e-12, atol=1e-14)


def test_adam_as_in_the_paper():
    path = quadratic("adam", 6, beta1=0.8, beta2=0.95, epsilon=1e-5)
    w, m, v = path[0].copy(), 0, 0
    for step, want in enumerate(path[1:], 1):
        m, v = 0.8 * m + 0.2 * w, 0.95 * v + 0.05 * w**2
        w = w - 0.1 * (m / (1 - 0.8**step)) / (np.sqrt(v / (1 - 0.95**step)) + 1e-5)
        np.testing.assert_allclose(want, w, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("beta1", "beta2"), [(0.8, 0.95), (0.9, 0.999), (0.0, 0.5), (0.5, 0.0)])
def test_adam_settles_without_a_trace(beta1, beta2):
    """Each step of a path over more than one settling is the paper's, from where the step before came to."""
    path = quadratic("adam", 130, beta1=beta1, beta2=beta2, epsilon=1e-5)
    m, v = 0, 0
    for step, (w, want) in enumerate(pairwise(path), 1):
        m, v = beta1 * m + (1 - beta1) * w, beta2 * v + (1 - beta2) * w**2
        w = w - 0.1 * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + 1e-5)
        np.testing.assert_allclose(want, w, rtol=1e-11, atol=1e-13)


def table_and_rest():
    """A layout with a table between two other blocks."""
    layout = Layout()
    layout.add("a", (3, 5))
    inner = Layout()
    inner.table("E", (40, 2))
    inner.add("b", (7,))
    layout.part("inner", inner)
    return layout


def test_a_gradient_knows_its_rows():
    grad = Gradient(table_and_rest(), np.zeros(102))
    part = grad.part("inner")
    grad["a"][:] = 1
    part.add_rows("E", np.array([4, 9]), np.ones((2, 2)))
    part.add_rows("E", np.array([2, 9]), np.ones((2, 2)))
    before, table, after = grad.spans()
    assert (before.start, before.stop, before.rows) == (0, 15, None)
    assert (table.start, table.stop, table.width) == (15, 95, 2)
    np.testing.assert_array_equal(table.rows, [2, 4, 9])
    assert (after.start, after.stop, after.rows) == (95, 102, None)
    np.testing.assert_array_equal(grad["inner/E"].sum(axis=1)[[2, 4, 9]], [2, 2, 4])
    grad.clear()
    assert not grad.flat.any()
    np.testing.assert_array_equal(grad.spans()[1].rows, [])


@pytest.mark.parametrize("name", optimizers.names())
def test_rows_of_a_table_move_like_all_others(name):
    """An optimizer that is told where the gradient is zero takes the same steps as one that looks at all of it."""
    rng, optimizer = np.random.default_rng(5), optimizers.create(name, learning_rate=0.1, weight_decay=0.01)
    told = rng.normal(size=102)
    untold = told.copy()
    states = optimizer.init(told), optimizer.init(untold)
    grad = Gradient(table_and_rest(), np.zeros(102))
    for step in range(1, 210):
        grad.clear()
        grad["a"][:] = rng.normal(size=(3, 5))
        rows = np.unique(rng.integers(0, 40, 3)) if step % 5 else np.empty(0, np.intp)
        grad.part("inner").add_rows("E", rows, rng.normal(size=(len(rows), 2)))
        whole = grad.flat.copy()
        norms = optimizers.clip(grad.flat, 2.0, grad.spans()), optimizers.clip(whole, 2.0)
        np.testing.assert_allclose(norms[0], norms[1], rtol=1e-14)
        optimizer.update(told, grad.flat, states[0], 0.1, step, grad.spans())
        optimizer.update(untold, whole, states[1], 0.1, step)
        np.testing.assert_allclose(told, untold, rtol=1e-12, atol=1e-14)


def test_forgotten_moments_end_in_zeros():
    """Rows of an embedding whose word does not come up get no gradient; see numerics.flush."""
    w, g = np.ones(10, np.float32), np.ones(10, np.float32)
    optimizer = optimizers.create("adam", learning_rate=0.1)
    state = optimizer.init(w)
    for step in range(1, 2001):
        optimizer.update(w, g, state, 0.1, step)  # which uses up g
        g[:] = 0
    assert not state["M"].any()


def test_schedules():
    cosine = optimizers.create("sgd", learning_rate=2.0, schedule="cosine")
    assert [round(cosine.rate(at), 12) for at in (0, 0.5, 1)] == [2.0, 1.0, 0.0]
    steps = optimizers.create("sgd", learning_rate=2.0, schedule="step", step_fraction=0.4, step_factor=0.1)
    assert [round(steps.rate(at), 12) for at in (0, 0.39, 0.41, 0.81)] == [2.0, 2.0, 0.2, 0.02]
    assert optimizers.create("sgd", learning_rate=2.0).rate(0.7) == 2.0


def test_clipping_by_global_norm():
    grad = np.array([3.0, 4.0])
    assert optimizers.clip(grad, 10.0) == 5.0
    assert grad.tolist() == [3.0, 4.0]
    assert optimizers.clip(grad, 1.0) == 5.0
    np.testing.assert_allclose(grad, [0.6, 0.8])
    assert optimizers.clip(grad, None) == pytest.approx(1.0)
