"""What is asked of every task in these tests alone, as functions of the task that fail by an assertion.

``question`` is what a network is given of one example, ``example`` that and what is asked of it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from seqexp.data.batch import Batch, FeatureBatch, SourceBatch, Split
from seqexp.tasks import passes

HELD_OUT: tuple[Split, ...] = ("val", "test")


def question(batch: Batch, column: int) -> bytes:
    """Equal for two examples of which a network that knows one knows the other."""
    if isinstance(batch, SourceBatch):  # the target, which is fed too, is the answer
        steps = None if batch.source_lengths is None else batch.source_lengths[column]
        return batch.source[:steps, ..., column].astype(np.float64).tobytes()
    if isinstance(batch, FeatureBatch):
        return batch.features[:, column].tobytes()
    steps = None if batch.lengths is None else batch.lengths[column]
    return batch.x[:steps, ..., column].astype(np.float64).tobytes()


def example(batch: Batch, column: int) -> tuple[bytes, ...]:
    steps = None if batch.lengths is None else batch.lengths[column]
    asked = b"" if batch.answered is None else batch.answered[:steps, column].tobytes()
    target = batch.target[..., column] if batch.answered is None else batch.target[:steps, ..., column]
    x = batch.x[:steps, ..., column]
    return question(batch, column), x.tobytes(), target.tobytes(), asked


def columns(batch: Batch) -> list[tuple[bytes, ...]]:
    return [example(batch, column) for column in range(batch.size)]


def split_of(task: Any, split: Split, batch_size: int, seed: int = 0) -> list[tuple[bytes, ...]]:
    """Every example of a held-out split, in an order of its own."""
    indices = range(task.batches(split, batch_size))
    return sorted(one for index in indices for one in columns(task.batch(seed, split, index, batch_size)))


def epoch(task: Any, seed: int, number: int = 0, batch_size: int = 32) -> Iterator[Batch]:
    """The training batches of an epoch."""
    count = task.batches("train", batch_size)
    for index in range(number * count, (number + 1) * count):
        yield task.batch(seed, "train", index, batch_size)


def splits_have_no_question_in_common(task: Any) -> None:
    asked = {split: {one[0] for one in split_of(task, split, 32)} for split in HELD_OUT}
    train = {question(batch, column) for batch in epoch(task, 0) for column in range(batch.size)}
    assert train
    assert min(map(len, asked.values())) > 0
    for one, other, which in (
        (asked["val"], asked["test"], "validation and test"),
        (train, asked["val"], "training and validation"),
        (train, asked["test"], "training and test"),
    ):
        assert not one & other, f"{which} have {len(one & other)} questions in common"


def truths(batch: Batch) -> np.ndarray:
    """What is asked: classes (N,) or values (Y, N), picked answer by answer."""
    if batch.answered is None:
        return batch.target
    return np.stack([batch.target[t, ..., b] for t, b in np.argwhere(batch.answered)], axis=-1)


def answered_at_random(task: Any, split: Split) -> tuple[dict[str, float], np.ndarray, np.ndarray, list[int]]:
    """The scorer's metrics of random answers; the truths and the answers; how many answers each sentence has."""
    rng, scorer = np.random.default_rng(4), task.scorer()
    wanted, said, lengths = [], [], []
    for batch in passes(task, split, 16):
        truth = truths(batch)
        y = rng.normal(size=(task.shape.outputs, truth.shape[-1]))
        scorer.add(batch, y.copy())
        if batch.answered is not None:
            order = np.argsort(np.argwhere(batch.answered)[:, 1], kind="stable")  # sentence by sentence
            truth, y = truth[..., order], y[:, order]
            lengths += batch.answered.sum(axis=0).tolist()
        wanted.append(truth)
        said.append(y)
    return scorer.metrics(), np.concatenate(wanted, axis=-1), np.concatenate(said, axis=-1), lengths
