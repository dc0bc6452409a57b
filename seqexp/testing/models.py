"""The laws of models. Each takes a registered model's name and settings of its constructor."""

from collections.abc import Callable
from typing import Any

import numpy as np

from seqexp import config, models
from seqexp.config import schema
from seqexp.models import Gated, is_bidirectional, output_size
from seqexp.numerics.tape import FEW_TOKENS
from seqexp.system.errors import UserError
from seqexp.system.registry import fields
from seqexp.testing.gradients import (
    EXACT,
    H,
    X,
    a_dx_that_nobody_needs_is_not_computed,
    a_long_sequence_has_the_gradient_of_its_parts,
    a_vanishing_gradient_ends_in_zeros,
    absent_cotangents_are_zero,
    backward_leaves_the_tape_intact,
    gradients_are_exact,
    made,
    random,
)
from seqexp.testing.laws import require

Law = Callable[..., None]


def check_model(name: str, **settings: Any) -> None:
    """All laws, one after another."""
    for law in MODEL_LAWS:
        law(name, **settings)


def a_lent_tape_changes_nothing(name: str, **settings: Any) -> None:
    rng = random(2)
    core, p = made(name, settings, rng)
    _, _, tape = core.forward(p, rng.standard_normal((9, X, 5)))
    for shape in [(4, X, 2), (7, X, 6), (7, X, 6), (1, X, 1)]:
        x, dh = rng.standard_normal(shape), rng.standard_normal((shape[0], output_size(core), shape[2]))
        results = []
        for lent in (None, tape):
            h, state, used = core.forward(p, x, tape=lent)
            grad = p.like()
            dx, dstate0 = core.backward(p, grad, dh, None, used)
            results.append([h.copy(), state, grad.flat, np.array(dx), dstate0])
        for alone, with_lent in zip(*results, strict=True):
            np.testing.assert_array_equal(alone, with_lent)


def no_tape_gives_the_same_answer(name: str, **settings: Any) -> None:
    for tokens in (False, True):
        rng = random(3)
        core, p = made(name, settings, rng)
        x = rng.integers(0, X, (6, 3)) if tokens else rng.standard_normal((6, X, 3))
        h, state, _ = core.forward(p, x, lengths=np.array([6, 0, 4]))
        h_eval, state_eval, tape = core.forward(p, x, lengths=np.array([6, 0, 4]), keep=False)
        require(tape is None, f"{name}: keep=False must return no tape")
        np.testing.assert_array_equal(h, h_eval)
        np.testing.assert_array_equal(state, state_eval)


def tokens_are_one_hot_columns(name: str, **settings: Any) -> None:
    for vocabulary in (X, FEW_TOKENS + 50):
        rng = random(5)
        core, p = made(name, settings, rng, input_size=vocabulary)
        tokens = rng.integers(-1, vocabulary, (12, 20))
        one_hot = np.concatenate([np.eye(vocabulary), np.zeros((1, vocabulary))])[tokens].transpose(0, 2, 1)
        results = []
        for x in (tokens, one_hot):
            h, state, tape = core.forward(p, x)
            grad = p.like()
            core.backward(p, grad, np.cos(np.arange(h.size)).reshape(h.shape), state, tape)
            results.append((h.copy(), grad.flat))
        for by_gather, by_product in zip(*results, strict=True):
            np.testing.assert_allclose(by_gather, by_product, atol=EXACT * np.abs(by_product).max())


def no_step_sees_a_later_one(name: str, **settings: Any) -> None:
    """Of a bidirectional core each step sees all of them."""
    rng = random(5)
    core, p = made(name, settings, rng)
    x = rng.standard_normal((6, X, 2))
    moved = x.copy()
    moved[3:] += 1
    before, after = core.forward(p, x)[0].copy(), core.forward(p, moved)[0]
    if is_bidirectional(core):
        changed = (before != after).any(axis=(1, 2))
        require(
            changed.all(), f"{name}: steps {np.flatnonzero(~changed)} do not see what a bidirectional core has read"
        )
        return
    np.testing.assert_array_equal(before[:3], after[:3])
    require(not np.allclose(before[3:], after[3:]), f"{name}: the output must depend on the input")


