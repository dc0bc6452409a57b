"""The fast cores say what the plain equations say."""

import numpy as np
import pytest

from seqexp import models
from tests.models import oracle

CASES = [
    ("rnn", {}),
    ("rnn", {"activation": "relu"}),
    ("rnn", {"activation": "sigmoid"}),
    ("stacked_rnn", {"num_layers": 1}),
    ("stacked_rnn", {"num_layers": 3}),
    ("stacked_rnn", {"num_layers": 2, "activation": "relu"}),
    ("lstm", {}),
    ("lstm", {"freeze_gates": ("i", "o")}),
    ("lstm", {"peepholes": True}),
    ("lstm", {"peepholes": True, "candidate_activation": "identity", "freeze_gates": ("f",)}),
    ("lstm", {"peepholes": True, "output_activation": "identity", "coupled": True}),
    ("lstm", {"peepholes": True, "gate_recurrence": True, "freeze_gates": ("i",)}),
    ("lstm", {"gate_recurrence": True, "coupled": True}),
    ("gru", {}),
    ("gru", {"reset": "after"}),
    ("gru", {"freeze_gates": ("r",)}),
]


def random_case(name, settings, T, B, X, H, seed=0):
    rng = np.random.default_rng(seed)
    core = models.create(name, input_size=X, hidden_size=H, **settings)
    p = core.init(rng, np.float64)
    p.flat[:] = 0.5 * rng.standard_normal(p.flat.size)
    return core, p, rng.standard_normal((T, X, B)), rng.standard_normal((core.state_size, B))


@pytest.mark.parametrize("name, settings", CASES)
@pytest.mark.parametrize("sizes", [(7, 3, 5, 4), (1, 1, 1, 1), (40, 32, 30, 100), (3, 48, 64, 131)])
def test_plain_equations(name, settings, sizes):
    """At small sizes, and at sizes whose products are cut into row blocks, with and without a rest."""
    core, p, x, state0 = random_case(name, settings, *sizes)
    if sizes[-1] > 10:
        p.flat[:] /= np.sqrt(sizes[-1])  # else the differences grow with the state
    h, state, _ = core.forward(p, x, state0)
    want_h, want_state = getattr(oracle, name)(p, x, state0, **settings)
    np.testing.assert_allclose(h, want_h, atol=1e-12)
    np.testing.assert_allclose(state, want_state, atol=1e-12)


def test_separate_and_concatenated_weights_are_the_same_network():
    core, p, x, state0 = random_case("lstm", {}, 6, 3, 5, 4)
    concatenated, separate = oracle.lstm(p, x, state0), oracle.lstm_separate(p, x, state0, X=5)
    np.testing.assert_allclose(concatenated[0], separate[0], atol=1e-14)
    np.testing.assert_allclose(core.forward(p, x, state0)[0], separate[0], atol=1e-14)

    core, p, x, state0 = random_case("rnn", {}, 6, 3, 5, 4)
    one_matrix = np.hstack([p["W_hh"], p["W_xh"]])  # [W_hh W_xh] on [h; x]
    h = state0
    for t, h_t in enumerate(core.forward(p, x, state0)[0]):
        h = np.tanh(one_matrix @ np.vstack([h, x[t]]) + p["b_h"])
        np.testing.assert_allclose(h_t, h, atol=1e-14)


def test_one_step_is_the_textbook_cell():
    """T = 1 is rnn_cell_forward and rnn_cell_backward."""
    core, p, x, h_prev = random_case("rnn", {}, 1, 3, 5, 4)
    dh_next = np.random.default_rng(1).standard_normal((1, 4, 3))
    h_next, _, tape = core.forward(p, x, h_prev)
    grad = p.like()
    dx, dh_prev = core.backward(p, grad, dh_next, None, tape)
    dtanh = (1 - h_next[0] ** 2) * dh_next[0]
    np.testing.assert_allclose(dx[0], p["W_xh"].T @ dtanh, atol=1e-14)
    np.testing.assert_allclose(dh_prev, p["W_hh"].T @ dtanh, atol=1e-14)
    np.testing.assert_allclose(grad["W_xh"], dtanh @ x[0].T, atol=1e-14)
    np.testing.assert_allclose(grad["W_hh"], dtanh @ h_prev.T, atol=1e-14)
    np.testing.assert_allclose(grad["b_h"], dtanh.sum(axis=1, keepdims=True), atol=1e-14)
