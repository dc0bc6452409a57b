"""backend=compiled keeps the laws of the models in NumPy, and computes what they do."""

from typing import Any

import numpy as np
import pytest

from seqexp import models, testing
from seqexp.kernels import library
from seqexp.models.compiled import passes
from seqexp.numerics import tape
from seqexp.numerics.rng import Purpose, stream
from seqexp.system import blas
from seqexp.testing.gradients import LENGTHS, gradient_error, gradients_are_exact

pytestmark = pytest.mark.skipif(library.missing() is not None, reason=f"no kernels: {library.missing()}")

CELLS: list[tuple[str, dict[str, Any]]] = [
    ("rnn", {}),
    ("rnn", {"activation": "relu"}),
    ("stacked_rnn", {"activation": "sigmoid", "num_layers": 3}),
    ("gru", {"reset": "before"}),
    ("gru", {"reset": "after", "freeze_gates": ("r",)}),
    ("lstm", {}),
    ("lstm", {"peepholes": True, "freeze_gates": ("f", "o")}),
    ("lstm", {"coupled": True, "peepholes": True, "gate_recurrence": True}),
    ("lstm", {"candidate_activation": "identity", "output_activation": "identity"}),
    ("gru", {"bidirectional": True}),
]
LAWS = [law for law in testing.MODEL_LAWS if law is not gradients_are_exact]
SIZES = [(1, 3, 1), (5, 33, 7), (9, 20, 16), (2, 350, 7)]  # T, H, B: rests of vectors, tiles and stretches, and none


def case_id(case):
    name, settings = case
    return "-".join([name, *(str(value) if value is not True else key for key, value in settings.items())])


every_cell = pytest.mark.parametrize("case", CELLS, ids=case_id)


@pytest.mark.parametrize("case", [CELLS[2], CELLS[3], CELLS[5], CELLS[7]], ids=case_id)
@pytest.mark.parametrize("law", LAWS, ids=testing.title)
def test_law(case, law):
    name, settings = case
    law(name, **settings, backend="compiled")


@every_cell
@pytest.mark.parametrize("tokens", [False, True], ids=["features", "tokens"])
def test_gradient(case, tokens):
    name, settings = case
    assert gradient_error(name, settings | {"backend": "compiled"}, 3, 4, LENGTHS["ragged"], tokens) <= 1e-12


def passed(core, dtype, T, B, lengths=None, columns=slice(None)):
    """h, state, dx, dstate0 and the gradient of random numbers, of some of B columns."""
    draw = stream(1, Purpose.DATA)
    p = core.init(stream(0, Purpose.INIT), dtype)
    x, state0 = draw.standard_normal((T, core.input_size, B)), draw.standard_normal((core.state_size, B))
    rows = models.output_size(core)
    dh, dstate = draw.standard_normal((T, rows, B)), draw.standard_normal((core.state_size, B))
    x, state0, dh, dstate = (np.ascontiguousarray(a[..., columns], dtype) for a in (x, state0, dh, dstate))
    h, state, left = core.forward(p, x, state0, lengths)
    h, grad = h.copy(), p.like()
    dx, dstate0 = core.backward(p, grad, dh, dstate, left)
    return h, state, dx, dstate0, grad.flat


@every_cell
@pytest.mark.parametrize("dtype, close", [(np.float32, 2e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("work", [passes.OWN_WORK, 0], ids=["", "own product"])
def test_computes_what_numpy_does(case, dtype, close, work, monkeypatch):
    name, settings = case
    monkeypatch.setattr(passes, "OWN_WORK", work)
    monkeypatch.setattr(passes, "OWN_BITS", 0)
    for T, H, B in SIZES:
        lengths = np.minimum(np.arange(B) % (T + 1), T)
        ours, theirs = (
            passed(models.create(name, input_size=5, hidden_size=H, backend=backend, **settings), dtype, T, B, lengths)
            for backend in ("compiled", "numpy")
        )
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.dtype == other.dtype
            np.testing.assert_allclose(mine, other, rtol=0, atol=close * max(1, np.abs(other).max(initial=0)))


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_a_column_has_the_same_bits_whatever_is_beside_it_and_whoever_computes_it(name, monkeypatch):
    monkeypatch.setattr(passes, "OWN_BITS", 0)
    monkeypatch.setattr(passes, "OWN_WORK", 0)
    monkeypatch.setattr(passes, "SPLIT_WORK", 1)  # else these few numbers stay in one thread
    core = models.create(name, input_size=5, hidden_size=40, backend="compiled")
    whole = passed(core, np.float32, 6, 13)
    with blas.limited(2, dealt=True):
        shared = passed(core, np.float32, 6, 13)
    for one, two in zip(whole, shared, strict=True):
        np.testing.assert_array_equal(one, two)
    alone = passed(core, np.float32, 6, 13, columns=slice(7, 9))
    for every, some in zip(whole[:4], alone[:4], strict=True):
        np.testing.assert_array_equal(every[..., 7:9], some)


@every_cell
@pytest.mark.parametrize("work", [passes.OWN_WORK, 0], ids=["", "own product"])
def test_what_memory_held_before_changes_nothing(case, work, monkeypatch):
    name, settings = case
    monkeypatch.setattr(passes, "OWN_WORK", work)
    monkeypatch.setattr(passes, "OWN_BITS", 0)
    core = models.create(name, input_size=5, hidden_size=5, backend="compiled", **settings)
    clean = passed(core, np.float32, 6, 3, np.array([6, 0, 4]))
    monkeypatch.setattr(tape, "aligned_empty", lambda shape, dtype: np.full(shape, np.nan, dtype))
    for one, two in zip(clean, passed(core, np.float32, 6, 3, np.array([6, 0, 4])), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_a_vanishing_gradient_ends_as_zero_and_not_among_the_smallest_numbers(name):
    core = models.create(name, input_size=3, hidden_size=20, backend="compiled", recurrent_scale=0.1)
    p = core.init(stream(0, Purpose.INIT), np.float32)
    x, dstate = np.zeros((120, 3, 2), np.float32), np.ones((core.state_size, 2), np.float32)
    if name == "lstm":
        p["b_f"][:] = -1.0
    if name == "gru":
        p["b_z"][:] = -1.0
    dx, _ = core.backward(p, p.like(), None, dstate, core.forward(p, x)[2])
    assert dx is not None
    assert not dx[:20].any()
    assert np.abs(dx[dx != 0]).min() > 1e-36


@pytest.mark.parametrize("name", ["rnn", "stacked_rnn", "gru", "lstm"])
@pytest.mark.parametrize("columns, size, far", [(8, 1 << 24, 1 << 22), (8, 9_000, 0)], ids=["columns", "bytes"])
def test_the_way_back_is_the_same_in_many_chunks(name, columns, size, far, monkeypatch):
    core = models.create(name, input_size=5, hidden_size=20, backend="compiled")
    whole = passed(core, np.float64, 9, 7)
    for constant, value in (("CHUNK_COLUMNS", columns), ("CHUNK_BYTES", size), ("FAR", far)):
        monkeypatch.setattr(passes, constant, value)
    for one, other in zip(passed(core, np.float64, 9, 7), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
