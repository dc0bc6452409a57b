"""Passes: what is drawn when, every row once, and the order of an epoch."""

from dataclasses import dataclass

import numpy as np
import pytest

from seqexp.tasks._epochs import FixedPasses, Passes


@dataclass
class Rows:
    lengths: np.ndarray


def passes(size=10):
    """Passes whose draws are written down."""
    drawn = []

    def draw(split, seed, epoch):
        drawn.append((split, seed, epoch))
        return Rows(np.arange(size) + 1)

    return Passes("some task", draw, lambda split: size), drawn


def test_a_pass_is_drawn_once_by_its_seed_and_epoch_and_held_out_ones_by_no_seed():
    own, drawn = passes()
    for index in range(6):
        own.rows(7, "train", index, 4)
    assert drawn == [("train", 7, 0), ("train", 7, 1)]
    for seed in (7, 8):
        for index in range(3):
            own.rows(seed, "val", index, 4)
    own.rows(7, "test", 0, 4)
    assert drawn[2:] == [("val", 0, 0), ("test", 0, 0)]


def test_every_row_comes_once_a_pass_in_an_order_of_its_own():
    own, _ = passes()
    assert own.batches("train", 4) == 3
    orders = {}
    for seed, epoch in ((0, 0), (0, 1), (1, 0)):
        rows = [own.rows(seed, "train", 3 * epoch + n, 4)[1].tolist() for n in range(3)]
        assert sorted(row for batch in rows for row in batch) == list(range(10))
        orders[seed, epoch] = str(rows)
    assert len(set(orders.values())) == 3
    val = [own.rows(0, "val", n, 4)[1].tolist() for n in range(3)]
    assert val == [[3, 2, 1, 0], [6, 5, 4], [9, 8, 7]]


def test_a_held_out_split_has_one_pass():
    own, _ = passes()
    with pytest.raises(IndexError, match="some task: test has 3 batches, got index 3"):
        own.rows(0, "test", 3, 4)


def test_fixed_passes_are_over_the_splits_own_rows():
    lengths = np.arange(20)
    fixed = FixedPasses("some task", {"train": np.array([5, 17, 2]), "val": np.array([9])}, lengths)
    assert fixed.batches("train", 2) == 2
    assert sorted(fixed.rows(0, "train", 0, 9).tolist()) == [2, 5, 17]
    assert fixed.rows(0, "val", 0, 9).tolist() == [9]
