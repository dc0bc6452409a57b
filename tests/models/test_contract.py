"""Every registered model keeps the same laws; a new one is tested by existing."""

import numpy as np
import pytest

from seqexp import models
from seqexp.numerics.gradcheck import complex_step, worst_error
from seqexp.numerics.params import Params
from seqexp.numerics.tape import FEW_TOKENS

X, H = 3, 4
LENGTHS = {"full": None, "ragged": [4, 2, 0, 3], "equal": [3, 3, 3, 3]}


def cores():
    """Every model, and every variant of it that has its own derivative."""
    for name in models.names():
        yield name, {}
    for activation in ("relu", "sigmoid"):
        yield "rnn", {"activation": activation}
        yield "stacked_rnn", {"activation": activation, "num_layers": 3}
    yield "lstm", {"freeze_gates": ("f", "o")}


def case_id(case):
    name, settings = case
    return "-".join([name, *map(str, settings.values())])


every_core = pytest.mark.parametrize("case", list(cores()), ids=case_id)


def make(case, rng, input_size=X, hidden_size=H, dtype=np.float64):
    name, settings = case
    core = models.create(name, input_size=input_size, hidden_size=hidden_size, **settings)
    p = core.init(rng, dtype)
    p.flat[:] = 0.6 * rng.standard_normal(p.flat.size)  # no zero bias, no special structure
    return core, p


def random_masks(core, T, B, rng):
    return [rng.random((T, core.hidden_size, B)) * 2 for _ in range(core.mask_count)]


@every_core
@pytest.mark.parametrize("T, B", [(1, 1), (1, 3), (4, 1), (4, 4)])
@pytest.mark.parametrize("ragged", LENGTHS)
@pytest.mark.parametrize("tokens", [False, True], ids=["features", "tokens"])
def test_gradient(case, T, B, ragged, tokens, record_property):
    """Complex step, everything at once: random state, random cotangents on outputs and state, pre-filled gradient."""
    rng = np.random.default_rng([T, B])
    core, p = make(case, rng)
    S = core.state_size
    x = rng.integers(-1, X, (T, B)) if tokens else rng.standard_normal((T, X, B))
    state0 = rng.standard_normal((S, B))
    dh, dstate = rng.standard_normal((T, H, B)), rng.standard_normal((S, B))
    masks = random_masks(core, T, B, rng)
    lengths = LENGTHS[ragged]
    lengths = None if lengths is None else np.minimum(lengths[:B], T)

    def weighted_outputs(v):
        flat, rest = np.split(v, [p.flat.size])
        s, features = np.split(rest, [S * B])
        at_x = x if tokens else features.reshape(x.shape)
        h, state, _ = core.forward(p.like(flat), at_x, s.reshape(S, B), lengths, masks=masks)
        return (dh * h).sum() + (dstate * state).sum()

    h, state, tape = core.forward(p, x, state0, lengths, masks=masks)
    assert h.shape == (T, H, B)
    assert state.shape == (S, B)
    grad = p.like(np.ones_like(p.flat))
    dx, dstate0 = core.backward(p, grad, dh, dstate, tape)
    assert dstate0.shape == (S, B)
    assert (dx is None) if tokens else (dx.shape == x.shape)
    got = np.concatenate([grad.flat - 1, dstate0.ravel(), [] if tokens else dx.ravel()])
    want = complex_step(weighted_outputs, np.concatenate([p.flat, state0.ravel(), [] if tokens else x.ravel()]))
    error = worst_error(got, want)
    record_property("model", case[0])
    record_property("gradient_error", error)
    assert error <= 1e-12


@every_core
def test_backward_leaves_the_tape_intact(case):
    rng = np.random.default_rng(1)
    core, p = make(case, rng)
    x, dh = rng.standard_normal((6, X, 3)), rng.standard_normal((6, H, 3))
    _, _, tape = core.forward(p, x, lengths=np.array([6, 2, 4]))
    first, second = p.like(), p.like()
    dx_first, _ = core.backward(p, first, dh, None, tape)
    dx_second, _ = core.backward(p, second, dh, None, tape)
    assert np.array_equal(first.flat, second.flat)
    assert np.array_equal(dx_first, dx_second)
    assert not np.shares_memory(dx_first, dx_second)


