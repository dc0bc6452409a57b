"""The adding problem: where the markers stand, what the answer is, and what always answering 1 scores."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data.batch import Batch


def make(length=6, **changes):
    settings = {"steps_per_epoch": 3, "examples": 50, "split_seed": 0} | changes
    return tasks.create("adding", length=length, **settings)


def markers(batch):
    """The steps of each column's two markers (2, B)."""
    steps, columns = np.nonzero(batch.x[:, 1].T)[::-1]
    assert np.array_equal(columns, np.repeat(np.arange(batch.size), 2))
    return steps.reshape(-1, 2).T


@pytest.mark.parametrize("length", [2, 3, 6, 7])
def test_one_marker_stands_anywhere_in_each_half(length):
    """Of an odd length the middle step belongs to the second half."""
    batch = make(length).batch(0, "train", 0, 2000)
    assert batch.x.shape == (length, 2, 2000)
    assert set(np.unique(batch.x[:, 1])) <= {0, 1}
    first, second = markers(batch)
    half = length // 2
    shares = np.bincount(first, minlength=length) / 2000, np.bincount(second, minlength=length) / 2000
    np.testing.assert_allclose(shares[0][:half], 1 / half, atol=0.05)
    np.testing.assert_allclose(shares[1][half:], 1 / (length - half), atol=0.05)
    assert not shares[0][half:].any()
    assert not shares[1][:half].any()


def test_the_answer_is_the_sum_of_the_marked_values():
    batch = make().batch(0, "train", 0, 200)
    assert (batch.lengths, batch.answered) == (None, None)
    assert batch.target.shape == (1, 200)
    for column, steps in enumerate(markers(batch).T):
        assert batch.target[0, column] == pytest.approx(batch.x[steps, 0, column].sum())


def test_values_are_uniform_between_zero_and_one():
    values = make(length=50).batch(0, "train", 0, 400).x[:, 0]
    assert values.min() >= 0
    assert values.max() < 1
    np.testing.assert_allclose(np.histogram(values, bins=10, range=(0, 1))[0] / values.size, 0.1, atol=0.01)
    assert abs(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]) < 0.03


def test_always_one_scores_a_sixth():
    """The variance of the sum of two uniform numbers; 1 is their mean, and no other constant is as good."""
    task = make(examples=60_000, length=4)
    batch = task.batch(0, "test", 0, 60_000)
    errors = {}
    for constant in (0.9, 1.0, 1.1):
        scorer = task.scorer()
        scorer.add(batch, np.full((1, 60_000), constant))
        errors[constant] = scorer.metrics()["mse"]
    assert errors[1.0] == pytest.approx(1 / 6, rel=0.02)
    assert min(errors, key=lambda constant: errors[constant]) == 1.0
    assert task.baselines() == {"always 1": 1 / 6}
    assert (task.primary_metric, task.direction, task.solved, task.fingerprint()) == ("mse", "min", 0.01, "generated")


def test_training_validation_and_test_are_different_examples():
    task = make(examples=64)
    train, other_seed, next_batch = (task.batch(s, "train", i, 64) for s, i in ((0, 0), (1, 0), (0, 1)))
    val, test = (task.batch(0, split, 0, 64) for split in ("val", "test"))
    drawn = [train, other_seed, next_batch, val, test]
    sums = [set(batch.target[0].tolist()) for batch in drawn]
    for number, one in enumerate(sums):
        assert len(one) == 64
        assert all(not one & other for other in sums[:number])


def test_the_held_out_sets_are_of_the_split_seed_alone():
    one, again, other = make(), make(steps_per_epoch=99), make(split_seed=1)
    for split in ("val", "test"):
        assert one.batches(split, 16) == 4
        whole = one.batch(0, split, 0, 50)
        parts = [again.batch(9, split, index, 16) for index in (3, 1, 0, 2)]
        assert [part.size for part in parts] == [2, 16, 16, 16]
        joined = Batch(
            np.concatenate([parts[n].x for n in (2, 1, 3, 0)], axis=-1),
            np.concatenate([parts[n].target for n in (2, 1, 3, 0)], axis=-1),
        )
        assert np.array_equal(joined.x, whole.x)
        assert np.array_equal(joined.target, whole.target)
        assert not np.isclose(other.batch(0, split, 0, 50).target, whole.target).any()
    assert np.array_equal(one.batch(2, "train", 1, 8).x, other.batch(2, "train", 1, 8).x)
    assert one.batches("train", 16) == 3
