"""The order in which fixed data is gone through: which rows make batch ``index`` of a split."""

from collections.abc import Mapping

import numpy as np

from seqexp.batch import Purpose, stream
from seqexp.data import text


class Passes:
    """Rows in batches of similar length, drawn anew each epoch in training: a pure function of (seed, split, index)."""

    def __init__(self, name: str, splits: Mapping[str, np.ndarray], lengths: np.ndarray) -> None:
        """splits: "train", "val", "test" -> rows; lengths (N,): of every row. ``name`` is for messages."""
        self._name, self._splits, self._lengths = name, splits, lengths
        self._plans: dict[str, tuple[tuple[int, int, int], list[np.ndarray]]] = {}

    def batches(self, split: str, batch_size: int) -> int:
        """How many batches one pass has."""
        return -(-len(self._splits[split]) // batch_size)

    def rows(self, seed: int, split: str, index: int, batch_size: int) -> np.ndarray:
        """The rows (B,) of a batch, longest first. IndexError past the end of a validation or test split."""
        count = self.batches(split, batch_size)
        epoch, position = divmod(index, count)
        if split != "train":
            if epoch:
                raise IndexError(f"{self._name}: {split} has {count} batches, got index {index}")
            seed = 0
        key = (seed, epoch, batch_size)
        if split not in self._plans or self._plans[split][0] != key:  # the last pass asked for is kept
            rows = self._splits[split]
            rng = stream(seed, Purpose.ORDER, epoch) if split == "train" else None
            plan = text.buckets(self._lengths[rows], batch_size, rng)
            self._plans[split] = key, [rows[part] for part in plan]
        return self._plans[split][1][position]
