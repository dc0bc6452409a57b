"""Passes over examples of different lengths: which of them stand side by side in which batch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from seqexp.data import text
from seqexp.data.batch import Split
from seqexp.numerics.rng import Purpose, stream


class Lengths(Protocol):
    """Examples that know their steps: lengths (N,)."""

    @property
    def lengths(self) -> np.ndarray: ...


E = TypeVar("E", bound=Lengths)


class Passes(Generic[E]):
    """Every example of a split once a pass, in batches of similar length; in training each epoch in its own order.

    A pure function of (seed, split, index).

    name: the task's, for messages.
    draw: the examples of (split, seed, epoch), as many for every seed and epoch.
    """

    def __init__(self, name: str, draw: Callable[[Split, int, int], E], size: Callable[[Split], int]) -> None:
        self._name, self._draw, self._size = name, draw, size
        self._last: dict[Split, tuple[tuple[int, int], E]] = {}
        self._plans: dict[Split, tuple[tuple[int, int, int], list[np.ndarray]]] = {}

    def batches(self, split: Split, batch_size: int) -> int:
        """How many batches a pass has."""
        return -(-self._size(split) // batch_size)

    def rows(self, seed: int, split: Split, index: int, batch_size: int) -> tuple[E, np.ndarray]:
        """The examples of the pass that batch ``index`` is in, and its rows (B,) of them, longest first.

        The last pass asked for is kept, as batches are mostly asked for in order. IndexError past the one pass that
        validation and test have.
        """
        count = self.batches(split, batch_size)
        epoch, position = divmod(index, count)
        if split != "train":
            if epoch:
                raise IndexError(f"{self._name}: {split} has {count} batches, got index {index}")
            seed = 0
        if split not in self._last or self._last[split][0] != (seed, epoch):
            self._last[split] = (seed, epoch), self._draw(split, seed, epoch)
        examples, key = self._last[split][1], (seed, epoch, batch_size)
        if split not in self._plans or self._plans[split][0] != key:
            rng = stream(seed, Purpose.ORDER, epoch) if split == "train" else None
            self._plans[split] = key, text.buckets(examples.lengths, batch_size, rng)
        return examples, self._plans[split][1][position]


class FixedPasses:
    """Passes over rows of fixed data, the same for every seed and epoch."""

    def __init__(self, name: str, splits: Mapping[Split, np.ndarray], lengths: np.ndarray) -> None:
        """splits: "train", "val", "test" -> rows; lengths (N,): of every row."""
        parts = {split: _Rows(rows, lengths[rows]) for split, rows in splits.items()}
        self._passes = Passes(name, lambda split, seed, epoch: parts[split], lambda split: len(parts[split].rows))

    def batches(self, split: Split, batch_size: int) -> int:
        """How many batches a pass has."""
        return self._passes.batches(split, batch_size)

    def rows(self, seed: int, split: Split, index: int, batch_size: int) -> np.ndarray:
        """The rows (B,) of a batch, longest first. IndexError as in ``Passes``."""
        part, order = self._passes.rows(seed, split, index, batch_size)
        return part.rows[order]


@dataclass(frozen=True)
class _Rows:
    rows: np.ndarray
    lengths: np.ndarray
