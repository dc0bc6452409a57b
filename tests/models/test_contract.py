"""Every registered model keeps the same laws (``seqexp.testing``); a new one is tested by existing."""

from typing import Any

import numpy as np
import pytest

from seqexp import models, testing
from seqexp.testing.gradients import LENGTHS, H, X, gradient_error, gradients_are_exact


def cells():
    """Every model, and every variant of it that has its own derivative."""
    for name in models.names("sequences"):
        yield name, {}
    for activation in ("relu", "sigmoid"):
        yield "rnn", {"activation": activation}
        yield "stacked_rnn", {"activation": activation, "num_layers": 3}
    yield "lstm", {"freeze_gates": ("f", "o")}
    yield "lstm", {"peepholes": True}
    yield "lstm", {"coupled": True, "peepholes": True, "gate_recurrence": True}
    yield "gru", {"reset": "after"}
    yield "gru", {"reset": "after", "freeze_gates": ("r",)}


ARRANGED: list[tuple[str, dict[str, Any]]] = [  # each way to put cells together, and each cell in one
    ("rnn", {"num_layers": 4, "skip": True}),
    ("rnn", {"bidirectional": True, "initial_state": "learned"}),
    ("stacked_rnn", {"bidirectional": True}),
    ("gru", {"num_layers": 2, "bidirectional": True, "reset": "after"}),
    ("lstm", {"initial_state": "learned"}),
    ("lstm", {"num_layers": 2, "bidirectional": True}),
    ("lstm", {"initial_state": "learned", "gate_recurrence": True, "peepholes": True, "freeze_gates": ("o",)}),
]
VARIANTS = [  # those of Greff et al. 2017 that no case above has
    {"peepholes": True, "freeze_gates": ("i",)},
    {"peepholes": True, "freeze_gates": ("f", "o")},
    {"peepholes": True, "candidate_activation": "identity"},
    {"peepholes": True, "output_activation": "identity"},
    {"candidate_activation": "identity", "output_activation": "identity", "coupled": True},
    {"coupled": True, "freeze_gates": ("f",)},
    {"gate_recurrence": True},
]


def case_id(case):
    name, settings = case
    return "-".join([name, *(str(value) if value is not True else key for key, value in settings.items())])


every_core = pytest.mark.parametrize("case", [*cells(), *ARRANGED], ids=case_id)
LAWS = [law for law in testing.MODEL_LAWS if law is not gradients_are_exact]  # whose cases are told one by one below


@every_core
@pytest.mark.parametrize("law", LAWS, ids=testing.title)
def test_law(case, law):
    name, settings = case
    law(name, **settings)


def check_gradient(case, T, B, ragged, tokens, record_property):
    name, settings = case
    error = gradient_error(name, settings, T, B, LENGTHS[ragged], tokens)
    record_property("model", name)
    record_property("gradient_error", error)
    assert error <= 1e-12


@pytest.mark.parametrize("case", list(cells()), ids=case_id)
@pytest.mark.parametrize("T, B", [(1, 1), (1, 3), (4, 1), (4, 4)])
@pytest.mark.parametrize("ragged", LENGTHS)
@pytest.mark.parametrize("tokens", [False, True], ids=["features", "tokens"])
def test_gradient(case, T, B, ragged, tokens, record_property):
    check_gradient(case, T, B, ragged, tokens, record_property)


@pytest.mark.parametrize("case", [*ARRANGED, *(("lstm", settings) for settings in VARIANTS)], ids=case_id)
@pytest.mark.parametrize("ragged, tokens", [("full", False), ("ragged", True), ("ragged", False)])
def test_gradient_of_cells_put_together(case, ragged, tokens, record_property):
    check_gradient(case, 4, 4, ragged, tokens, record_property)


@pytest.mark.parametrize("case", [(name, own) for name, own in ARRANGED if "initial_state" in own], ids=case_id)
@pytest.mark.parametrize("ragged", ["full", "ragged"])
def test_gradient_of_a_first_state_that_is_learned(case, ragged):
    name, settings = case
    assert gradient_error(name, settings, 4, 4, LENGTHS[ragged], tokens=False, given=False) <= 1e-12


def test_documented_parameters():
    """The names and shapes of the public contract."""
    rnn = models.create("rnn", input_size=X, hidden_size=H).init(np.random.default_rng(0))
    assert {n: v.shape for n, v in rnn.items()} == {"W_xh": (H, X), "W_hh": (H, H), "b_h": (H, 1)}
    stack = models.create("stacked_rnn", input_size=X, hidden_size=H, num_layers=3).init(np.random.default_rng(0))
    shapes = {"W_xh": (H, X), "W_hhd.2": (H, H), "W_hhd.3": (H, H)}
    shapes |= {f"W_hht.{l}": (H, H) for l in (1, 2, 3)} | {f"b_h.{l}": (H, 1) for l in (1, 2, 3)}
    assert {n: v.shape for n, v in stack.items()} == shapes
    lstm = models.create("lstm", input_size=X, hidden_size=H, forget_bias=2.5).init(np.random.default_rng(0))
    shapes = {f"W_{g}": (H, H + X) for g in "fiot"} | {f"b_{g}": (H, 1) for g in "fiot"}
    assert {n: v.shape for n, v in lstm.items()} == shapes
    assert (lstm["b_f"] == 2.5).all()
    W_hh = lstm["W_o"][:, :H]
    np.testing.assert_allclose(W_hh @ W_hh.T, np.eye(H), atol=1e-6)
    gru = models.create("gru", input_size=X, hidden_size=H).init(np.random.default_rng(0))
    shapes = {f"W_{g}": (H, H + X) for g in "zrh"} | {f"b_{g}": (H, 1) for g in "zrh"}
    assert {n: v.shape for n, v in gru.items()} == shapes
    after = models.create("gru", input_size=X, hidden_size=H, reset="after").init(np.random.default_rng(0))
    assert {n: v.shape for n, v in after.items()} == shapes | {"b_hh": (H, 1)}
