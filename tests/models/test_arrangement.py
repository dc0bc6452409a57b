"""Layers, directions and a learned first state: names, rows, and what the parts say put together by hand."""

import numpy as np
import pytest

from seqexp import models
from seqexp.numerics.tape import reverse
from seqexp.system.errors import UserError

X, H, T, B = 3, 4, 5, 3
LENGTHS = np.array([5, 2, 0])


def made(name, **settings):
    rng = np.random.default_rng(0)
    core = models.create(name, input_size=X, hidden_size=H, **settings)
    p = core.init(rng, np.float64)
    p.flat[:] = 0.5 * rng.standard_normal(p.flat.size)
    return core, p, rng.standard_normal((T, X, B)), rng.standard_normal((core.state_size, B))


def shapes(core):
    return {name: view.shape for name, view in core.init(np.random.default_rng(0)).items()}


def test_one_layer_in_one_direction_is_the_plain_cell():
    for name in models.names():
        core = models.create(name, input_size=X, hidden_size=H)
        assert type(core) is models.lookup(name)
    assert type(made("lstm", num_layers=1, bidirectional=False, initial_state="zeros")[0]) is models.lookup("lstm")


def test_documented_names_and_rows():
    plain = shapes(models.create("lstm", input_size=X, hidden_size=H))
    deep, two = made("lstm", num_layers=2)[0], made("lstm", bidirectional=True)[0]
    above = shapes(models.create("lstm", input_size=H, hidden_size=H))
    assert shapes(deep) == {f"{n}.1": s for n, s in plain.items()} | {f"{n}.2": s for n, s in above.items()}
    assert shapes(two) == {f"{way}.{n}": s for way in ("forward", "backward") for n, s in plain.items()}
    assert (deep.state_size, two.state_size) == (4 * H, 4 * H)
    both = made("lstm", num_layers=2, bidirectional=True)[0]
    assert {"forward.W_f.1", "backward.b_t.2"} < set(shapes(both))
    assert shapes(both)["backward.W_f.2"] == (H, H + 2 * H)
    assert both.hidden_size == H
    assert models.output_size(both) == 2 * H
    learned = shapes(made("lstm", initial_state="learned")[0])
    assert learned == plain | {"h_0": (H, 1), "c_0": (H, 1)}
    assert {"forward.h_0.1", "backward.h_0.2"} < set(
        shapes(made("gru", num_layers=2, bidirectional=True, initial_state="learned")[0])
    )


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_layers_of_rnn_are_the_stacked_rnn(lengths):
    deep, p, x, state0 = made("rnn", num_layers=3)
    stack, q, _, _ = made("stacked_rnn", num_layers=3)
    for l in (1, 2, 3):
        q["W_xh" if l == 1 else f"W_hhd.{l}"] = p[f"W_xh.{l}"]
        q[f"W_hht.{l}"], q[f"b_h.{l}"] = p[f"W_hh.{l}"], p[f"b_h.{l}"]
    masks = [np.random.default_rng(1).random((T, H, B)) for _ in range(2)]
    h, state, tape = deep.forward(p, x, state0, lengths, masks=masks)
    want, want_state, stack_tape = stack.forward(q, x, state0, lengths, masks=masks)
    np.testing.assert_array_equal(h, want)
    np.testing.assert_array_equal(state, want_state)
    np.testing.assert_array_equal(state[deep.output_rows], state[2 * H :])
    dx, dstate0 = deep.backward(p, p.like(), np.cos(h), np.sin(state), tape)
    want_dx, want_dstate0 = stack.backward(q, q.like(), np.cos(h), np.sin(state), stack_tape)
    np.testing.assert_array_equal(dx, want_dx)
    np.testing.assert_array_equal(dstate0, want_dstate0)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_two_directions_by_hand(name, lengths):
    core, p, x, state0 = made(name, bidirectional=True)
    one = models.create(name, input_size=X, hidden_size=H)
    S = one.state_size
    h, state, _ = core.forward(p, x, state0, lengths)
    ahead, ahead_state, _ = one.forward(p.part("forward"), x, state0[:S], lengths)
    back, back_state, _ = one.forward(p.part("backward"), reverse(x, lengths), state0[S:], lengths)
    np.testing.assert_array_equal(h[:, :H], ahead)
    np.testing.assert_array_equal(state, np.concatenate([ahead_state, back_state]))
    for b, n in enumerate([T] * B if lengths is None else lengths):
        np.testing.assert_array_equal(h[:n, H:, b], back[:n, :, b][::-1])
        assert not h[n:, :, b].any()
    last = np.concatenate([ahead_state[one.output_rows], back_state[one.output_rows]])
    np.testing.assert_array_equal(state[core.output_rows], last)


