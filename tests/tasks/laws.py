"""What every task keeps, each law a function of the task: it fails by an assertion.

``question`` is what a network is given of one example, ``example`` that and what is asked of it.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from seqexp.config.build import build_network
from seqexp.data.batch import Batch, FeatureBatch, SourceBatch, Split
from seqexp.tasks import passes
from seqexp.training import optimizers
from seqexp.training.trainer import Trainer, Training

HELD_OUT: tuple[Split, ...] = ("val", "test")


def question(batch: Batch, column: int) -> bytes:
    """Equal for two examples of which a network that knows one knows the other."""
    if isinstance(batch, SourceBatch):  # the target, which is fed too, is the answer
        steps = None if batch.source_lengths is None else batch.source_lengths[column]
        return batch.source[:steps, column].astype(np.int64).tobytes()
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


# -- data


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


def training_data_depend_on_the_seed_and_the_epoch(task: Any) -> None:
    first = [columns(batch) for batch in epoch(task, 0)]
    assert first == [columns(batch) for batch in epoch(replace(task), 0)]
    for seed, number in ((1, 0), (0, 1)):
        other = [columns(batch) for batch in epoch(task, seed, number)]
        assert len(other) == len(first)
        same = sum(one == another for one, another in zip(first, other, strict=True))
        assert same <= len(first) // 2, f"seed {seed}, epoch {number}: {same} of {len(first)} batches are the same"


def a_batch_is_a_pure_function(task: Any) -> None:
    """Whatever was asked before, and of whom."""
    size = 16
    splits: tuple[Split, ...] = ("train", *HELD_OUT)
    asked: list[tuple[int, Split, int]] = [
        (seed, split, index)
        for split in splits
        for seed in (0, 3)
        for index in range(min(3, task.batches(split, size)))
    ]
    here = {what: columns(task.batch(*what, size)) for what in asked}
    again = replace(task)
    for what in reversed(asked):
        again.batch(1, what[1], 0, 8)
        assert columns(again.batch(*what, size)) == here[what], f"(seed, split, index) {what}"


def held_out_sets_are_the_split_seeds_alone(task: Any) -> None:
    for split in HELD_OUT:
        whole = split_of(task, split, 16)
        for batch_size, seed in ((7, 0), (1000, 0), (16, 5)):
            assert split_of(task, split, batch_size, seed) == whole, f"{split}: batch size {batch_size}, seed {seed}"


def another_split_seed_gives_other_held_out_sets(task: Any) -> None:
    other = replace(task, split_seed=task.split_seed + 1)
    for split in HELD_OUT:
        one, another = ([example[0] for example in split_of(of, split, 32)] for of in (task, other))
        shared = len(set(one) & set(another))
        assert shared < len(set(one)), f"{split}: all {shared} examples are the same"


# -- scores


def network(task: Any, model: dict[str, Any]) -> Any:
    small = {"hidden_size": 6, "param_budget": None, "embedding_size": 4, "dropout": 0.0, "decoder": None}
    return build_network(model | small, task.shape)


def trainer(task: Any, model: dict[str, Any], batch_size: int, rate: float = 0.01) -> Trainer:
    settings = Training(epochs=1, batch_size=batch_size, clip_norm=1.0, patience=None, max_seconds=None)
    adam = optimizers.create("adam", learning_rate=rate)
    return Trainer(network(task, model), task, adam, settings, seed=1, dtype=np.float64)


def scores_do_not_depend_on_the_batch_size(task: Any, model: dict[str, Any]) -> None:
    """Loss, metrics and what is generated, of weights as they start."""
    for split in HELD_OUT:
        scores = [trainer(task, model, size).evaluate(split)[0] for size in (64, 97, 1000)]
        assert f"{split}/{task.primary_metric}" in scores[0]
        assert f"{split}/loss" in scores[0]
        for other in scores[1:]:
            assert other.keys() == scores[0].keys()
            for name, value in other.items():
                assert math.isclose(value, scores[0][name], rel_tol=1e-9), f"{name}: {value}, not {scores[0][name]}"


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


def a_perfect_answer_beats_every_floor(task: Any) -> None:
    """By the task's own direction; of tasks whose primary metric is the scorer's."""
    scorer = task.scorer()
    for batch in passes(task, "test", 16):
        truth = truths(batch)
        sure = truth.astype(np.float64)
        if task.shape.loss == "softmax":
            sure = 50.0 * np.eye(task.shape.outputs)[:, truth]
        elif task.shape.loss == "sigmoid":
            sure = 50.0 * (2.0 * sure - 1.0)
        scorer.add(batch, sure)
    score = scorer.metrics().get(task.primary_metric)
    assert task.direction in ("max", "min")
    for name, floor in task.baselines().items():
        assert math.isfinite(floor), name
        if score is not None:
            assert score > floor if task.direction == "max" else score < floor, f"{name}: {floor}, perfect: {score}"


# -- learning


class OneBatch:
    """A task whose every training batch is the first."""

    def __init__(self, task: Any) -> None:
        self._task = task

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        return self._task.batch(seed, split, 0, batch_size)


def a_model_learns_a_batch(task: Any, model: dict[str, Any]) -> None:
    """Its loss falls with nearly every step, as it would not by chance."""
    run = trainer(OneBatch(task), model, 8, rate=0.003)
    run.carries = False
    losses = [run.train_step()[0] for _ in range(12)]
    falls = sum(after < before for before, after in pairwise(losses))
    assert losses[-1] < losses[0], losses
    assert falls >= 9, losses
