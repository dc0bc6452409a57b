"""The trees of a batch as arrays: nodes of one height side by side, so that a network handles them in one product."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Forest:
    """All N nodes of some binary trees, the leaves first, then the nodes whose children are leaves, and so on.

    tokens (N,):     each node's own token, -1 for none.
    children (N, 2): left and right child of each, -1 for none. A node with one child has it on the left.
    starts (L+1,):   the nodes of height l are starts[l]:starts[l+1]; a leaf has height 0. starts[L] is N.
    asked (B,):      the node whose state answers for each example; no node twice.
    """

    tokens: np.ndarray
    children: np.ndarray
    starts: np.ndarray
    asked: np.ndarray

    @property
    def size(self) -> int:
        """N, the number of nodes."""
        return len(self.tokens)

    @property
    def leaves(self) -> int:
        """How many nodes are leaves: they are the first ones."""
        return int(self.starts[1])

    @cached_property
    def heights(self) -> list[tuple[int, int]]:
        """The first node of each height, and the one behind its last, of heights 1, 2, …."""
        return list(pairwise(self.starts[1:].tolist()))

    @cached_property
    def fed(self) -> np.ndarray:
        """The nodes (M,) that have a token, in order."""
        return np.flatnonzero(self.tokens >= 0)

    @cached_property
    def slots(self) -> np.ndarray:
        """(N,): where each node stands among the children of the inner nodes, read row by row; -1 for a root."""
        children = self.children[self.leaves :].ravel()
        slots = np.full(self.size, -1)
        slots[children[children >= 0]] = np.flatnonzero(children >= 0)
        return slots

    def below(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each node (N,): how deep it lies below the topmost node asked that it is part of, and which example's that
        is, -1 for none."""
        depths, examples = np.zeros(self.size, np.int64), np.full(self.size, -1)
        examples[self.asked] = np.arange(len(self.asked))
        for start, stop in reversed(self.heights):
            for child in self.children[start:stop].T:
                below = (child >= 0) & (examples[start:stop] >= 0)
                depths[child[below]] = depths[start:stop][below] + 1
                examples[child[below]] = examples[start:stop][below]
        return depths, examples

    def columns(self, chosen: np.ndarray) -> "Forest":
        """The same nodes, asked for some of the examples."""
        return replace(self, asked=self.asked[chosen])

    @classmethod
    def chains(cls, x: np.ndarray, lengths: np.ndarray) -> "Forest":
        """Trees that only branch to the left and are fed one token at each node: the columns of x (T, B) read in order.

        lengths (B,), at least 1. The state of node t is what a chain has after step t.
        """
        alive = np.arange(len(x))[:, None] < lengths  # (T, B)
        place = (np.cumsum(alive) - 1).reshape(alive.shape)
        children = np.full((int(lengths.sum()), 2), -1)
        before = np.concatenate([np.full((1, len(lengths)), -1), place[:-1]])
        children[:, 0] = before[alive]
        starts = np.concatenate([[0], np.cumsum(alive.sum(axis=1))])
        return cls(x[alive], children, starts[: int(lengths.max()) + 1], place[lengths - 1, np.arange(len(lengths))])
