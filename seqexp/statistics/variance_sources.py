"""Where the spread of a model's scores comes from: initialisation, order of the data, split of the data, tuning.

One source is varied while the others stand still, and again for other settings of those (Bouthillier et al. 2021,
"Accounting for variance in machine learning benchmarks", section 2). The variance over a source is

    sigma^2 = mean over G settings of the variance of n scores,    with G (n - 1) degrees of freedom.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Source:
    """One source's variance (squared units of the metric), its interval, and its share of the sum of all sources.

    The interval is that of normal scores (chi squared); for scores with rare failures it is too short.
    """

    variance: float
    low: float
    high: float
    share: float
    df: int


@dataclass(frozen=True)
class VarianceSplit:
    """``rest``: variance with all varied together less the sum of all sources: how they act upon each other; nan if no
    runs varied all together. It may be negative by chance."""

    sources: dict[str, Source]
    rest: float


def variance_split(
    scores: Mapping[str, np.ndarray], together: np.ndarray | None = None, *, level: float = 0.95
) -> VarianceSplit:
    """Split the variance. scores: source -> (G, n) or (n,), n >= 2 scores between which only this source differs.

    together: (n,) scores between which all sources differ. Raises ValueError for other shapes or scores not finite.
    """
    variances, degrees = {}, {}
    for name, values in scores.items():
        table = np.atleast_2d(np.asarray(values, float))
        if table.ndim != 2 or table.shape[1] < 2 or not np.isfinite(table).all():
            raise ValueError(f"{name}: expected finite scores (G, n), n >= 2, got shape {table.shape}")
        variances[name] = float(table.var(axis=1, ddof=1).mean())
        degrees[name] = len(table) * (table.shape[1] - 1)
    total = sum(variances.values())
    sources = {
        name: Source(
            variance=value,
            low=value * degrees[name] / float(special.chdtri(degrees[name], (1 - level) / 2)),
            high=value * degrees[name] / float(special.chdtri(degrees[name], (1 + level) / 2)),
            share=value / total if total else float("nan"),
            df=degrees[name],
        )
        for name, value in variances.items()
    }
    rest = float("nan") if together is None else float(np.var(np.asarray(together, float), ddof=1)) - total
    return VarianceSplit(sources, rest)
