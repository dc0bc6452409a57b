"""Each loss is a mean over the answers that count, and its derivative is that of its value, however few they are."""

import numpy as np
import pytest

from seqexp.kernels import library
from seqexp.training import losses

NEEDS_KERNELS = pytest.mark.skipif(library.missing() is not None, reason=f"no kernels: {library.missing()}")
NAMES = ("softmax", "sigmoid", "squared")
Y = 4


def targets(name, N, draw):
    if name == "softmax":
        return draw.integers(0, Y, N)
    return draw.integers(0, 2, (Y, N)) if name == "sigmoid" else draw.random((Y, N))


@pytest.mark.parametrize("N", [1, 2, 5])
@pytest.mark.parametrize("name", NAMES)
def test_the_derivative_is_that_of_the_value(name, N):
    draw, loss = np.random.default_rng(N), losses.create(name)
    y, target = draw.standard_normal((Y, N)), targets(name, N, draw)
    dy = loss.backward(loss.forward(y.copy(), target)[1])
    for place in np.ndindex(Y, N):
        moved = y.astype(complex)
        moved[place] += 1e-30j  # complex step: exact to the last bits
        assert dy[place] == pytest.approx(loss.forward(moved, target)[0].imag / 1e-30, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_no_answers_are_no_loss_and_no_gradient(name):
    loss = losses.create(name)
    value, tape = loss.forward(np.zeros((Y, 0)), targets(name, 0, np.random.default_rng(0)))
    assert value == 0
    assert loss.backward(tape).shape == (Y, 0)


def test_a_loss_without_kernels_is_numpys_and_numpys_is_asked_for_none():
    assert not any(isinstance(losses.create(name, "numpy"), losses.CompiledSoftmax) for name in NAMES)
    compiled = [name for name in NAMES if isinstance(losses.create(name, "compiled"), losses.CompiledSoftmax)]
    assert compiled == ["softmax"]


@NEEDS_KERNELS
@pytest.mark.parametrize("kind", [np.int8, np.int32, np.uint16])
def test_kernels_read_targets_of_every_integer_type(kind):
    y = np.random.default_rng(0).standard_normal((2003, 4)).astype(np.float32)
    found = []
    for target in (np.array([5, 3, 1, 120]), np.array([5, 3, 1, 120], kind)):
        loss = losses.create("softmax", "compiled")
        value, tape = loss.forward(y.T.copy().T, target)
        found.append((value, loss.backward(tape)))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])
