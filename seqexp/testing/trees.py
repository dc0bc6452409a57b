"""The laws of models that read trees, and the small random trees that they are tried on."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seqexp import models
from seqexp.data.text import Ragged
from seqexp.data.trees import Nodes, Trees
from seqexp.models.trees import TreeCore
from seqexp.numerics.forest import Forest
from seqexp.numerics.params import Params
from seqexp.system.registry import fields
from seqexp.testing.gradcheck import complex_step, worst_error
from seqexp.testing.gradients import EXACT, H, X, random
from seqexp.testing.laws import require
from seqexp.testing.models import its_yaml_has_every_setting

Node = tuple[int, "Node | None", "Node | None"]  # its own token, -1 for none; its children

SIZES = {"leaves alone": [1, 1, 1, 1], "one tree": [9], "several": [7, 1, 3, 12, 2]}  # leaves of each tree, about


def grown(rng: np.random.Generator, leaves: int, tokens: int = X) -> Node:
    """A random tree: some nodes have one child, some inner ones a token, and some leaves none."""
    if leaves == 1:
        return (int(rng.integers(-1, tokens)), None, None)
    if rng.random() < 0.2:
        return (int(rng.integers(0, tokens)), grown(rng, leaves - 1, tokens), None)
    left = int(rng.integers(1, leaves))
    token = int(rng.integers(tokens)) if rng.random() < 0.3 else -1
    return (token, grown(rng, left, tokens), grown(rng, leaves - left, tokens))


def planted(roots: Sequence[Node], every: bool = True) -> tuple[Forest, list[Node]]:
    """The trees as a forest that asks ``every`` node, or the roots, and the nodes that it asks."""
    listed: list[Node] = []
    rows: list[tuple[int, int, int, int]] = []  # token, left, right, height
    sizes = []
    for root in roots:
        before = len(rows)
        _list(root, listed, rows, before)
        sizes.append(len(rows) - before)
    token, left, right, height = np.array(rows).T
    zeros, labels = np.zeros(len(rows), np.int64), np.full(len(rows), 0 if every else -1)
    labels[np.cumsum(sizes) - 1] = 0
    nodes = Nodes(token, left, right, height, zeros, zeros, labels)
    trees = Trees(Ragged.of([np.zeros(1, np.int32)] * len(roots)), np.array(sizes), nodes)
    forest, at, _ = trees.forest(np.arange(len(roots)))
    return forest, [listed[place] for place in at]


def _list(node: Node, listed: list[Node], rows: list[tuple[int, int, int, int]], before: int) -> tuple[int, int]:
    """Append the nodes below and this one; its number in the tree, and its height."""
    token, *children = node
    found = [(-1, -1) if child is None else _list(child, listed, rows, before) for child in children]
    height = 1 + max(high for _, high in found)
    rows.append((token, found[0][0], found[1][0], height))
    listed.append(node)
    return len(rows) - 1 - before, height


def made(
    name: str, settings: dict[str, Any], rng: np.random.Generator, input_size: int = X, dtype: Any = np.float64
) -> tuple[TreeCore, Params]:
    """A small core with random weights: no zero bias, no special structure."""
    core: Any = models.create(name, input_size=input_size, hidden_size=H, **settings)
    p = core.init(rng, dtype)
    p.flat[:] = 0.6 * rng.standard_normal(p.flat.size)
    return core, p


def fed(rng: np.random.Generator, forest: Forest, dtype: Any = np.float64) -> np.ndarray:
    """Random features (X, M)."""
    x: np.ndarray = rng.standard_normal((X, len(forest.fed))).astype(dtype)
    return x


def gradients_are_exact(name: str, **settings: Any) -> None:
    """Of one tree and several, of leaves alone, features and tokens, all nodes asked and the roots."""
    for leaves in SIZES.values():
        for tokens in (False, True):
            for every in (True, False):
                error = gradient_error(name, settings, leaves, tokens, every)
                what = f"trees of {leaves} leaves, {'tokens' if tokens else 'features'}"
                require(error <= EXACT, f"{name}: backward is off by {error:.1e} of the largest derivative ({what})")


def gradient_error(name: str, settings: dict[str, Any], leaves: Sequence[int], tokens: bool, every: bool) -> float:
    """How far ``backward`` is from the complex step: a random derivative at every node asked, and a gradient that is
    not empty, to which it has to add."""
    rng = random(20, len(leaves), tokens)
    core, p = made(name, settings, rng)
    forest, asked = planted([grown(rng, count) for count in leaves], every)
    x = None if tokens else fed(rng, forest)
    dstate = rng.standard_normal((core.state_size, len(asked)))

    def weighted_states(v: np.ndarray) -> complex:
        flat, features = np.split(v, [p.flat.size])
        state, _ = core.forward(p.like(flat), None if x is None else features.reshape(x.shape), forest)
        return complex((dstate * state).sum())

    state, tape = core.forward(p, x, forest)
    require(state.shape == dstate.shape, f"{name}: state must be {dstate.shape}, got {state.shape}")
    grad = p.like(np.ones_like(p.flat))
    dx = core.backward(p, grad, dstate, tape)
    require((dx is None) == tokens, f"{name}: dx must be None of tokens, and of tokens alone")
    got = [grad.flat - 1] if dx is None else [grad.flat - 1, dx.ravel()]
    want = complex_step(weighted_states, np.concatenate([p.flat, *([] if x is None else [x.ravel()])]))
    return worst_error(np.concatenate(got), want)


def a_batch_of_trees_is_what_each_gives_alone(name: str, **settings: Any) -> None:
    """In any order, and their gradients add up."""
    rng = random(21)
    core, p = made(name, settings, rng)
    roots = [grown(rng, leaves) for leaves in (7, 1, 3, 12, 2)]
    dstate = rng.standard_normal((core.state_size, len(roots)))
    whole, alone = p.like(), p.like()
    forest, _ = planted(roots, every=False)
    order = [next(k for k, root in enumerate(roots) if root is one) for one in planted(roots, every=False)[1]]
    state, tape = core.forward(p, None, forest)
    core.backward(p, whole, dstate[:, order], tape)
    for column, k in enumerate(order):
        one, tape = core.forward(p, None, planted([roots[k]], every=False)[0])
        core.backward(p, alone, dstate[:, k : k + 1], tape)
        np.testing.assert_allclose(state[:, column : column + 1], one, atol=EXACT)
    np.testing.assert_allclose(whole.flat, alone.flat, atol=EXACT)


def the_order_of_trees_changes_nothing(name: str, **settings: Any) -> None:
    rng = random(22)
    core, p = made(name, settings, rng)
    roots = [grown(rng, leaves) for leaves in (5, 9, 2)]
    found = []
    for order in ([0, 1, 2], [2, 0, 1]):
        forest, asked = planted([roots[k] for k in order])
        state, _ = core.forward(p, None, forest)
        found.append({id(node): state[:, k].copy() for k, node in enumerate(asked)})
    for node, state in found[0].items():
        np.testing.assert_allclose(found[1][node], state, atol=EXACT)


def a_node_sees_what_is_below_it_alone(name: str, **settings: Any) -> None:
    rng = random(23)
    core, p = made(name, settings, rng)
    below, beside = grown(rng, 5), grown(rng, 4)
    forest, asked = planted([(-1, below, beside)])
    state, _ = core.forward(p, None, forest)
    alone, _ = core.forward(p, None, planted([below], every=False)[0])
    (place,) = (k for k, node in enumerate(asked) if node is below)
    np.testing.assert_allclose(state[:, place], alone[:, 0], atol=EXACT)
    (root,) = (k for k, node in enumerate(asked) if node[1] is below)
    other, _ = core.forward(p, None, planted([(-1, beside, below)], every=False)[0])
    require(not np.allclose(state[:, root], other[:, 0]), f"{name}: left and right must differ")


def tokens_are_one_hot_columns(name: str, **settings: Any) -> None:
    for vocabulary in (X, 200):  # above, products give way to gathering
        rng = random(24)
        core, p = made(name, settings, rng, input_size=vocabulary)
        forest, asked = planted([grown(rng, 9, vocabulary), grown(rng, 4, vocabulary)])
        dstate = rng.standard_normal((core.state_size, len(asked)))
        results = []
        for x in (None, np.eye(vocabulary)[:, forest.tokens[forest.fed]]):
            state, tape = core.forward(p, x, forest)
            grad = p.like()
            core.backward(p, grad, dstate, tape)
            results.append((state, grad.flat))
        for by_gather, by_product in zip(*results, strict=True):
            np.testing.assert_allclose(by_gather, by_product, atol=EXACT * np.abs(by_product).max())


def a_lent_tape_changes_nothing(name: str, **settings: Any) -> None:
    rng = random(25)
    core, p = made(name, settings, rng)
    _, tape = core.forward(p, None, planted([grown(rng, 20)])[0])
    for leaves in ([3], [12, 5], [1], [4, 4]):
        forest, asked = planted([grown(rng, count) for count in leaves])
        x, dstate = fed(rng, forest), rng.standard_normal((core.state_size, len(asked)))
        results = []
        for lent in (None, tape):
            state, used = core.forward(p, x, forest, lent)
            first, second = p.like(), p.like()
            dx = [np.array(core.backward(p, grad, dstate, used)) for grad in (first, second)]
            np.testing.assert_array_equal(first.flat, second.flat)
            np.testing.assert_array_equal(dx[0], dx[1])
            results.append([state, first.flat, dx[0]])
        for alone, with_lent in zip(*results, strict=True):
            np.testing.assert_array_equal(alone, with_lent)
        state, none = core.forward(p, x, forest, keep=False)
        require(none is None, f"{name}: keep=False must return no tape")
        np.testing.assert_array_equal(state, results[0][0])


def a_dx_that_nobody_needs_is_not_computed(name: str, **settings: Any) -> None:
    rng = random(26)
    core, p = made(name, settings, rng)
    forest, asked = planted([grown(rng, 6)])
    _, tape = core.forward(p, fed(rng, forest), forest)
    dstate, whole, without = rng.standard_normal((core.state_size, len(asked))), p.like(), p.like()
    core.backward(p, whole, dstate, tape)
    require(core.backward(p, without, dstate, tape, need_dx=False) is None, f"{name}: dx must be None")
    np.testing.assert_array_equal(without.flat, whole.flat)


def dtype_is_preserved(name: str, **settings: Any) -> None:
    for dtype in (np.float32, np.float64, np.complex128):
        rng = random(27)
        core, p = made(name, settings, rng, dtype=dtype)
        forest, _ = planted([grown(rng, 6)])
        state, tape = core.forward(p, fed(rng, forest, dtype), forest)
        dx = core.backward(p, p.like(), np.ones_like(state), tape)
        found = {array.dtype for array in (state, np.asarray(dx), core.init(rng, dtype).flat)}
        require(found == {np.dtype(dtype)}, f"{name}: expected arrays of {np.dtype(dtype)}, got {found}")


def names_cover_the_vector_once(name: str, **settings: Any) -> None:
    _, p = made(name, settings, random(11))
    p.flat[:] = 0
    for view in p.values():
        view += 1
    np.testing.assert_array_equal(p.flat, 1)


def a_vanishing_gradient_ends_in_zeros(name: str, **settings: Any) -> None:
    """Not among the subnormal numbers, with which a CPU computes up to a hundred times slower."""
    core, _ = made(name, settings, random(13))
    p = core.init(random(13), np.float32)
    p.flat[:] *= 0.5  # so that a height halves a derivative, or about so
    least = np.finfo(np.float32).tiny
    length = 400  # a node's dx is a derivative at each of so many heights
    forest = Forest.chains(np.zeros((length, 2), np.int32), np.full(2, length))
    state, tape = core.forward(p, np.zeros((X, 2 * length), np.float32), forest)
    with np.errstate(over="ignore"):  # a gate that is fixed at one can let it grow without end instead
        dx = np.abs(np.asarray(core.backward(p, p.like(), np.ones_like(state), tape)))
    require(not ((dx > 0) & (dx < least)).any(), f"{name}: a vanishing derivative is subnormal; flush it")


def gates_can_be_fixed_at_one(name: str, **settings: Any) -> None:
    """A model with gates has gate_names, freeze_gates and gates(tape); what it is asked to fix at one is one."""
    core, p = made(name, settings, random(14))
    has = [part for part in ("gate_names", "freeze_gates", "gates") if hasattr(core, part)]
    require(len(has) in (0, 3), f"{name}: gates need gate_names, freeze_gates and gates(tape); got {', '.join(has)}")
    if not has:
        return
    forest, _ = planted([grown(random(14), 9)])
    names: tuple[str, ...] = core.gate_names  # type: ignore[attr-defined]
    require("freeze_gates" in fields(models.lookup(name)), f"{name}: freeze_gates must be a setting")
    for frozen in ((), *((gate,) for gate in names)):
        one: Any = made(name, {**settings, "freeze_gates": frozen}, random(14))[0]
        values = one.gates(one.forward(p, None, forest)[1])
        require(tuple(values) == names, f"{name}: gates(tape) must have {names}, got {[*values]}")
        for gate, value in values.items():
            require(value.shape == (forest.size - forest.leaves, H), f"{name}: gate {gate} must have a row a node")
            require((value == 1).all() == (gate in frozen), f"{name}: gate {gate} is one just where it is fixed")


TREE_LAWS: tuple[Callable[..., None], ...] = (
    gradients_are_exact,
    a_batch_of_trees_is_what_each_gives_alone,
    the_order_of_trees_changes_nothing,
    a_node_sees_what_is_below_it_alone,
    tokens_are_one_hot_columns,
    a_lent_tape_changes_nothing,
    a_dx_that_nobody_needs_is_not_computed,
    dtype_is_preserved,
    names_cover_the_vector_once,
    a_vanishing_gradient_ends_in_zeros,
    gates_can_be_fixed_at_one,
    its_yaml_has_every_setting,
)
