"""Aligned many-to-many: tags that depend on a word further to the right."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge

from seqexp.codecs.tags import RightContextTags
from seqexp.data.batch import Batch, Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import Metrics, Shape, Task, register
from seqexp.tasks.scorers import TagScorer

MARKS = 4  # kinds of full stop


@register("right_context")
@dataclass(kw_only=True)
class RightContext(Task):
    """A tag for each word. Half of the words have one tag; that of the others is decided ``ahead`` words later.

        word    w_t = k or K + k, each with probability 1/(2K): plain or ambiguous, of kind k = 0 … K-1
        tag     k of a plain word, k + kind(w_{t+ahead}) modulo K of an ambiguous one

    Who reads from left to right cannot do better than guess the tag of an ambiguous word, since the kind that decides
    it is uniform and independent of all words before: at best, the share of plain words plus 1/K of the others is
    right. A word's own identity gives as much, so this is the memoryless baseline too. Who also reads from right to
    left can have every tag right. The last ``ahead`` words have nothing that decides, and are not asked.

    The sentence ends with one of four full stops, which mean nothing. They make the sum of all ids 0 modulo 4 in
    validation, 1 in the test and 2 or 3 in training, so that no sentence is in two of them, however short.

    length:          least number of words before the full stop; each sentence has this many to a tenth more.
    kinds:           K, of words and of tags.
    ahead:           how many words to the right the deciding one stands.
    steps_per_epoch: training batches between two validations; each is drawn anew.
    examples:        in each of the validation and the test set, fixed by ``split_seed``.
    """

    length: Annotated[int, Ge(2)]
    kinds: Annotated[int, Ge(2)]
    ahead: Annotated[int, Ge(1)]
    steps_per_epoch: Annotated[int, Ge(1)]
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]

    primary_metric = "accuracy"
    direction = "max"
    solved = 0.99
    distance = "ahead"

    def __post_init__(self) -> None:
        if self.ahead >= self.length:
            raise UserError(
                f"task.ahead: expected less than task.length={self.length}, or no word has one that decides; "
                f"got {self.ahead}"
            )

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> RightContextTags:
        return RightContextTags(self.kinds, self.ahead, MARKS)

    def batches(self, split: Split, batch_size: int) -> int:
        return self.steps_per_epoch if split == "train" else -(-self.examples // batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x, target (T, B), T at most length + length // 10 + 1; lengths (B,) with the full stop."""
        if split == "train":
            rng = stream(seed, Purpose.DATA, index)
            return self._draw(rng, batch_size, 2 + rng.integers(2, size=batch_size))
        whole = self._held_out[split]
        part = slice(index * batch_size, (index + 1) * batch_size)
        assert whole.lengths is not None
        assert whole.answered is not None
        return Batch(whole.x[:, part], whole.target[:, part], whole.lengths[part], whole.answered[:, part])

    @cached_property
    def _held_out(self) -> dict[str, Batch]:
        """The validation and the test set, whatever the batch size."""
        return {
            split: self._draw(stream(self.split_seed, Purpose.SPLIT, number), self.examples, number)
            for number, split in enumerate(("val", "test"))
        }

    def _draw(self, rng: np.random.Generator, size: int, remainder: np.ndarray | int) -> Batch:
        longest, columns = self.length + self.length // 10, np.arange(size)
        words = rng.integers(self.length, longest + 1, size)  # of each sentence
        x = rng.integers(2 * self.kinds, size=(longest + 1, size))
        step = np.arange(longest + 1)[:, None]
        x[step >= words] = 0  # nobody reads these
        kind = x % self.kinds
        decides = np.roll(kind, -self.ahead, axis=0)
        target = np.where(x < self.kinds, kind, (kind + decides) % self.kinds)
        answered = step < words - self.ahead
        x[words, columns] = 2 * self.kinds + (remainder - 2 * self.kinds - x.sum(axis=0)) % MARKS
        return Batch(x.astype(np.int32), np.where(answered, target, 0), words + 1, answered)

    def scorer(self) -> TagScorer:
        return TagScorer([str(kind) for kind in range(self.kinds)])

    def baselines(self) -> Metrics:
        test = self._held_out["test"]
        assert test.answered is not None
        plain = float((test.x[test.answered] < self.kinds).mean())
        return {"all to the left": plain + (1 - plain) / self.kinds}

    def fingerprint(self) -> str:
        return "generated"
