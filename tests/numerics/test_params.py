"""Params are a mapping from names to views of one vector."""

import numpy as np

from seqexp import models


def test_params_are_a_mapping():
    p = models.create("lstm", input_size=2, hidden_size=3).init(np.random.default_rng(0), np.float64)
    assert list(p) == p.names() == list(p.keys())
    assert len(p) == 8
    assert [view.shape for view in p.values()] == [(3, 5), (3, 1)] * 4
    assert all(np.shares_memory(view, p.flat) for view in p.values())
    assert dict(p.items()).keys() == p.keys()
    assert ("W_f" in p, "W" in p, "W_x" in p) == (True, False, False)  # a block is no parameter
    assert p.get("W_x") is None
    assert p == p
    assert p != p.like(p.flat)  # itself alone, however equal the numbers
    assert len({p, p}) == 1


def test_a_layout_knows_its_tallest_matrix():
    sizes = {"rnn": 5, "stacked_rnn": 5, "lstm": 20}
    assert {name: models.create(name, input_size=90, hidden_size=5).layout.tallest for name in sizes} == sizes
