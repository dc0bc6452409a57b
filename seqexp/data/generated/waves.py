"""Noisy waves with a rise and a fall in them, whose class is which of the two came first."""

import numpy as np

LABELS = ("rise first", "fall first")
EVENT = np.hanning(9)[1:-1]  # seven steps that go up and come back
SHORTEST, LONGEST = 40, 60
NOISE = 0.3


def waves(rng: np.random.Generator, count: int) -> tuple[list[np.ndarray], list[str]]:
    """Series (T, 1) of 40 to 60 steps and their classes. The mean, and every single step, is alike in both classes.

    A wave of 8 to 16 steps and size 1/2, and noise, lie beneath the two events.
    """
    series, labels = [], []
    for length in rng.integers(SHORTEST, LONGEST + 1, count).tolist():
        half = length // 2
        first, second = rng.integers(0, half - len(EVENT)), half + rng.integers(0, length - half - len(EVENT))
        which = int(rng.integers(2))
        wave = np.sin(2 * np.pi * (np.arange(length) / rng.uniform(8, 16) + rng.random())) / 2
        wave += NOISE * rng.normal(size=length)
        for start, sign in ((first, 1 - 2 * which), (second, 2 * which - 1)):
            wave[start : start + len(EVENT)] += 2 * sign * EVENT
        series.append(wave[:, None])
        labels.append(LABELS[which])
    return series, labels
