"""Probes of networks that read trees: the gradient against the depth, and what the gates do."""

from typing import Any

import numpy as np
import pytest

from seqexp import mechanism, models
from seqexp.data.batch import TreeBatch
from seqexp.networks import Chain, TreeNetwork
from seqexp.numerics.forest import Forest
from seqexp.testing.trees import grown, planted
from seqexp.training import losses
from tests.models.test_trees import as_chain

SOFTMAX = losses.create("softmax")


def network(name):
    core: Any = models.create(name, input_size=3, hidden_size=4)
    net = TreeNetwork(core, 2)
    p = net.init(np.random.default_rng(0), np.float64)
    p.flat[:] += 0.3 * np.random.default_rng(1).normal(size=p.flat.shape)
    return net, p


@pytest.mark.parametrize("name", models.names("trees"))
def test_on_chains_depth_is_lag(name):
    """The same curves as a chain's, of h and of c at fixed h."""
    rng, (net, p) = np.random.default_rng(2), network(name)
    chain_core, q_core = as_chain(name, p.part("core"))
    chain = Chain(chain_core, 2, "last")
    q = chain.init(rng, np.float64)
    q.part("core").flat[:], q.part("readout").flat[:] = q_core.flat, p.part("readout").flat
    x, lengths = rng.integers(0, 3, (6, 4)), np.array([6, 6, 3, 2])
    batch = TreeBatch(x, rng.integers(0, 2, 4), lengths, forest=Forest.chains(x, lengths))
    down, back = mechanism.gradient_flow(net, p, batch, SOFTMAX), mechanism.gradient_flow(chain, q, batch, SOFTMAX)
    assert (down.along, back.along) == ("depth", "steps")
    assert down.lag.tolist() == back.lag.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(down.h, back.h, rtol=1e-9)
    assert (down.c is None) == (back.c is None)
    if down.c is not None and back.c is not None:
        np.testing.assert_allclose(down.c, back.c, rtol=1e-9)


def test_a_depth_has_the_mean_over_its_nodes_of_the_roots_alone():
    """Phrases are examples too, but not the probe's; a depth that less than half of the trees have is left out."""
    rng, (net, p) = np.random.default_rng(3), network("recursive")
    leaf = (1, None, None)
    roots = [(-1, leaf, (-1, leaf, (0, None, None))), (-1, leaf, leaf), (-1, (2, None, None), leaf)]
    forest, asked = planted(roots)
    beside = np.array([all(node is not root for root in roots) for node in asked])
    batch = TreeBatch(np.zeros((1, len(asked)), int), rng.integers(0, 2, len(asked)), forest=forest, beside=beside)
    flow = mechanism.gradient_flow(net, p, batch, SOFTMAX)
    assert flow.lag.tolist() == [0, 1]

    (columns,) = np.nonzero(~beside)
    by_tree = []
    for column in columns:
        one, _ = planted([asked[column]], every=False)
        y, state, tape = net.forward(p, TreeBatch(np.zeros((1, 1), int), np.zeros(1, int), forest=one))
        exp = np.exp(y - y.max())
        dy = exp / exp.sum() - np.eye(2)[:, [batch.target[column]]]
        W_l, W_r = p["core/W_l"], p["core/W_r"]
        dh = p["readout/W_hy"].T @ dy
        dz = dh * (1 - state**2)
        by_tree.append([np.linalg.norm(dh), np.mean([np.linalg.norm(W.T @ dz) for W in (W_l, W_r)])])
    np.testing.assert_allclose(flow.h, np.mean(by_tree, axis=0), rtol=1e-9)


def test_gates_are_those_of_the_nodes_with_children():
    rng, (net, p) = np.random.default_rng(4), network("tree_lstm")
    forest, asked = planted([grown(rng, 6), grown(rng, 3)], every=False)
    batch = TreeBatch(np.zeros((1, 2), int), np.zeros(2, int), forest=forest)
    p["core/b_o"][:] = 9.0  # open
    found = mechanism.measured(net, p, batch, SOFTMAX)
    assert list(found["gates"]) == ["fl", "fr", "i", "o"]
    assert found["gates"]["o"]["saturated_high"] == 1
    assert found["jacobian"] is None
    assert found["gradient"]["along"] == "depth"
    net, p = network("recursive")
    assert mechanism.measured(net, p, batch, SOFTMAX)["gates"] is None
