"""Where NumPy's tanh is slow, gates are computed by exp, and the LSTM's way back without tanh: the same to rounding."""

import numpy as np
import pytest

from seqexp import models
from seqexp.numerics import functions, squashing
from seqexp.numerics.rng import Purpose, stream
from seqexp.testing.gradients import LENGTHS, gradient_error
from tests.models.test_compiled import passed

CELLS = [("lstm", {}), ("lstm", {"freeze_gates": ("o",)}), ("gru", {"reset": "before"}), ("gru", {"reset": "after"})]
every_cell = pytest.mark.parametrize("name, settings", CELLS, ids=["lstm", "frozen", "before", "after"])


@every_cell
@pytest.mark.parametrize("dtype, close", [(np.float32, 2e-5), (np.float64, 1e-12)])
def test_exp_and_tanh_give_the_same_gates(name, settings, dtype, close, monkeypatch):
    core = models.create(name, input_size=5, hidden_size=20, **settings)
    by_tanh = passed(core, dtype, 9, 6, np.array([9, 0, 4, 9, 9, 1]))
    monkeypatch.setattr(squashing, "SLOW_TANH", not squashing.SLOW_TANH)
    for one, other in zip(by_tanh, passed(core, dtype, 9, 6, np.array([9, 0, 4, 9, 9, 1])), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=close * max(1, np.abs(other).max()))


@pytest.mark.parametrize("tokens", [False, True], ids=["features", "tokens"])
def test_the_way_back_without_tanh_is_the_gradient(tokens, monkeypatch):
    monkeypatch.setattr(squashing, "SLOW_TANH", True)
    assert gradient_error("lstm", {}, 3, 4, LENGTHS["ragged"], tokens) <= 1e-12


@np.errstate(over="ignore")  # the decorator looked at this CPU
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_a_gate_that_is_shut_to_the_last_bit_is_a_number(name, monkeypatch):
    monkeypatch.setattr(squashing, "SLOW_TANH", True)
    core = models.create(name, input_size=2, hidden_size=3)
    p = core.init(stream(0, Purpose.INIT), np.float32)
    p.flat[:] *= 1e4
    grad, x = p.like(), np.ones((4, 2, 2), np.float32)
    h, _, tape = core.forward(p, x)
    core.backward(p, grad, np.ones_like(h), None, tape)
    assert np.isfinite(h).all()
    assert np.isfinite(grad.flat).all()


def test_a_product_is_the_same_in_blocks_and_whole(monkeypatch):
    draw = stream(0, Purpose.DATA)
    W, a, out = draw.standard_normal((500, 200)), draw.standard_normal((200, 32)), np.empty((500, 32))
    for cuts in (False, True):
        monkeypatch.setattr(functions, "CUTS_PRODUCTS", cuts)
        functions.product(W, 32)(a, out)
        np.testing.assert_allclose(out, W @ a, atol=1e-12)