def test_skip_connections_by_hand():
    core, p, x, _ = made("gru", num_layers=4, skip=True)
    h = [core.layers[0].forward(p.part("layer1"), x)[0]]
    read = h[0]
    for l in (2, 3, 4):
        h.append(core.layers[l - 1].forward(p.part(f"layer{l}"), read)[0])
        read = h[-1] + read
    np.testing.assert_array_equal(core.forward(p, x)[0], h[-1])
    np.testing.assert_allclose(read, sum(h), atol=1e-14)


def test_a_learned_state_is_where_a_column_starts():
    core, p, x, state0 = made("lstm", initial_state="learned")
    plain = models.create("lstm", input_size=X, hidden_size=H)
    start = np.tile(np.concatenate([p["h_0"], p["c_0"]]), B)
    np.testing.assert_array_equal(core.forward(p, x)[0], plain.forward(p.part("core"), x, start)[0])
    np.testing.assert_array_equal(core.forward(p, x, state0)[0], plain.forward(p.part("core"), x, state0)[0])
    h, state, tape = core.forward(p, x, lengths=LENGTHS)
    np.testing.assert_array_equal(state[:, 2:], start[:, 2:])  # no step at all
    grad = p.like()
    _, dstate0 = core.backward(p, grad, np.cos(h), None, tape)
    np.testing.assert_allclose(np.concatenate([grad["h_0"], grad["c_0"]]), dstate0.sum(axis=1, keepdims=True))
    _, _, tape = core.forward(p, x, state0)
    grad = p.like()
    core.backward(p, grad, np.cos(h), None, tape)
    assert not grad["h_0"].any()


@pytest.mark.parametrize("rows", [slice(0, H), slice(H, 2 * H)], ids=["forward", "backward"])
def test_dropout_between_layers_reaches_both_directions(rows):
    """A mask has the rows of both; one row is for all units, and a mask of ones for none."""
    core, p, x, _ = made("stacked_rnn", num_layers=2, bidirectional=True)  # two stacks, each with layers of its own
    mask = np.ones((T, 2 * H, B))
    plain = core.forward(p, x)[0].copy()
    np.testing.assert_array_equal(core.forward(p, x, masks=[mask])[0], plain)
    np.testing.assert_array_equal(core.forward(p, x, masks=[np.full((T, 1, B), 1.0)])[0], plain)
    mask[:, rows] = 0
    changed = (core.forward(p, x, masks=[mask])[0] != plain).any(axis=(0, 2))
    assert changed[rows].all()
    assert not np.delete(changed, np.arange(2 * H)[rows]).any()


def test_too_few_layers_to_skip_one():
    for settings in ({}, {"num_layers": 2}):
        with pytest.raises(UserError, match=r"^model.skip: expected false with fewer than 3 layers"):
            made("rnn", skip=True, **settings)
    assert "skip" not in models.arrangement_fields("stacked_rnn")  # which is a stack itself
    core, p, x, _ = made("gru", num_layers=2)
    with pytest.raises(ValueError, match="masks must be 1 arrays"):
        core.forward(p, x, masks=[])
