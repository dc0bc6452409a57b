"""The one place where random generators are made."""

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
    SEARCH = 6


def stream(seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """The generator of (seed, purpose, index): a pure function, so any batch or mask can be drawn again."""
    # NumPy hashes the list, so neighbouring seeds give independent streams; a sum of the numbers would make (1, 2) and
    # (2, 1) the same stream. Zeros at the end do not count: (seed, purpose) is (seed, purpose, 0).
    return np.random.default_rng([seed, purpose, *index])