def state_carries_across_a_split(name: str, **settings: Any) -> None:
    rng = random(6)
    core, p = made(name, settings, rng)
    if is_bidirectional(core):
        return
    x, s0 = rng.standard_normal((7, X, 3)), rng.standard_normal((core.state_size, 3))
    h, s, _ = core.forward(p, x, s0)
    h1, s1, _ = core.forward(p, x[:3], s0)
    h2, s2, _ = core.forward(p, x[3:], s1)
    np.testing.assert_allclose(np.concatenate([h1, h2]), h, atol=1e-14)
    np.testing.assert_allclose(s2, s, atol=1e-14)
    np.testing.assert_allclose(s[core.output_rows], h[-1], atol=1e-14)


def without_a_state_it_starts_from_zeros(name: str, **settings: Any) -> None:
    """Or from the state that it learns."""
    rng = random(9)
    core, p = made(name, settings, rng)
    if settings.get("initial_state") == "learned":
        return
    x = rng.standard_normal((4, X, 3))
    for lengths in (None, np.array([4, 2, 0])):
        h, s, _ = core.forward(p, x, lengths=lengths)
        h, s = h.copy(), s.copy()
        h_zeros, s_zeros, _ = core.forward(p, x, np.zeros((core.state_size, 3)), lengths)
        np.testing.assert_array_equal(h, h_zeros)
        np.testing.assert_array_equal(s, s_zeros)


def columns_are_examples(name: str, **settings: Any) -> None:
    rng = random(7)
    core, p = made(name, settings, rng)
    x, lengths = rng.standard_normal((5, X, 4)), np.array([5, 1, 3, 0])
    order = np.array([2, 0, 3, 1])
    h, s, _ = core.forward(p, x, lengths=lengths)
    h_permuted, s_permuted, _ = core.forward(p, x[:, :, order], lengths=lengths[order])
    np.testing.assert_allclose(h_permuted, h[:, :, order], atol=1e-14)
    np.testing.assert_allclose(s_permuted, s[:, order], atol=1e-14)


def a_ragged_batch_is_what_each_column_gives_alone(name: str, **settings: Any) -> None:
    rng = random(8)
    core, p = made(name, settings, rng)
    T, lengths = 6, np.array([6, 1, 0, 4])
    x, s0 = rng.standard_normal((T, X, 4)), rng.standard_normal((core.state_size, 4))
    dh, ds = rng.standard_normal((T, output_size(core), 4)), rng.standard_normal((core.state_size, 4))
    for t in range(T):
        x[t, :, t >= lengths] = np.nan  # padding may hold anything
        dh[t, :, t >= lengths] = np.nan
    h, s, tape = core.forward(p, x, s0, lengths)
    grad, alone = p.like(), p.like()
    given, ds0 = core.backward(p, grad, dh, ds, tape)
    dx = np.array(given)
    for b, n in enumerate(lengths):
        one = np.s_[:, b : b + 1]
        h_b, s_b, tape_b = core.forward(p, x[:n, :, b : b + 1], s0[one])
        dx_b, ds0_b = core.backward(p, alone, dh[:n, :, b : b + 1], ds[one], tape_b)
        np.testing.assert_allclose(h[:n, :, b : b + 1], h_b, atol=EXACT)
        np.testing.assert_allclose(s[one], s_b, atol=EXACT)
        np.testing.assert_allclose(dx[:n, :, b : b + 1], np.array(dx_b), atol=EXACT)
        np.testing.assert_allclose(ds0[one], ds0_b, atol=EXACT)
        require(not h[n:, :, b].any(), f"{name}: past a column's length h must be 0")
        require(not dx[n:, :, b].any(), f"{name}: past a column's length dx must be 0")
    np.testing.assert_allclose(grad.flat, alone.flat, atol=EXACT)


def dtype_is_preserved(name: str, **settings: Any) -> None:
    for dtype in (np.float32, np.float64, np.complex128):
        rng = random(9)
        core, p = made(name, settings, rng, dtype=dtype)
        h, s, tape = core.forward(p, rng.standard_normal((4, X, 2)).astype(dtype))
        dx, ds0 = core.backward(p, p.like(), np.ones_like(h), None, tape)
        found = {array.dtype for array in (h, s, np.asarray(dx), ds0, core.init(rng, dtype).flat)}
        require(found == {np.dtype(dtype)}, f"{name}: expected arrays of {np.dtype(dtype)}, got {found}")


