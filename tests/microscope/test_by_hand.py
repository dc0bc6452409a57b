"""The cells stepped by hand say what the plain equations say, there and back."""

import numpy as np
import pytest

from seqexp import models
from seqexp.microscope.by_hand import NotByHand, Where, stepped
from tests.models import oracle
from tests.models.test_oracle import random_case

PLAIN = [
    ("rnn", {}),
    ("rnn", {"activation": "relu"}),
    ("rnn", {"activation": "sigmoid"}),
    ("stacked_rnn", {"num_layers": 3}),
    ("lstm", {}),
    ("lstm", {"freeze_gates": ("i", "o")}),
    ("lstm", {"peepholes": True}),
    ("lstm", {"peepholes": True, "candidate_activation": "identity", "freeze_gates": ("f",)}),
    ("lstm", {"peepholes": True, "output_activation": "identity", "coupled": True}),
    ("gru", {}),
    ("gru", {"reset": "after"}),
    ("gru", {"freeze_gates": ("r",)}),
    ("gru", {"freeze_gates": ("z",), "reset": "after"}),
]
ARRANGED = [
    ("lstm", {"num_layers": 3, "skip": True}),
    ("gru", {"bidirectional": True, "num_layers": 2}),
    ("lstm", {"initial_state": "learned"}),
    ("rnn", {"initial_state": "learned", "bidirectional": True}),
]


def there_and_back(name, settings, start=True):
    core, p, x, state0 = random_case(name, settings, 6, 2, 3, 4)
    state0 = state0 if start else None
    h, _, tape = core.forward(p, x, state0)
    rng = np.random.default_rng(1)
    dh, dstate = rng.standard_normal(h.shape), rng.standard_normal((core.state_size, 2))
    dx, dstate0 = core.backward(p, p.like(), dh.copy(), dstate.copy(), tape)
    found = stepped(core, p, x, state0)
    return core, (h.copy(), dx.copy(), dstate0), (found.h, found.back(dh, dstate), found)


@pytest.mark.parametrize("name, settings", PLAIN)
def test_each_step_equals_the_plain_equations(name, settings):
    core, p, x, state0 = random_case(name, settings, 6, 2, 3, 4)
    found = stepped(core, p, x, state0)
    h, state = getattr(oracle, name)(p, x, state0, **settings)
    np.testing.assert_allclose(found.h, h, rtol=0, atol=1e-12)
    last = [layer.signals[part][-1] for layer in found.layers for part in layer.cell.state]
    np.testing.assert_allclose(np.concatenate(last), state, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name, settings", [*PLAIN, *ARRANGED])
def test_the_way_back_equals_the_cores_own(name, settings):
    core, (h, dx, dstate0), (by_hand_h, by_hand_dx, found) = there_and_back(name, settings)
    np.testing.assert_allclose(by_hand_h, h, rtol=0, atol=1e-12)
    np.testing.assert_allclose(by_hand_dx, dx, rtol=0, atol=1e-12)
    of_layers = np.empty_like(dstate0)
    for layer in found.layers:
        rows = layer.dstate0()
        of_layers[layer.where.start : layer.where.start + len(rows)] = rows
    np.testing.assert_allclose(of_layers, dstate0, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name, settings", ARRANGED)
def test_without_a_state_it_starts_as_the_core_does(name, settings):
    _, (h, _, _), (by_hand_h, _, _) = there_and_back(name, settings, start=False)
    np.testing.assert_allclose(by_hand_h, h, rtol=0, atol=1e-12)


def test_columns_that_end_early_are_read_from_their_own_end():
    core, p, x, _ = random_case("lstm", {"bidirectional": True}, 5, 2, 3, 4)
    lengths = np.array([3, 5])
    h, _, _ = core.forward(p, x, None, lengths)
    found = stepped(core, p, x, None, Where(lengths=lengths))
    np.testing.assert_allclose(found.h[:3, :, 0], h[:3, :, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.h[..., 1], h[..., 1], rtol=0, atol=1e-12)


def test_a_core_without_equations_says_so():
    core = models.create("lstm", input_size=3, hidden_size=2, gate_recurrence=True)
    with pytest.raises(NotByHand, match="gates see gates"):
        stepped(core, core.init(np.random.default_rng(0), np.float64), np.zeros((2, 3, 1)))
