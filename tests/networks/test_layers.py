"""The layers around a core, by themselves."""

import numpy as np
import pytest

from seqexp.kernels import threads
from seqexp.networks import layers
from seqexp.networks.layers import Readout
from seqexp.numerics.params import Params
from seqexp.numerics.tape import Tape
from seqexp.system import blas


def computed(readout, p, h, dy):
    """y, dh and the gradient, which is added to what was there."""
    grad = p.like(np.ones_like(p.flat))
    y = readout.forward(p, h, Tape()).copy()
    return y, readout.backward(p, grad, dy, h), grad.flat


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("N", [1, 48, 131])  # columns are dealt out in groups of 48
def test_a_readout_on_two_threads_is_that_on_one(dtype, N, monkeypatch):
    readout, rng = Readout(7, 101), np.random.default_rng(0)
    p = Params.zeros(readout.layout, dtype)
    p.flat[:] = rng.standard_normal(p.flat.size)
    h, dy = rng.standard_normal((7, N)).astype(dtype), rng.standard_normal((101, N)).astype(dtype)
    alone, shares = computed(readout, p, h, dy), []
    monkeypatch.setattr(layers, "SPLIT_WORK", 1)
    split = threads.split

    def noted(call, rows, worth, multiple=1):
        shares.append((rows, worth >= 2, multiple))
        split(call, rows, worth, multiple)

    monkeypatch.setattr(threads, "split", noted)
    with blas.limited(2, dealt=True):
        together = computed(readout, p, h, dy)
    assert shares == [(N, True, 48), (101, True, 48), (N, True, 48)]  # forward; answers; columns
    for one, two in zip(alone, together, strict=True):
        assert two.dtype == dtype
        np.testing.assert_allclose(two, one, rtol=0, atol=20 * np.finfo(dtype).eps * np.abs(one).max())


def test_a_small_readout_is_not_worth_a_thread():
    assert Readout(7, 3)._worth(np.zeros((7, 5))) == 0
    assert Readout(100, 1000)._worth(np.zeros((100, 250))) == 2  # 25 million multiply-adds, a thread for each 10