def names_cover_the_vector_once(name: str, **settings: Any) -> None:
    _, p = made(name, settings, random(11))
    p.flat[:] = 0
    for view in p.values():
        view += 1
    np.testing.assert_array_equal(p.flat, 1)


def bad_input_is_named(name: str, **settings: Any) -> None:
    core, p = made(name, settings, random(12))
    for x, says in (
        (np.zeros((4, X + 1, 2)), "x must be"),
        (np.zeros((4, X, 2), np.float32), "dtype"),
        (np.zeros((4, X, 2), np.int64), "tokens must be"),
        (np.full((4, 2), X), "tokens must lie"),
    ):
        try:
            core.forward(p, x)
        except ValueError as error:
            require(says in str(error), f"{name}: expected a ValueError that says {says!r}, got {error}")
        else:
            raise AssertionError(f"{name}: expected a ValueError that says {says!r} (numerics.tape.check_input)")


def gates_are_one_protocol(name: str, **settings: Any) -> None:
    """A model with gates has all of ``models.Gated``; what it is asked to fix at one is one."""
    rng = random(14)
    core, p = made(name, settings, rng)
    cls = models.lookup(name)
    has = [part for part in ("gate_names", "freeze_gates", "gates") if hasattr(core, part)]
    require(len(has) in (0, 3), f"{name}: gates need gate_names, freeze_gates and gates(tape); got {', '.join(has)}")
    if not isinstance(core, Gated) or not core.gate_names:
        return
    cells = settings.get("num_layers", 1) * (1 + settings.get("bidirectional", False))
    x = rng.standard_normal((5, X, 2))
    for frozen in ((), *((gate,) for gate in core.gate_names)):
        one, _ = made(name, {**settings, "freeze_gates": frozen}, rng)
        require(one.layout.size == core.layout.size, f"{name}: a gate that is fixed keeps its parameters")
        _, _, tape = one.forward(p, x)
        values = one.gates(tape)  # type: ignore[attr-defined]
        require(tuple(values) == core.gate_names, f"{name}: gates(tape) must have {core.gate_names}, got {[*values]}")
        for gate, value in values.items():
            shape = (5, cells * H, 2)
            require(value.shape == shape, f"{name}: gate {gate} must be {shape}, got {value.shape}")
            require(((value >= 0) & (value <= 1)).all(), f"{name}: gate {gate} must lie in [0, 1]")
            require((value == 1).all() == (gate in frozen), f"{name}: gate {gate} is one just where it is fixed")
    legal = {"freeze_gates": fields(cls)["freeze_gates"]}
    try:
        schema.check_group("model", {"freeze_gates": ["nosuch"]}, legal)
    except UserError:
        return
    raise AssertionError(f"{name}: the type of freeze_gates must name the gates: tuple[Literal[…], ...]")


def its_yaml_has_every_setting(name: str, **settings: Any) -> None:
    """conf/model/NAME.yaml, the only home of a default, is accepted and leaves nothing out."""
    config.register_resolvers()
    composed = config.composed([f"model={name}", "tracking=off"])
    given = composed.model.keys()
    config.check(composed)
    missing = [key for key in {**schema.NETWORK, **models.own_fields(name)} if key not in given]
    require(not missing, f"conf/model/{name}.yaml: expected {', '.join(missing)} too")


MODEL_LAWS: tuple[Law, ...] = (
    gradients_are_exact,
    backward_leaves_the_tape_intact,
    a_lent_tape_changes_nothing,
    no_tape_gives_the_same_answer,
    tokens_are_one_hot_columns,
    no_step_sees_a_later_one,
    state_carries_across_a_split,
    without_a_state_it_starts_from_zeros,
    a_long_sequence_has_the_gradient_of_its_parts,
    columns_are_examples,
    a_ragged_batch_is_what_each_column_gives_alone,
    dtype_is_preserved,
    absent_cotangents_are_zero,
    a_dx_that_nobody_needs_is_not_computed,
    names_cover_the_vector_once,
    bad_input_is_named,
    a_vanishing_gradient_ends_in_zeros,
    gates_are_one_protocol,
    its_yaml_has_every_setting,
)
