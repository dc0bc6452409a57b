"""Many claims at once: what is left of each when all claims of a report, or of a catalogue, are counted."""

from collections.abc import Sequence

import numpy as np

from seqexp.statistics.pairs import at_most


def holm(p_values: Sequence[float] | np.ndarray) -> list[float]:
    """Corrected p values of several claims (Holm 1979): read at alpha, any false claim has at most the chance alpha.

        p_(i) of n, sorted, becomes the largest of (n - j + 1) p_(j), j <= i.

    The claims may depend on each other in any way. Raises ValueError for p values outside 0..1.
    """
    p = np.asarray(p_values, float)
    if not ((p >= 0) & (p <= 1)).all():  # nan is refused too
        raise ValueError(f"p values must lie between 0 and 1, got {list(p_values)}")
    order = np.argsort(p, kind="stable")
    corrected = np.empty(p.size)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1)
    return [float(value) for value in corrected]


def reachable(smallest: float, claims: int, level: float) -> bool:
    """Whether the smallest p that a test can have suffices for the first of ``claims`` claims under `holm`."""
    if claims < 1:
        raise ValueError(f"claims must be at least 1, got {claims}")
    return at_most(smallest * claims, 1 - level)
