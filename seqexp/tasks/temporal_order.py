"""Many-to-one: in which order did two or three signals come?"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from seqexp.codecs.classes import SymbolClasses
from seqexp.data.batch import Batch, Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.tasks import Metrics, Shape, Task, register
from seqexp.tasks.scorers import ClassScorer

SYMBOLS = ("E", "B", "a", "b", "c", "d", "X", "Y")  # start, end, four distractors, two signals
DISTRACTORS, FIRST_DISTRACTOR, FIRST_SIGNAL = 4, 2, 6
# Where the two or three signals stand, as parts of the length.
WINDOWS = {2: ((0.10, 0.20), (0.50, 0.60)), 3: ((0.10, 0.20), (0.33, 0.43), (0.66, 0.76))}


@register("temporal_order")
@dataclass(kw_only=True)
class TemporalOrder(Task):
    """E, then distractors a b c d with two or three signals X or Y among them, then B; the class is the signals' order.

    Source: Hochreiter and Schmidhuber 1997, experiments 6a (``signals`` 2: four classes) and 6b (3: eight), where
    lengths are 100 to 110 and the signals stand at 10-20 and 50-60, or at 10-20, 33-43 and 66-76. Here these places
    scale with ``length``, each drawn evenly. Each signal alone says nothing of the other: guessing gives 1/4 or 1/8.

    The last distractor makes the sum of all (a = 0 … d = 3) 0 modulo 4 in validation, 1 in the test and 2 or 3 in
    training, so that no sequence is in two of them, however short.

    length:          least number of steps; each sequence has this many to a tenth more.
    steps_per_epoch: training batches between two validations; each is drawn anew.
    examples:        in each of the validation and the test set, fixed by ``split_seed``.
    """

    length: Annotated[int, Ge(10)]
    signals: Literal[2, 3]
    steps_per_epoch: Annotated[int, Ge(1)]
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]

    primary_metric = "accuracy"
    direction = "max"
    solved = 0.99
    distance = "length"

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> SymbolClasses:
        return SymbolClasses(SYMBOLS, self.labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """XX, XY, YX, YY: what the classes in a batch stand for."""
        return tuple("".join(order) for order in product("XY", repeat=self.signals))

    def batches(self, split: Split, batch_size: int) -> int:
        return self.steps_per_epoch if split == "train" else -(-self.examples // batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (T, B) int32, T at most length + length // 10; target (B,); lengths (B,)."""
        if split == "train":
            rng = stream(seed, Purpose.DATA, index)
            return self._draw(rng, batch_size, 2 + rng.integers(2, size=batch_size))
        whole = self._held_out[split]
        part = slice(index * batch_size, (index + 1) * batch_size)
        assert whole.lengths is not None
        return Batch(whole.x[:, part], whole.target[part], whole.lengths[part])

    @cached_property
    def _held_out(self) -> dict[str, Batch]:
        """The validation and the test set, whatever the batch size."""
        return {
            split: self._draw(stream(self.split_seed, Purpose.SPLIT, number), self.examples, number)
            for number, split in enumerate(("val", "test"))
        }

    def _draw(self, rng: np.random.Generator, size: int, remainder: np.ndarray | int) -> Batch:
        longest, columns = self.length + self.length // 10, np.arange(size)
        lengths = rng.integers(self.length, longest + 1, size)
        distractors = rng.integers(DISTRACTORS, size=(longest, size))
        x = distractors + FIRST_DISTRACTOR
        bits = rng.integers(2, size=(self.signals, size))  # 0 for X
        target = np.zeros(size, np.int64)
        for bit, (first, last) in zip(bits, WINDOWS[self.signals], strict=True):
            steps = rng.integers(int(first * self.length), int(last * self.length), size, endpoint=True)
            x[steps, columns] = FIRST_SIGNAL + bit
            distractors[steps, columns] = 0
            target = 2 * target + bit
        distractors[0] = 0
        distractors[np.arange(longest)[:, None] >= lengths - 2] = 0
        x[lengths - 2, columns] = FIRST_DISTRACTOR + (remainder - distractors.sum(axis=0)) % DISTRACTORS
        x[0], x[lengths - 1, columns] = 0, 1
        x[np.arange(longest)[:, None] >= lengths] = 0  # nobody reads these
        return Batch(x.astype(np.int32), target, lengths)

    def scorer(self) -> ClassScorer:
        return ClassScorer(self.labels)

    def baselines(self) -> Metrics:
        return {"chance": 0.5**self.signals}

    def fingerprint(self) -> str:
        return "generated"
