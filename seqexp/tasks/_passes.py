"""Passes over examples of different lengths: which of them stand side by side in which batch."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

from seqexp.batch import Purpose, stream
from seqexp.data import text
from seqexp.tasks import Split


class Lengths(Protocol):
    """Examples that know their steps: lengths (N,)."""

    @property
    def lengths(self) -> np.ndarray: ...


E = TypeVar("E", bound=Lengths)


class Passes(Generic[E]):
    """Every example of a split once a pass, in batches of similar length; in training each epoch in its own order.

    draw: the examples of (split, seed, epoch), as many for every seed and epoch.
    """

    def __init__(self, draw: Callable[[Split, int, int], E], size: Callable[[Split], int]) -> None:
        self._draw, self._size = draw, size
        self._last: dict[Split, tuple[tuple[int, int, int], E, list[np.ndarray]]] = {}

    def batches(self, split: Split, batch_size: int) -> int:
        """How many batches a pass has."""
        return -(-self._size(split) // batch_size)

    def rows(self, seed: int, split: Split, index: int, batch_size: int) -> tuple[E, np.ndarray]:
        """The examples of the pass that batch ``index`` is in, and its rows (B,) of them, longest first.

        The last pass asked for is kept, as batches are mostly asked for in order. IndexError past the one pass that
        validation and test have.
        """
        epoch, position = divmod(index, self.batches(split, batch_size))
        if split != "train":
            if epoch:
                raise IndexError(f"{split} has {self.batches(split, batch_size)} batches, got index {index}")
            seed = 0
        key = (seed, epoch, batch_size)
        if split not in self._last or self._last[split][0] != key:
            examples = self._draw(split, seed, epoch)
            rng = stream(seed, Purpose.ORDER, epoch) if split == "train" else None
            self._last[split] = key, examples, text.buckets(examples.lengths, batch_size, rng)
        _, examples, batches = self._last[split]
        return examples, batches[position]
