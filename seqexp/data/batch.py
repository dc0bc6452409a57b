"""One batch of a task, and the splits that batches come from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from seqexp.numerics.forest import Forest

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Batch:
    """B examples side by side: time first, columns are examples.

    x:        tokens (T, B), integer, -1 for "no input at this step"; or features (T, X, B).
    target:   if only the last step answers, classes (B,) or values (Y, B); if several steps answer,
              classes (T, B) or values (T, Y, B).
    lengths:  (B,), each column's own number of steps; None when all have T.
    answered: (T, B) bool, the steps whose answer is scored; None if only each column's last step answers.
    rows:     (B,) integer, which of the task's examples these are, where its scorer has to know.
    """

    x: np.ndarray
    target: np.ndarray
    lengths: np.ndarray | None = None
    answered: np.ndarray | None = None
    rows: np.ndarray | None = None

    @property
    def size(self) -> int:
        """B, the number of examples."""
        return self.x.shape[-1]

    def answers(self) -> np.ndarray:
        """The targets of the scored answers, in the order of a network's y: classes (N,) or values (Y, N).

        N = B if the last step answers; else the answered (t, b) pairs, in the order of ``np.nonzero(answered)``.
        """
        if self.answered is None:
            return self.target
        if self.target.ndim == 2:
            return self.target[self.answered]
        return self.target.transpose(1, 0, 2)[:, self.answered]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBatch(Batch):
    """B pairs: x, target, lengths and answered are those of the decoder, which says a target after the source was read.

    source:         tokens (Ts, B), integer; or features (Ts, X, B).
    source_lengths: (B,), each source's own number of steps; None when all have Ts.
    """

    source: np.ndarray
    source_lengths: np.ndarray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureBatch(Batch):
    """B examples of tokens x (T, B), whose step 0 also gets numbers.

    features: (F, B), such as a picture's.
    """

    features: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeBatch(Batch):
    """B examples in two forms, so that every model gets the same batch: as sequences x (T, B), and as trees.

    forest: whose ``asked`` (B,) is the node that answers for each column of x. A column is what that node stands for,
            read in order: a whole tree, or a phrase of one.
    beside: (B,) bool, the columns that are scored apart from the others, such as phrases; None if there are none.
    """

    forest: Forest
    beside: np.ndarray | None = None
