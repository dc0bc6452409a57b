"""Optimizers go through the vector block by block, and through tables by rows: which may show in nothing."""

import numpy as np
import pytest

from seqexp.numerics.params import Gradient, Layout
from seqexp.training import optimizers

SIZE = 40


def gradient(rng):
    """A vector with a table in it, of which three rows hold anything."""
    layout = Layout()
    layout.add("a", (7,))
    layout.table("E", (10, 3))
    layout.add("b", (3,))
    grad = Gradient(layout, np.zeros(SIZE))
    grad["a"][:], grad["b"][:] = rng.normal(size=7), rng.normal(size=3)
    grad.add_rows("E", np.array([1, 4, 9]), rng.normal(size=(3, 3)))
    return grad


@pytest.mark.parametrize("told", [False, True], ids=["whole", "by rows"])
@pytest.mark.parametrize("name", optimizers.names())
def test_blocks_of_any_size_take_the_same_steps(name, told, monkeypatch):
    def path(block):
        monkeypatch.setattr(optimizers, "BLOCK", block)
        rng = np.random.default_rng(3)
        optimizer = optimizers.create(name, learning_rate=0.1, weight_decay=0.05)
        w = np.random.default_rng(2).normal(size=SIZE)
        state = optimizer.init(w)
        for step in range(1, 2 * optimizers.FLUSH_EVERY + 2):
            grad = gradient(rng)
            optimizer.update(w, grad.flat, state, 0.1, step, grad.spans() if told else ())
        return w

    whole = path(1000)
    for block in (1, 9, SIZE - 1, SIZE):
        np.testing.assert_allclose(path(block), whole, rtol=1e-12)


@pytest.mark.parametrize("told", [False, True], ids=["whole", "by rows"])
def test_clipping_is_by_the_norm_of_everything(told):
    grad = gradient(np.random.default_rng(5))
    before = grad.flat.copy()
    spans = grad.spans() if told else ()
    norm = optimizers.clip(grad.flat, 0.5, spans)
    assert norm == pytest.approx(np.linalg.norm(before), rel=1e-14)
    np.testing.assert_allclose(grad.flat, before * 0.5 / norm, rtol=1e-14)
    assert optimizers.clip(grad.flat, 0.6, spans) == pytest.approx(0.5)
    assert np.linalg.norm(grad.flat) == pytest.approx(0.5)


def test_a_rate_is_within_its_run():
    """Past the end of the plan, as at its end; a step schedule drops when its fraction is done, not before."""
    cosine = optimizers.create("sgd", learning_rate=2.0, schedule="cosine")
    assert [cosine.rate(at) for at in (0, 1, 1.5)] == pytest.approx([2.0, 0.0, 0.0])
    assert cosine.rate(1 / 3) == pytest.approx(1.5)
    steps = optimizers.create("sgd", learning_rate=1.0, schedule="step", step_fraction=0.25, step_factor=0.5)
    assert [steps.rate(at) for at in (0.24, 0.25, 0.49, 0.5, 0.75, 1.0, 2.0)] == [
        1,
        0.5,
        0.5,
        0.25,
        0.125,
        0.0625,
        0.0625,
    ]


def test_momentum_remembers_gradients_not_steps():
    """With the rate outside u, as its docstring says: a lower rate slows what is already moving, at once."""
    w, optimizer = np.zeros(1), optimizers.create("momentum", learning_rate=1.0, momentum=0.5)
    state, path = optimizer.init(w), []
    for step, rate in enumerate([1.0, 0.1, 1.0], 1):
        optimizer.update(w, np.array([-1.0]), state, rate, step)
        path.append(w[0])
    np.testing.assert_allclose(np.diff(path, prepend=0.0), [1.0, 0.1 * 1.5, 1.75])


@pytest.mark.parametrize("name, settings", [("momentum", {"momentum": 0.9}), ("rmsprop", {"decay": 0.9})])
def test_moments_of_what_gets_no_gradient_end_in_zeros(name, settings):
    """Of themselves they would stay among the subnormal numbers for ever: 0.9 of the smallest is rounded to it."""
    w, optimizer = np.ones(5, np.float32), optimizers.create(name, learning_rate=0.1, **settings)
    state = optimizer.init(w)
    for step in range(1, 1501):
        optimizer.update(w, np.full(5, step == 1, np.float32), state, 0.1, step)
    assert not next(iter(state.values())).any()


@pytest.mark.parametrize("name", ["momentum", "rmsprop", "adam"])
def test_moments_too_small_to_count_are_zeros_after_every_hundredth_step(name):
    """By the step's number alone, so that a resumed run flushes when an uninterrupted one does."""
    w, optimizer = np.ones(1, np.float32), optimizers.create(name, learning_rate=0.1)
    for step in (99, 100, 101, 200):
        state = {moment: np.full(1, 1e-38, np.float32) for moment in optimizer.init(w)}
        optimizer.update(w, np.zeros(1, np.float32), state, 0.1, step)
        assert all(moment.any() == (step % optimizers.FLUSH_EVERY > 0) for moment in state.values()), step
