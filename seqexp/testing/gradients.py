"""The laws of a model's ``backward``, and the small random cores that laws are tried on."""

from itertools import product
from typing import Any

import numpy as np

from seqexp import models
from seqexp.models import Core, is_bidirectional, output_size
from seqexp.numerics.params import Params
from seqexp.numerics.rng import Purpose, stream
from seqexp.testing.gradcheck import complex_step, worst_error
from seqexp.testing.laws import require

X, H = 3, 4
LENGTHS = {"full": None, "ragged": [4, 2, 0, 3], "equal": [3, 3, 3, 3]}
EXACT = 1e-12  # of float64: what two orders of the same sums may differ in


def made(
    name: str, settings: dict[str, Any], rng: np.random.Generator, input_size: int = X, dtype: Any = np.float64
) -> tuple[Core, Params]:
    """A small core with random weights: no zero bias, no special structure."""
    core = models.create(name, input_size=input_size, hidden_size=H, **settings)
    p = core.init(rng, dtype)
    p.flat[:] = 0.6 * rng.standard_normal(p.flat.size)
    return core, p


def random(*index: int) -> np.random.Generator:
    """A generator of its own for each index."""
    return stream(0, Purpose.SAMPLE, *index)


def gradients_are_exact(name: str, **settings: Any) -> None:
    """Of one step and several, one column and several, whole and ragged, features and tokens."""
    for (T, B), ragged, tokens in product([(1, 1), (1, 3), (4, 1), (4, 4)], LENGTHS, (False, True)):
        error = gradient_error(name, settings, T, B, LENGTHS[ragged], tokens)
        what = f"{T} steps of {B} columns, lengths {ragged}, {'tokens' if tokens else 'features'}"
        require(error <= EXACT, f"{name}: backward is off by {error:.1e} of the largest derivative ({what})")


def gradient_error(
    name: str, settings: dict[str, Any], T: int, B: int, lengths: list[int] | None, tokens: bool, given: bool = True
) -> float:
    """How far ``backward`` is from the complex step, everything at once: random state, random cotangents on outputs and
    state, random masks, and a gradient that is not empty, to which it has to add. ``given``: the first state is; else
    it is the core's own."""
    rng = random(T, B)
    core, p = made(name, settings, rng)
    S, R = core.state_size, output_size(core)
    x = rng.integers(-1, X, (T, B)) if tokens else rng.standard_normal((T, X, B))
    state0 = rng.standard_normal((S, B))
    dh, dstate = rng.standard_normal((T, R, B)), rng.standard_normal((S, B))
    masks = [rng.random((T, R, B)) * 2 for _ in range(core.mask_count)]
    ends = None if lengths is None else np.minimum(lengths[:B], T)

    def weighted_outputs(v: np.ndarray) -> complex:
        flat, rest = np.split(v, [p.flat.size])
        s, features = np.split(rest, [S * B])
        at_x = x if tokens else features.reshape(x.shape)
        h, state, _ = core.forward(p.like(flat), at_x, s.reshape(S, B) if given else None, ends, masks=masks)
        return complex((dh * h).sum() + (dstate * state).sum())

    h, state, tape = core.forward(p, x, state0 if given else None, ends, masks=masks)
    require(h.shape == (T, R, B), f"{name}: h must be {(T, R, B)}, got {h.shape}")
    require(state.shape == (S, B), f"{name}: state must be {(S, B)}, got {state.shape}")
    grad = p.like(np.ones_like(p.flat))
    dx, dstate0 = core.backward(p, grad, dh, dstate, tape)
    require(dstate0.shape == (S, B), f"{name}: dstate0 must be {(S, B)}, got {dstate0.shape}")
    require((dx is None) == tokens, f"{name}: dx must be None of tokens, and of tokens alone")
    require(dx is None or dx.shape == x.shape, f"{name}: dx must be {x.shape}")
    inputs = [] if tokens else [x.ravel()]
    derived = [] if dx is None else [dx.ravel()]
    want = complex_step(weighted_outputs, np.concatenate([p.flat, state0.ravel(), *inputs]))
    got = np.concatenate([grad.flat - 1, dstate0.ravel() if given else np.zeros(S * B), *derived])
    return worst_error(got, want)


