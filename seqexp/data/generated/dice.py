"""Random numbers one at a time, for grammars that go from choice to choice."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

BLOCK = 4096  # drawn at once: one at a time a generator takes twenty times as long

T = TypeVar("T")


class Dice:
    """Choices that follow from a generator's uniform numbers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: list[float] = []

    def below(self, count: int) -> int:
        """One of 0 … count - 1, each as likely."""
        return int(self._next() * count)

    def one_of(self, values: Sequence[T]) -> T:
        """One of the values, each as likely."""
        return values[self.below(len(values))]

    def hit(self, chance: float) -> bool:
        """True with this probability."""
        return self._next() < chance

    def _next(self) -> float:
        if not self._left:
            self._left = self._rng.random(BLOCK).tolist()
        return self._left.pop()
