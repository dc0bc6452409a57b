"""What a core is beside its equations: where its weights start, how its state lies, what it lends and refuses."""

import numpy as np
import pytest

from seqexp import models
from seqexp.models import Celled, Gated
from seqexp.system.errors import UserError
from seqexp.system.registry import Registry

X, H = 20, 30
CORES = [("rnn", {}), ("stacked_rnn", {"num_layers": 3}), ("lstm", {})]


def start(name, **settings):
    """Initial parameters by name, in float64."""
    core = models.create(name, input_size=X, hidden_size=H, **settings)
    return core.init(np.random.default_rng(0), np.float64)


def parts(name, **settings):
    """(recurrent matrices, matrices on the input or from layer to layer, biases) of the start."""
    p = start(name, **settings)
    if name == "lstm":
        weights = [p[f"W_{gate}"] for gate in "fiot"]
        return [W[:, :H] for W in weights], [W[:, H:] for W in weights], {key: p[key] for key in p if key[0] == "b"}
    through_time = [p[key] for key in p if key.startswith(("W_hh.", "W_hht")) or key == "W_hh"]
    upward = [p[key] for key in p if key == "W_xh" or key.startswith("W_hhd")]
    return through_time, upward, {key: p[key] for key in p if key.startswith("b_h")}


@pytest.mark.parametrize(("name", "settings"), CORES)
def test_recurrent_matrices_start_orthogonal_times_their_scale(name, settings):
    for scale in (1.0, 0.5):
        recurrent, _, _ = parts(name, **settings, recurrent_scale=scale)
        assert len(recurrent) == {"rnn": 1, "stacked_rnn": 3, "lstm": 4}[name]
        for n, W in enumerate(recurrent):
            np.testing.assert_allclose(W @ W.T, scale**2 * np.eye(H), atol=1e-12)
            assert all(not np.allclose(W, other) for other in recurrent[:n])


@pytest.mark.parametrize(("name", "settings"), CORES)
def test_or_as_the_identity_or_uniform(name, settings):
    for W in parts(name, **settings, recurrent_init="identity", recurrent_scale=0.9)[0]:
        np.testing.assert_array_equal(W, 0.9 * np.eye(H))
    for W in parts(name, **settings, recurrent_init="glorot")[0]:
        assert np.abs(W).max() <= np.sqrt(6 / (H + H))
        assert W.std() == pytest.approx(np.sqrt(6 / (H + H) / 3), rel=0.1)


@pytest.mark.parametrize(("name", "settings"), CORES)
def test_all_other_matrices_start_uniform_with_glorots_limit(name, settings):
    """+- sqrt(6 / (rows + columns)), Glorot and Bengio 2010, eq. 16."""
    _, others, _ = parts(name, **settings)
    assert len(others) == {"rnn": 1, "stacked_rnn": 3, "lstm": 4}[name]
    for n, W in enumerate(others):
        limit = np.sqrt(6 / sum(W.shape))
        assert 0.97 * limit < np.abs(W).max() <= limit
        assert W.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
        assert all(W.shape != other.shape or not np.allclose(W, other) for other in others[:n])


@pytest.mark.parametrize(("name", "settings"), CORES)
def test_biases_start_at_zero_but_the_forget_gates(name, settings):
    for key, bias in parts(name, **settings)[2].items():
        assert (bias == (1 if key == "b_f" else 0)).all()
    if name == "lstm":
        assert (start(name, forget_bias=-2.5)["b_f"] == -2.5).all()