@every_core
def test_a_lent_tape_changes_nothing(case):
    rng = np.random.default_rng(2)
    core, p = make(case, rng)
    _, _, tape = core.forward(p, rng.standard_normal((9, X, 5)))
    for shape in [(4, X, 2), (7, X, 6), (7, X, 6), (1, X, 1)]:
        x, dh = rng.standard_normal(shape), rng.standard_normal((shape[0], H, shape[2]))
        results = []
        for lent in (None, tape):
            h, state, used = core.forward(p, x, tape=lent)
            grad = p.like()
            dx, dstate0 = core.backward(p, grad, dh, None, used)
            results.append([h.copy(), state, grad.flat, dx.copy(), dstate0])
        for alone, with_lent in zip(*results, strict=True):
            assert np.array_equal(alone, with_lent)


@every_core
@pytest.mark.parametrize("tokens", [False, True], ids=["features", "tokens"])
def test_no_tape_gives_the_same_answer(case, tokens):
    rng = np.random.default_rng(3)
    core, p = make(case, rng)
    x = rng.integers(0, X, (6, 3)) if tokens else rng.standard_normal((6, X, 3))
    h, state, _ = core.forward(p, x, lengths=np.array([6, 0, 4]))
    h_eval, state_eval, tape = core.forward(p, x, lengths=np.array([6, 0, 4]), keep=False)
    assert tape is None
    assert np.array_equal(h, h_eval)
    assert np.array_equal(state, state_eval)


@every_core
@pytest.mark.parametrize("vocabulary", [X, FEW_TOKENS + 50], ids=["few", "many"])
def test_tokens_are_one_hot_columns(case, vocabulary):
    rng = np.random.default_rng(5)
    core, p = make(case, rng, input_size=vocabulary)
    tokens = rng.integers(-1, vocabulary, (12, 20))
    one_hot = np.concatenate([np.eye(vocabulary), np.zeros((1, vocabulary))])[tokens].transpose(0, 2, 1)
    results = []
    for x in (tokens, one_hot):
        h, state, tape = core.forward(p, x)
        grad = p.like()
        core.backward(p, grad, np.cos(np.arange(h.size)).reshape(h.shape), state, tape)
        results.append((h.copy(), grad.flat))
    for by_gather, by_product in zip(*results, strict=True):
        np.testing.assert_allclose(by_gather, by_product, atol=1e-12 * np.abs(by_product).max())


@every_core
def test_causality(case):
    rng = np.random.default_rng(5)
    core, p = make(case, rng)
    x = rng.standard_normal((6, X, 2))
    moved = x.copy()
    moved[3] += 1
    before, after = core.forward(p, x)[0], core.forward(p, moved)[0]
    assert np.array_equal(before[:3], after[:3])
    assert not np.allclose(before[3:], after[3:])


@every_core
def test_state_carries_across_a_split(case):
    rng = np.random.default_rng(6)
    core, p = make(case, rng)
    x, s0 = rng.standard_normal((7, X, 3)), rng.standard_normal((core.state_size, 3))
    h, s, _ = core.forward(p, x, s0)
    h1, s1, _ = core.forward(p, x[:3], s0)
    h2, s2, _ = core.forward(p, x[3:], s1)
    np.testing.assert_allclose(np.concatenate([h1, h2]), h, atol=1e-14)
    np.testing.assert_allclose(s2, s, atol=1e-14)


@every_core
def test_columns_are_examples(case):
    rng = np.random.default_rng(7)
    core, p = make(case, rng)
    x, lengths = rng.standard_normal((5, X, 4)), np.array([5, 1, 3, 0])
    order = np.array([2, 0, 3, 1])
    h, s, _ = core.forward(p, x, lengths=lengths)
    h_permuted, s_permuted, _ = core.forward(p, x[:, :, order], lengths=lengths[order])
    np.testing.assert_allclose(h_permuted, h[:, :, order], atol=1e-14)
    np.testing.assert_allclose(s_permuted, s[:, order], atol=1e-14)


