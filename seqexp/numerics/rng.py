"""The place where every random generator is born."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream of random numbers is for. Purposes never share a stream, so an extra draw moves no other."""

    INIT = 0
    ORDER = 1
    DROPOUT = 2
    DATA = 3
    SPLIT = 4
    SAMPLE = 5


def stream(seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """The generator of (seed, purpose, index): a pure function, so any batch or mask can be drawn again."""
    return np.random.default_rng([seed, purpose, *index])
