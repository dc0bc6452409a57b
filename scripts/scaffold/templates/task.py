"""A task to start from: say here in one line what is asked."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge

from seqexp.data.batch import Batch, Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.tasks import Metrics, Shape, Task, register
from seqexp.tasks.scorers import ClassScorer


@register("new_task")
@dataclass(kw_only=True)
class NewTask(Task):
    """Numbers in [0, 1), one a step; was the first above one half? Whoever has forgotten it guesses, and is right half
    the time.

    length:          steps T.
    steps_per_epoch: training batches between two validations; each is drawn anew.
    examples:        in each of the validation and the test set, fixed by ``split_seed``.

    The fields are the settings of conf/task/new_task.yaml: one more field here is one more line there.
    """

    length: Annotated[int, Ge(1)]
    steps_per_epoch: Annotated[int, Ge(1)]
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]

    primary_metric = "accuracy"  # one of tasks.metrics, to which a task may register its own
    direction = "max"
    solved = 0.99  # the test score from which on it counts as solved; without this line nobody says so
    distance = "length"  # the field over which something has to be remembered, for experiment=memory_horizon
    shape = Shape(inputs=1, tokens=False, outputs=2, answers="last", loss="softmax")

    def batches(self, split: Split, batch_size: int) -> int:
        return self.steps_per_epoch if split == "train" else -(-self.examples // batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (T, 1, B), target (B,): a pure function of the arguments."""
        if split == "train":
            return self._draw(stream(seed, Purpose.DATA, index), batch_size)
        whole, part = self._held_out[split], slice(index * batch_size, (index + 1) * batch_size)
        return Batch(whole.x[..., part], whole.target[part])

    @cached_property
    def _held_out(self) -> dict[str, Batch]:
        """The validation and the test set, whatever the batch size."""
        return {
            split: self._draw(stream(self.split_seed, Purpose.SPLIT, number), self.examples)
            for number, split in enumerate(("val", "test"))
        }

    def _draw(self, rng: np.random.Generator, size: int) -> Batch:
        x = rng.random((self.length, 1, size))
        return Batch(x, (x[0, 0] > 0.5).astype(np.int64))

    def scorer(self) -> ClassScorer:
        return ClassScorer(("low", "high"))

    def baselines(self) -> Metrics:
        """The test scores of the answers that need no memory."""
        return {"guess": 0.5}

    def fingerprint(self) -> str:
        """Of data that are read: their hash (``data.fetch.sha256``)."""
        return "generated"
