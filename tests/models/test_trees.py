"""Models that read trees: their laws, plain equations as an oracle, and the chain that a leaning tree is."""

import numpy as np
import pytest

from seqexp import models
from seqexp.numerics.forest import Forest
from seqexp.testing import title
from seqexp.testing.gradients import X
from seqexp.testing.trees import SIZES, TREE_LAWS, fed, gradient_error, gradients_are_exact, grown, made, planted

CASES = [
    *((name, {}) for name in models.names("trees")),
    *(("recursive", {"activation": activation}) for activation in ("relu", "sigmoid")),
    ("tree_lstm", {"freeze_gates": ("fl", "o")}),
]
every_case = pytest.mark.parametrize("name, settings", CASES)


@every_case
@pytest.mark.parametrize("law", [law for law in TREE_LAWS if law is not gradients_are_exact], ids=title)
def test_law(name, settings, law):
    law(name, **settings)


@every_case
@pytest.mark.parametrize("leaves", SIZES)
@pytest.mark.parametrize("tokens", [False, True], ids=["features", "tokens"])
@pytest.mark.parametrize("every", [True, False], ids=["all nodes", "roots"])
def test_gradient(name, settings, leaves, tokens, every, record_property):
    error = gradient_error(name, settings, SIZES[leaves], tokens, every)
    record_property("model", name)
    record_property("gradient_error", error)
    assert error <= 1e-12


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def recursive(p, x, h_l, h_r):
    return (np.tanh(p["W_x"] @ x + p["W_l"] @ h_l + p["W_r"] @ h_r + p["b_h"]),)


def tree_lstm(p, x, h_l, h_r, c_l, c_r):
    """Tai, Socher and Manning 2015, equations 9 to 14, one node."""
    h_lr = np.concatenate([h_l, h_r])
    f_l, f_r, i, o = (
        sigmoid(p[f"W_{w}"] @ x + p[f"U_{u}"] @ h_lr + p[f"b_{w}"])
        for w, u in (("f", "fl"), ("f", "fr"), ("i", "i"), ("o", "o"))
    )
    c = i * np.tanh(p["W_t"] @ x + p["U_t"] @ h_lr + p["b_t"]) + f_l * c_l + f_r * c_r
    return o * np.tanh(c), c


def by_recursion(cell, p, node, parts, H):
    """The state of a node, as many ``parts`` (H, 1) as the model has, from those of its children."""
    token, *children = node
    zero = (np.zeros((H, 1)),) * parts
    below = [zero if child is None else by_recursion(cell, p, child, parts, H) for child in children]
    x = np.zeros((X, 1)) if token < 0 else np.eye(X)[:, token : token + 1]
    return cell(p, x, *(part for pair in zip(*below, strict=True) for part in pair))


@pytest.mark.parametrize("name, cell, parts", [("recursive", recursive, 1), ("tree_lstm", tree_lstm, 2)])
def test_every_node_has_what_the_plain_equations_give(name, cell, parts):
    rng = np.random.default_rng(0)
    core, p = made(name, {}, rng)
    forest, asked = planted([grown(rng, leaves) for leaves in (9, 1, 4, 14)])
    state, _ = core.forward(p, None, forest)
    for column, node in enumerate(asked):
        want = np.concatenate(by_recursion(cell, p, node, parts, core.hidden_size))
        np.testing.assert_allclose(state[:, column : column + 1], want, atol=1e-12)


LENGTHS = np.array([7, 1, 4, 7])


def as_chain(name, p):
    """The chain with a tree model's weights: of the left child alone, as the chain's state before."""
    H, tree = 4, {"recursive": "rnn", "tree_lstm": "lstm"}[name]
    chain = models.create(tree, input_size=X, hidden_size=H)
    q = chain.init(np.random.default_rng(0), np.float64)
    if name == "recursive":
        q["W_xh"], q["W_hh"], q["b_h"] = p["W_x"], p["W_l"], p["b_h"]
        return chain, q
    for gate, of_children in (("f", "fl"), ("i", "i"), ("o", "o"), ("t", "t")):
        q[f"W_{gate}"] = np.hstack([p[f"U_{of_children}"][:, :H], p[f"W_{gate}"]])
        q[f"b_{gate}"] = p[f"b_{gate}"]
    return chain, q


@pytest.mark.parametrize("name", models.names("trees"))
@pytest.mark.parametrize("tokens", [False, True], ids=["features", "tokens"])
def test_a_tree_that_only_branches_to_the_left_is_the_chain(name, tokens):
    """States and derivatives, of columns of different lengths, to 1e-12."""
    rng = np.random.default_rng(1)
    core, p = made(name, {}, rng)
    chain, q = as_chain(name, p)
    read = rng.integers(0, X, (7, 4))
    forest = Forest.chains(read, LENGTHS)
    inside = np.arange(7)[:, None] < LENGTHS
    x = None if tokens else fed(rng, forest)
    along = read if x is None else np.zeros((7, X, 4))
    if x is not None:
        along.transpose(0, 2, 1)[inside] = x.T
    dstate = rng.standard_normal((core.state_size, 4))

    state, tape = core.forward(p, x, forest)
    _, want, chain_tape = chain.forward(q, along, lengths=LENGTHS)
    np.testing.assert_allclose(state, want, atol=1e-12)
    grad, chain_grad = p.like(), q.like()
    dx = core.backward(p, grad, dstate, tape)
    chain_dx, _ = chain.backward(q, chain_grad, None, dstate, chain_tape)
    _, carried = as_chain(name, grad)
    np.testing.assert_allclose(carried.flat, chain_grad.flat, atol=1e-12)
    if dx is not None:
        assert chain_dx is not None
        np.testing.assert_allclose(dx, chain_dx.transpose(0, 2, 1)[inside].T, atol=1e-12)


def test_documented_parameters():
    tree = models.create("recursive", input_size=3, hidden_size=4).init(np.random.default_rng(0))
    assert {n: v.shape for n, v in tree.items()} == {"W_x": (4, 3), "W_l": (4, 4), "W_r": (4, 4), "b_h": (4, 1)}
    lstm = models.create("tree_lstm", input_size=3, hidden_size=4, forget_bias=2.5).init(np.random.default_rng(0))
    shapes = {f"U_{gate}": (4, 8) for gate in ("fl", "fr", "i", "o", "t")}
    shapes |= {f"W_{gate}": (4, 3) for gate in "fiot"} | {f"b_{gate}": (4, 1) for gate in "fiot"}
    assert {n: v.shape for n, v in lstm.items()} == shapes
    assert (lstm["b_f"] == 2.5).all()


@pytest.mark.parametrize("name", models.names("trees"))
def test_input_that_does_not_fit_is_named(name):
    core, p = made(name, {}, np.random.default_rng(2))
    forest, _ = planted([grown(np.random.default_rng(3), 6)])
    with pytest.raises(ValueError, match=rf"{name}: x must be \(3, {len(forest.fed)}\), the nodes fed; got \(3, 1\)"):
        core.forward(p, np.zeros((X, 1)), forest)
    with pytest.raises(ValueError, match="dtype"):
        core.forward(p, fed(np.random.default_rng(4), forest, np.float32), forest)
    with pytest.raises(ValueError, match=r"tokens must lie in -1\.\.2, got 9"):
        core.forward(p, None, planted([(9, None, None)])[0])
