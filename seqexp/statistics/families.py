"""Many claims at once: what is left of each when all claims of a report, or of a catalogue, are counted."""

from collections.abc import Sequence

from seqexp.statistics.pairs import at_most


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected p values of several claims (Holm 1979): read at alpha, any false claim has at most the chance alpha."""
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError(f"p values must lie between 0 and 1, got {list(p_values)}")
    if not len(p_values):
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def reachable(smallest: float, claims: int, level: float) -> bool:
    """Whether the smallest p that a test can have suffices for the first of ``claims`` claims under `holm`."""
    if claims < 1:
        raise ValueError(f"claims must be at least 1, got {claims}")
    return at_most(smallest * claims, 1 - level)