@pytest.mark.parametrize(("name", "settings"), CORES)
def test_a_start_follows_from_the_generator_alone_and_is_float32(name, settings):
    core = models.create(name, input_size=X, hidden_size=H, **settings)
    one, same, other = (core.init(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one.flat.dtype == np.float32
    np.testing.assert_array_equal(one.flat, same.flat)
    assert not np.allclose(one.flat, other.flat)


@pytest.mark.parametrize(
    ("name", "settings", "rows", "output", "masks"),
    [("rnn", {}, H, slice(0, H), 0), ("stacked_rnn", {"num_layers": 1}, H, slice(0, H), 0),
     ("stacked_rnn", {}, 2 * H, slice(H, 2 * H), 1), ("stacked_rnn", {"num_layers": 4}, 4 * H, slice(3 * H, 4 * H), 3),
     ("lstm", {}, 2 * H, slice(0, H), 0)],
)  # fmt: skip
def test_the_state_has_the_documented_rows(name, settings, rows, output, masks):
    core = models.create(name, input_size=X, hidden_size=H, **settings)
    assert (core.state_size, core.output_rows, core.mask_count) == (rows, output, masks)
    h, state, _ = core.forward(core.init(np.random.default_rng(0)), np.ones((3, X, 2), np.float32))
    np.testing.assert_array_equal(state[core.output_rows], h[-1])


def test_only_the_lstm_has_cells_and_gates():
    lstm, rnn = (models.create(name, input_size=X, hidden_size=H) for name in ("lstm", "rnn"))
    assert isinstance(lstm, Celled)
    assert isinstance(lstm, Gated)
    assert not isinstance(rnn, Celled | Gated)
    assert lstm.cell_rows == slice(H, 2 * H)
    assert lstm.gate_names == ("f", "i", "o")


def test_dropout_between_layers_takes_one_mask_for_each_pair():
    core = models.create("stacked_rnn", input_size=X, hidden_size=H, num_layers=3)
    p, x = core.init(np.random.default_rng(0)), np.ones((3, X, 2), np.float32)
    with pytest.raises(ValueError, match=r"^stacked_rnn: masks must be 2 arrays, got 1$"):
        core.forward(p, x, masks=[np.ones(1, np.float32)])
    whole, all_ones = core.forward(p, x)[0], core.forward(p, x, masks=[np.ones(1, np.float32)] * 2)[0]
    np.testing.assert_array_equal(all_ones, whole)


def test_a_unit_of_relu_that_is_off_has_no_derivative():
    """At 0 exactly the derivative is taken as 0."""
    core = models.create("rnn", input_size=1, hidden_size=1, activation="relu")
    p = core.init(np.random.default_rng(0), np.float64)
    p["W_xh"][:], p["W_hh"][:] = 1, 0
    x = np.array([-1.0, 0.0, 2.0]).reshape(1, 1, 3)
    h, _, tape = core.forward(p, x)
    assert h.ravel().tolist() == [0, 0, 2]
    dx, _ = core.backward(p, p.like(), np.ones_like(h), None, tape)
    assert np.array(dx).ravel().tolist() == [0, 0, 1]


def test_a_model_that_is_not_there_is_told_with_those_that_are():
    assert {"rnn", "stacked_rnn", "lstm"} <= set(models.names())
    assert models.lookup("lstm") is type(models.create("lstm", input_size=X, hidden_size=H))
    with pytest.raises(UserError, match=f"expected one of {', '.join(models.names())}; got 'lsmt'"):
        models.create("lsmt", input_size=X, hidden_size=H)


def test_a_registered_class_is_a_model_by_its_name(monkeypatch):
    monkeypatch.setattr(models, "_registry", Registry("model"))

    @models.register("clockwork")
    class Clockwork:
        def __init__(self, *, input_size: int, hidden_size: int):
            self.sizes = (input_size, hidden_size)

    assert models.names() == ["clockwork"]
    assert models.lookup("clockwork") is Clockwork
    assert models.create("clockwork", input_size=1, hidden_size=2).sizes == (1, 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["rnn", "lstm"])
def test_what_does_not_fit_is_refused_in_the_models_name(name):
    core = models.create(name, input_size=X, hidden_size=H)
    p = core.init(np.random.default_rng(0))
    with pytest.raises(ValueError, match=rf"^{name}: x must be \(T, {X}, B\), got \(3, 2, {X}\)"):
        core.forward(p, np.ones((3, 2, X), np.float32))
    with pytest.raises(ValueError, match=rf"^{name}: tokens must lie in -1\.\.{X - 1}, got 0\.\.{X}"):
        core.forward(p, np.array([[0], [X]]))


@pytest.mark.parametrize(("name", "settings"), CORES)
def test_a_lent_tape_lends_its_memory(name, settings):
    core = models.create(name, input_size=X, hidden_size=H, **settings)
    p, x = core.init(np.random.default_rng(0)), np.ones((3, X, 2), np.float32)
    h, _, tape = core.forward(p, x)
    dx, _ = core.backward(p, p.like(), h, None, tape)
    for lent, shares in ((tape, True), (None, False)):
        h_again, _, tape = core.forward(p, x, tape=lent)
        dx_again, _ = core.backward(p, p.like(), h_again, None, tape)
        assert dx is not None
        assert dx_again is not None
        assert np.shares_memory(h_again, h) == shares
        assert np.shares_memory(dx_again, dx) == shares
