"""The tasks, by name: what a problem is, where its batches come from, and how an answer is scored.

A task is a subclass of ``Task``, and a dataclass whose typed keyword-only fields are its config schema. Its module
registers it. It knows no model.
Its batches are a pure function of (seed, split, index): every model sees the same data, resuming is exact, and the
order of evaluation cannot matter.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from seqexp.codecs import Answering, Codec, Row
from seqexp.codecs import Generator as Generator
from seqexp.data.batch import Batch, Split
from seqexp.data.shape import Answers as Answers
from seqexp.data.shape import Shape as Shape
from seqexp.system.registry import Registry
from seqexp.tasks.artifacts import Artifact

Metrics = dict[str, float]


@dataclass(frozen=True)
class Counts:
    """A batch of tokens x (T, B), what its tokens are called, and quantity -> (T, B), its value after each step."""

    batch: Batch
    symbols: tuple[str, ...]
    values: Mapping[str, np.ndarray]


class Scorer(Protocol):
    """Adds up one split's answers; made fresh for each pass over the split."""

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (Y, N): the network's raw outputs (logits or values) for the batch's N scored answers.

        N = B, in column order, where the last step answers; else the answered (t, b) pairs in the order of
        ``np.nonzero(batch.answered)``.
        """
        ...

    def metrics(self) -> Metrics:
        """The split's metrics by bare name ("accuracy"), over the true number of answers."""
        ...

    def artifacts(self) -> list[Artifact]:
        """What a person wants to look at."""
        ...


class Task(Protocol):
    """What every task offers. What has a value here is what most tasks have; the rest each task has to say.

    primary_metric: the bare name of the metric that early stopping and tables use.
    direction:   whether it is better large ("max") or small ("min").
    solved:      the test score of the primary metric from which on the task counts as solved; None where saying so
                 makes no sense.
    distance:    the task's field that says over how many steps something has to be remembered, such as "length".
    carry_state: column b of batch k + 1 goes on where column b of batch k ended, within an epoch of training and within
                 a validation or test split, and all batches of one have the same B: each batch then starts from the
                 state that the one before ended in.
    trees:       batches are ``TreeBatch``, so that models of trees can read them too.

    A dataclass that makes one of these a field has to write ``= field()``, else what stands here becomes its default.
    """

    primary_metric: str
    direction: Literal["max", "min"]
    solved: float | None = None
    distance: str | None = None
    carry_state: bool = False
    trees: bool = False

    @property
    @abstractmethod
    def shape(self) -> Shape: ...
    @abstractmethod
    def batches(self, split: Split, batch_size: int) -> int:
        """How many batches one pass over the split has (for generated training data: how many make an epoch)."""
        ...

    @abstractmethod
    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """Batch ``index``. For "train" the index goes on over the epochs; for "val" and "test" the seed is ignored."""
        ...

    @abstractmethod
    def scorer(self) -> Scorer: ...
    def test_scorer(self) -> Scorer:
        """The scorer of the final test, which may tell more than there is time for in each validation."""
        return self.scorer()

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        """Metrics and samples of free-running generation; empty where the task does not generate."""
        return {}, []

    def codec(self) -> Codec | None:
        """What inputs and answers mean in words, without the data; None of a task whose runs cannot be used with
        ``seqexp.predict``."""
        return None

    def said(self, network: Answering) -> list[Row] | None:
        """What ``predictions=true`` writes of a task whose primary metric is one of ``generate``: the free answers of
        the test split beside the true ones. None where the metric is of the answers that the scorer gets."""
        return None

    def counts(self) -> "Counts | None":
        """What has to be counted along some strings, where a unit that counts it is looked for (``mechanism``)."""
        return None

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        """What ``predictions=true`` writes of a scored batch; y as the scorer gets it. Of tasks with a codec only."""
        codec = self.codec()
        assert codec is not None
        return codec.record(batch, y)

    @abstractmethod
    def baselines(self) -> Metrics:
        """The memoryless baselines: the primary metric on the test split, by name."""
        ...

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of the data (or "generated"), stored with each run."""
        ...


T = TypeVar("T", bound=Task)
_registry: Registry[type] = Registry("task", __name__)


def register(name: str) -> Callable[[type[T]], type[T]]:
    """Class decorator: makes the class ``tasks.create(name)``. TypeError where it is no whole ``Task``."""

    def decorate(cls: type[T]) -> type[T]:
        lacking = sorted(cls.__abstractmethods__) if Task in cls.__mro__ else ["its base class, seqexp.tasks.Task"]
        if lacking:
            raise TypeError(f"task {name!r} lacks {', '.join(lacking)}")
        return _registry.register(name)(cls)

    return decorate


def names() -> list[str]:
    """The registered tasks."""
    return _registry.names()


def lookup(name: str) -> type:
    """The class behind ``name``. UserError lists the names there are."""
    return _registry.lookup(name)


def create(name: str, **settings: Any) -> Task:
    """A task by name: ``create("adding", length=50, …)``. Reads its data; UserError if the data cannot be used."""
    return lookup(name)(**settings)


def solves(task: Task, score: float | None) -> bool | None:
    """Whether a test score of the primary metric solves the task; None of a task that states no such score.

    No score, or nan, solves nothing.
    """
    if task.solved is None:
        return None
    if score is None or math.isnan(score):
        return False
    return bool(score >= task.solved if task.direction == "max" else score <= task.solved)


def passes(task: Task, split: Split, batch_size: int, indices: Sequence[int] | None = None) -> Iterator[Batch]:
    """One pass over a validation or test split, or over those batches of it."""
    for index in range(task.batches(split, batch_size)) if indices is None else indices:
        yield task.batch(0, split, index, batch_size)