@every_core
def test_a_ragged_batch_is_what_each_column_gives_alone(case):
    rng = np.random.default_rng(8)
    core, p = make(case, rng)
    T, lengths = 6, np.array([6, 1, 0, 4])
    x, s0 = rng.standard_normal((T, X, 4)), rng.standard_normal((core.state_size, 4))
    dh, ds = rng.standard_normal((T, H, 4)), rng.standard_normal((core.state_size, 4))
    for t in range(T):
        x[t, :, t >= lengths] = np.nan  # padding may hold anything
        dh[t, :, t >= lengths] = np.nan
    h, s, tape = core.forward(p, x, s0, lengths)
    grad = p.like()
    dx, ds0 = core.backward(p, grad, dh, ds, tape)
    alone = p.like()
    for b, n in enumerate(lengths):
        one = np.s_[:, b : b + 1]
        h_b, s_b, tape_b = core.forward(p, x[:n, :, b : b + 1], s0[one])
        dx_b, ds0_b = core.backward(p, alone, dh[:n, :, b : b + 1], ds[one], tape_b)
        np.testing.assert_allclose(h[:n, :, b : b + 1], h_b, atol=1e-12)
        np.testing.assert_allclose(s[one], s_b, atol=1e-12)
        np.testing.assert_allclose(dx[:n, :, b : b + 1], dx_b, atol=1e-12)
        np.testing.assert_allclose(ds0[one], ds0_b, atol=1e-12)
        assert not h[n:, :, b].any()
        assert not dx[n:, :, b].any()
    np.testing.assert_allclose(grad.flat, alone.flat, atol=1e-12)


@every_core
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_is_preserved(case, dtype):
    rng = np.random.default_rng(9)
    core, p = make(case, rng, dtype=dtype)
    x = rng.standard_normal((4, X, 2)).astype(dtype)
    h, s, tape = core.forward(p, x)
    dx, ds0 = core.backward(p, p.like(), np.ones_like(h), None, tape)
    assert {h.dtype, s.dtype, dx.dtype, ds0.dtype, core.init(rng, dtype).flat.dtype} == {np.dtype(dtype)}


@every_core
def test_absent_cotangents_are_zero(case):
    rng = np.random.default_rng(10)
    core, p = make(case, rng)
    h, s, tape = core.forward(p, rng.standard_normal((4, X, 2)))
    for dh, ds in [(None, rng.standard_normal(s.shape)), (rng.standard_normal(h.shape), None), (None, None)]:
        left_out, written_out = p.like(), p.like()
        core.backward(p, left_out, dh, ds, tape)
        zeros_h, zeros_s = np.zeros(h.shape), np.zeros(s.shape)
        core.backward(p, written_out, zeros_h if dh is None else dh, zeros_s if ds is None else ds, tape)
        assert np.array_equal(left_out.flat, written_out.flat)


@every_core
def test_names_cover_the_vector_once(case):
    core, p = make(case, np.random.default_rng(11))
    p.flat[:] = 0
    for _, view in p.items():
        view += 1
    assert np.array_equal(p.flat, np.ones_like(p.flat))
    assert isinstance(p, Params)


@every_core
@pytest.mark.parametrize(
    "x, expected",
    [
        (np.zeros((4, X + 1, 2)), "x must be"),
        (np.zeros((4, X, 2), np.float32), "dtype"),
        (np.zeros((4, X, 2), np.int64), "tokens must be"),
        (np.full((4, 2), X), "tokens must lie"),
    ],
)
def test_bad_input_is_named(case, x, expected):
    core, p = make(case, np.random.default_rng(12))
    with pytest.raises(ValueError, match=expected):
        core.forward(p, x)


@pytest.mark.parametrize("name", models.names())
def test_a_vanishing_gradient_ends_in_zeros(name):
    """Not among the subnormal numbers, with which a CPU computes up to a hundred times slower."""
    decay, T = 0.8, 420  # 0.8^420 is 2e-41, and float32's normal numbers end at 1e-38
    scale = 0.0 if name == "lstm" else decay
    core = models.create(name, input_size=X, hidden_size=H, recurrent_init="identity", recurrent_scale=scale)
    p = core.init(np.random.default_rng(13), np.float32)
    if name == "lstm":
        p["b_f"][:] = np.log(decay / (1 - decay))
    _, state, tape = core.forward(p, np.zeros((T, X, 2), np.float32))
    _, dstate0 = core.backward(p, p.like(), None, np.ones_like(state), tape)
    assert not dstate0.any()


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
