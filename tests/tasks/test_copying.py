"""The copying problem: where what is asked, and what guessing scores."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.tasks import passes


def batches(task, split, batch_size):
    return list(passes(task, split, batch_size))


@pytest.fixture
def make(task_settings):
    settings = task_settings("copy")
    return lambda **changes: tasks.create(**(settings | changes))


@pytest.mark.parametrize("delay", [0, 1, 20])
def test_the_symbols_are_asked_again_from_the_marker_on(make, delay):
    task = make(delay=delay)
    batch = task.batch(0, "train", 3, 5)
    blank, go = 8, 9
    assert batch.x.shape == batch.target.shape == batch.answered.shape == (20 + delay, 5)
    assert (batch.x[:10] < 8).all()
    assert (batch.x[10 : 10 + delay] == blank).all()
    assert (batch.x[10 + delay] == go).all()
    assert (batch.x[11 + delay :] == blank).all()
    assert np.array_equal(np.flatnonzero(batch.answered.all(axis=1)), np.arange(10 + delay, 20 + delay))
    assert batch.answered.sum() == 50
    assert np.array_equal(batch.answers().reshape(10, 5), batch.x[:10])


def test_splits_and_purity(make):
    task = make(examples=10, steps_per_epoch=7)
    assert [task.batches(split, 4) for split in ("train", "val", "test")] == [7, 3, 3]
    assert np.array_equal(task.batch(1, "train", 2, 4).x, make().batch(1, "train", 2, 4).x)
    assert not np.array_equal(task.batch(1, "train", 2, 4).x, task.batch(2, "train", 2, 4).x)
    whole = np.concatenate([batch.x for batch in batches(task, "test", 4)], axis=1)
    assert whole.shape[1] == 10
    assert np.array_equal(whole, task.batch(9, "test", 0, 10).x)
    assert not np.array_equal(whole, task.batch(0, "val", 0, 10).x)


def test_guessing_scores_an_eighth(make):
    task = make()
    assert task.baselines() == {"guess": 1 / 8}
    scorer = task.scorer()
    for batch in batches(task, "test", 64):
        scorer.add(batch, np.eye(8)[:, :1] * np.ones(int(batch.answered.sum())))  # always the first symbol
    assert scorer.metrics()["symbol_accuracy"] == pytest.approx(1 / 8, abs=0.01)
