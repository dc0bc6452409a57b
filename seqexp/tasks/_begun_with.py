"""What ``names`` and ``one_to_many`` share: one thing is given, then a text follows, symbol by symbol."""

import numpy as np

from seqexp.data.batch import Batch, Split
from seqexp.data.text import Ragged
from seqexp.tasks import Task
from seqexp.tasks._epochs import FixedPasses


class BegunWith(Task):
    """The first input is what is given, each later one the symbol before; each step answers with the next symbol.

    _symbols:    what the ids of answers stand for; an input id past them is something given.
    _categories: what the first input's ids, from ``len(_symbols)`` on, stand for; _classes (N,): of each row.
    _targets:    the symbols of each row, its end among them; _splits: the rows of each part.
    """

    _symbols: tuple[str, ...]
    _categories: tuple[str, ...]
    _classes: np.ndarray
    _targets: Ragged
    _splits: dict[Split, np.ndarray]
    _passes: FixedPasses
    _fingerprint: str

    @property
    def _longest(self) -> int:
        """Symbols of a training text at most, its end counted."""
        return int(self._targets.lengths[self._splits["train"]].max())

    def batches(self, split: Split, batch_size: int) -> int:
        return self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """Texts of similar length. x (T, B): what is given, then symbols; target (T, B): symbols, then the end."""
        rows = self._passes.rows(seed, split, index, batch_size)
        target, lengths = self._targets.padded(rows)
        x = np.empty_like(target)
        x[0], x[1:] = len(self._symbols) + self._classes[rows], target[:-1]
        return Batch(x, target, lengths, np.arange(len(x))[:, None] < lengths)

    def _pairs(self, split: Split) -> tuple[np.ndarray, np.ndarray]:
        """Every step's input and answer in a split, each (N,)."""
        rows = self._splits[split]
        taken = self._targets.take(rows)
        before = np.roll(taken.flat, 1).astype(np.int64)
        before[taken.starts] = len(self._symbols) + self._classes[rows]
        return before, taken.flat.astype(np.int64)

    def fingerprint(self) -> str:
        return self._fingerprint