def a_long_sequence_has_the_gradient_of_its_parts(name: str, **settings: Any) -> None:
    """1,000 steps, whatever chunks they fall into; two halves with the state's derivative handed back are the same."""
    rng = random(0)
    core, p = made(name, settings, rng)
    if is_bidirectional(core):
        return  # what it says of the first half depends on the second
    p.flat[:] *= 0.4
    x, state0 = rng.standard_normal((1000, X, 8)), rng.standard_normal((core.state_size, 8))
    dh, whole, parts = rng.standard_normal((1000, H, 8)), p.like(), p.like()
    _, _, tape = core.forward(p, x, state0)
    dx, dstate0 = core.backward(p, whole, dh, None, tape)
    _, middle, first = core.forward(p, x[:317], state0)
    _, _, second = core.forward(p, x[317:], middle)
    dx2, dmiddle = core.backward(p, parts, dh[317:], None, second)
    dx1, dstart = core.backward(p, parts, dh[:317], dmiddle, first)
    np.testing.assert_allclose(parts.flat, whole.flat, atol=1e-9)
    np.testing.assert_allclose(np.concatenate([np.array(dx1), np.array(dx2)]), np.array(dx), atol=EXACT)
    np.testing.assert_allclose(dstart, dstate0, atol=EXACT)


def absent_cotangents_are_zero(name: str, **settings: Any) -> None:
    rng = random(10)
    core, p = made(name, settings, rng)
    h, s, tape = core.forward(p, rng.standard_normal((4, X, 2)))
    for dh, ds in [(None, rng.standard_normal(s.shape)), (rng.standard_normal(h.shape), None), (None, None)]:
        left_out, written_out = p.like(), p.like()
        core.backward(p, left_out, dh, ds, tape)
        zeros_h, zeros_s = np.zeros(h.shape), np.zeros(s.shape)
        core.backward(p, written_out, zeros_h if dh is None else dh, zeros_s if ds is None else ds, tape)
        np.testing.assert_array_equal(left_out.flat, written_out.flat)


def a_dx_that_nobody_needs_is_not_computed(name: str, **settings: Any) -> None:
    """``need_dx=False``: dx is None, and all other derivatives are the same."""
    rng = random(15)
    core, p = made(name, settings, rng)
    _, state, tape = core.forward(p, rng.standard_normal((4, X, 2)))
    dh, dstate = rng.standard_normal((4, output_size(core), 2)), rng.standard_normal(state.shape)
    whole, without = p.like(), p.like()
    _, dstate0 = core.backward(p, whole, dh, dstate, tape)
    dx, dstate0_without = core.backward(p, without, dh, dstate, tape, need_dx=False)
    require(dx is None, f"{name}: dx must be None where it is not needed")
    np.testing.assert_array_equal(without.flat, whole.flat)
    np.testing.assert_array_equal(dstate0_without, dstate0)


def a_vanishing_gradient_ends_in_zeros(name: str, **settings: Any) -> None:
    """Not among the subnormal numbers, with which a CPU computes up to a hundred times slower."""
    core, _ = made(name, settings, random(13))
    p = core.init(random(13), np.float32)
    p.flat[:] *= 0.5  # so that a step halves a derivative, or about so
    least = np.finfo(np.float32).tiny
    lengths = np.arange(20, 400, 3)  # one of them ends where the derivative would be subnormal
    _, state, tape = core.forward(p, np.zeros((lengths[-1], X, len(lengths)), np.float32), lengths=lengths)
    _, dstate0 = core.backward(p, p.like(), None, np.ones_like(state), tape)
    size = np.abs(dstate0).reshape(-1, len(lengths)).T
    told = lengths[((size > 0) & (size < least)).any(axis=1)]
    what = f"after {told.min(initial=400)} steps a vanishing derivative is subnormal"
    require(not told.size, f"{name}: {what}; flush it (numerics.functions.flush)")


def backward_leaves_the_tape_intact(name: str, **settings: Any) -> None:
    rng = random(1)
    core, p = made(name, settings, rng)
    x, dh = rng.standard_normal((6, X, 3)), rng.standard_normal((6, output_size(core), 3))
    _, _, tape = core.forward(p, x, lengths=np.array([6, 2, 4]))
    first, second = p.like(), p.like()
    dx_first, _ = core.backward(p, first, dh, None, tape)
    dx_second, _ = core.backward(p, second, dh, None, tape)
    np.testing.assert_array_equal(first.flat, second.flat)
    np.testing.assert_array_equal(dx_first, dx_second)
    require(not np.shares_memory(dx_first, dx_second), f"{name}: a second dx must have memory of its own")
