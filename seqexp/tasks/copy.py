"""Aligned many-to-many, memory alone: repeat a few symbols after a delay."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge

from seqexp.codecs.numbers import Copying
from seqexp.data.batch import Batch, Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.tasks import Metrics, Shape, Task, register
from seqexp.tasks.scorers import SymbolScorer


@register("copy")
@dataclass(kw_only=True)
class Copy(Task):
    """The copying problem: symbols, then nothing for ``delay`` steps, a go marker, and the symbols again.

        in   s_1 … s_L  blank × delay  go  blank × (L - 1)
        out                            s_1 … s_L            the only steps that are asked

    The first symbol is wanted at the marker itself, so L + delay + L steps. Without memory nothing beats guessing:
    1 / ``alphabet`` of the symbols right, a loss of log(alphabet) a symbol. In the form of Arjovsky, Shah and Bengio
    (2016, section 4.1), which also scores the blanks, that is L log(alphabet) / (T + 2 L) a step with their T for the
    delay: 10 log 8 / (T + 20). Source: Hochreiter and Schmidhuber 1997; this form Arjovsky et al. 2016.

    symbols:         L, how many to repeat.
    alphabet:        of how many kinds.
    steps_per_epoch: training batches between two validations; each is drawn anew.
    examples:        in each of the validation and the test set, fixed by ``split_seed``.
    """

    delay: Annotated[int, Ge(0)]
    symbols: Annotated[int, Ge(1)]
    alphabet: Annotated[int, Ge(2)]
    steps_per_epoch: Annotated[int, Ge(1)]
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]

    primary_metric = "symbol_accuracy"
    direction = "max"
    solved = 0.99
    distance = "delay"

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> Copying:
        return self._codec

    @cached_property
    def _codec(self) -> Copying:
        return Copying(self.alphabet, self.delay)

    def batches(self, split: Split, batch_size: int) -> int:
        return self.steps_per_epoch if split == "train" else -(-self.examples // batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (T, B), target (T, B): classes, 0 where nothing is asked."""
        if split == "train":
            return self.codec().asked(
                stream(seed, Purpose.DATA, index).integers(self.alphabet, size=(self.symbols, batch_size))
            )
        return self.codec().asked(self._held_out[split][:, index * batch_size : (index + 1) * batch_size])

    @cached_property
    def _held_out(self) -> dict[str, np.ndarray]:
        """The validation and the test set's symbols (L, N), whatever the batch size."""
        return {
            split: stream(self.split_seed, Purpose.SPLIT, number).integers(
                self.alphabet, size=(self.symbols, self.examples)
            )
            for number, split in enumerate(("val", "test"))
        }

    def scorer(self) -> SymbolScorer:
        return SymbolScorer()

    def baselines(self) -> Metrics:
        return {"guess": 1 / self.alphabet}

    def fingerprint(self) -> str:
        return "generated"
