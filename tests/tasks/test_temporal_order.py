"""The temporal order problem: where signals stand, what the class says, and that no sequence is in two splits."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.tasks.temporal_order import FIRST_SIGNAL, SYMBOLS


def make(length=100, signals=2, **changes):
    settings = {"steps_per_epoch": 3, "examples": 500, "split_seed": 0} | changes
    return tasks.create("temporal_order", length=length, signals=signals, **settings)


def sequences(batch):
    return ["".join(SYMBOLS[s] for s in batch.x[:n, b]) for b, n in enumerate(batch.lengths)]


@pytest.mark.parametrize("signals, places", [(2, [(10, 20), (50, 60)]), (3, [(10, 20), (33, 43), (66, 76)])])
def test_the_papers_problem(signals, places):
    task = make(signals=signals)
    batch = task.batch(3, "train", 2, 400)
    assert task.shape == tasks.Shape(8, True, 2**signals, "last", "softmax")
    assert (batch.x.shape, batch.target.shape, batch.answered) == ((110, 400), (400,), None)
    assert (batch.lengths.min(), batch.lengths.max()) == (100, 110)
    seen: list[set[int]] = [set() for _ in places]
    for text, target in zip(sequences(batch), batch.target, strict=True):
        assert (text[0], text[-1]) == ("E", "B")
        at = [step for step, symbol in enumerate(text) if symbol in "XY"]
        assert len(at) == signals
        assert task.labels[target] == "".join(text[step] for step in at)
        for step, steps in zip(at, seen, strict=True):
            steps.add(step)
        assert set(text[1:-1]) <= set("abcdXY")
    assert [(min(steps), max(steps)) for steps in seen] == places
    assert np.bincount(batch.target).min() > 0
    assert task.baselines() == {"chance": 0.5**signals}
    assert (task.primary_metric, task.direction, task.fingerprint()) == ("accuracy", "max", "generated")


def test_pure_and_fixed_by_the_split_seed():
    one, other = make(length=30), make(length=30)
    for split in ("train", "val", "test"):
        last = one.batch(0, split, 1, 64)
        other.batch(5, split, 0, 16)
        assert np.array_equal(last.x, other.batch(0, split, 1, 64).x)
    assert np.array_equal(one.batch(0, "test", 0, 64).x, one.batch(1, "test", 0, 64).x)
    assert not np.array_equal(one.batch(0, "train", 0, 64).x, one.batch(1, "train", 0, 64).x)
    moved = make(length=30, split_seed=1)
    assert not np.array_equal(one.batch(0, "test", 0, 64).x, moved.batch(0, "test", 0, 64).x)
    assert sum(one.batch(0, "val", index, 64).size for index in range(one.batches("val", 64))) == 500


def test_the_shortest_sequences_are_in_one_split_too():
    task = make(length=10, signals=3, examples=3000)
    train = {text for index in range(20) for text in sequences(task.batch(0, "train", index, 500))}
    held_out = [set(sequences(task.batch(0, split, 0, 3000))) for split in ("val", "test")]
    assert min(map(len, held_out)) < 3000  # few enough sequences that some repeat
    assert not train & held_out[0]
    assert not train & held_out[1]
    assert not held_out[0] & held_out[1]
    assert SYMBOLS.index("X") == FIRST_SIGNAL
