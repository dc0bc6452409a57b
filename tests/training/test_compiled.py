"""Optimizers with kernels do what they do in NumPy."""

import numpy as np
import pytest

from seqexp.kernels import library
from seqexp.numerics.params import Span
from seqexp.numerics.rng import Purpose, stream
from seqexp.system import blas
from seqexp.training import losses, optimizers

pytestmark = pytest.mark.skipif(library.missing() is not None, reason=f"no kernels: {library.missing()}")
TABLE = [Span(0, 100), Span(100, 400, 10, np.array([3, 7])), Span(400, 1000)]


@pytest.mark.parametrize("spans", [(), TABLE], ids=["whole", "with a table"])
@pytest.mark.parametrize("dtype, close", [(np.float32, 2e-6), (np.float64, 1e-14)])
def test_adam_changes_the_weights_as_in_numpy(spans, dtype, close):
    found = []
    for backend in ("numpy", "compiled"):
        draw = stream(0, Purpose.DATA)
        adam = optimizers.create("adam", backend=backend, learning_rate=0.01, weight_decay=0.1)
        w = draw.standard_normal(1000).astype(dtype)
        state = adam.init(w)
        for step in range(1, 105):  # past a settling and a flush
            g = draw.standard_normal(1000).astype(dtype)
            if spans:
                untouched = np.ones((30, 10), bool)
                untouched[[3, 7]] = False
                g[100:400][untouched.ravel()] = 0
            adam.update(w, g, state, 0.01, step, spans)
        found.append(np.concatenate([w, *state.values()]))
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=close * np.abs(found[0]).max())


def test_rows_of_a_table_may_be_of_every_integer_type():
    found = []
    for kind in (np.int64, np.int16):
        g, M, V = np.random.default_rng(0).random((3, 30, 10))
        optimizers.CompiledAdam.enter_rows(g, M, V, np.array([3, 7, 29], kind), 1.0, 0.5)
        found.append((M, V))
    np.testing.assert_array_equal(found[0], found[1])


def test_an_optimizer_without_kernels_is_numpys():
    sgd = optimizers.create("sgd", backend="compiled", learning_rate=0.1)
    assert type(sgd) == type(optimizers.create("sgd", learning_rate=0.1))  # noqa: E721 - not a subclass of it


def softmax(y, target, backend):
    """The loss and dL/dy of answers y (Y, N), stored answer by answer."""
    loss = losses.create("softmax", backend)
    value, left = loss.forward(y.T.copy().T, target)
    return value, loss.backward(left)


@pytest.mark.parametrize("dtype, close", [(np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("Y, N", [(2, 3), (203, 40), (4096, 5)])
def test_softmax_is_numpys(dtype, close, Y, N):
    draw = stream(0, Purpose.DATA)
    y, target = (30 * draw.standard_normal((Y, N))).astype(dtype), draw.integers(0, Y, N)
    y[:, -1] = 1e4 * np.sign(y[:, -1])  # exp of it would overflow
    (ours, dy), (theirs, dy_numpy) = (softmax(y, target, backend) for backend in ("compiled", "numpy"))
    assert ours == pytest.approx(theirs, rel=10 * close)
    np.testing.assert_allclose(dy, dy_numpy, rtol=0, atol=close)


@pytest.mark.parametrize("worth_a_thread", [1, 12_000])  # of 18,027: nine threads, and one and a half
def test_softmax_has_the_same_bits_on_two_threads_and_of_some_columns(worth_a_thread, monkeypatch):
    monkeypatch.setattr(losses, "SPLIT_ANSWERS", worth_a_thread)
    draw = stream(0, Purpose.DATA)
    y, target = draw.standard_normal((2003, 9)).astype(np.float32), draw.integers(0, 2003, 9)
    loss, dy = softmax(y, target, "compiled")
    with blas.limited(2, dealt=True):
        shared, dy_shared = softmax(y, target, "compiled")
    assert loss == shared
    np.testing.assert_array_equal(dy, dy_shared)
    some = softmax(y[:, 4:7], target[4:7], "compiled")[1]
    np.testing.assert_allclose(some, 3 * dy[:, 4:7], rtol=1e-6)


def test_a_class_that_does_not_exist_is_an_error_in_c_too():
    with pytest.raises(IndexError, match=r"targets must lie in 0\.\.4999, got 0\.\.5000"):
        softmax(np.zeros((5000, 2), np.float32), np.array([0, 5000]), "compiled")


def test_a_loss_that_is_no_number_stays_none():
    y = np.zeros((5000, 2), np.float32)
    y[7, 1] = np.inf
    assert np.isnan(softmax(y, np.array([0, 0]), "compiled")[0])
