"""Seeds and test examples are both samples: an interval for a difference that allows for other ones of each.

Model a is ahead of b by d_ij with seed i on test example j. Seeds and examples are crossed random effects:

    d_ij = mu + s_i + e_j + r_ij,    Var(mean) = sigma_s^2 / S + sigma_e^2 / E + sigma_r^2 / (S E).

An interval over seeds alone is about these very examples: with 179 of them, what it leaves out can be the larger part.

Source: the analysis of variance of a crossed design, Searle, Casella and McCulloch 1992; degrees of freedom,
Satterthwaite 1946; the bootstrap over both, Owen 2007 ("The pigeonhole bootstrap").
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from seqexp.statistics.pairs import Direction, checked


@dataclass(frozen=True)
class TwoWay:
    """The mean difference over seeds and examples, positive where a is better, with its interval.

    seeds, examples: how many there are.
    sd_seeds, sd_examples, sd_rest: sigma_s, sigma_e, sigma_r; an estimate below 0 is 0.
    se:       standard error for fresh seeds and fresh examples; df: its degrees of freedom.
    se_seeds: for fresh seeds and these very examples, as an interval over seeds has it.
    """

    effect: float
    low: float
    high: float
    se: float
    df: float
    se_seeds: float
    sd_seeds: float
    sd_examples: float
    sd_rest: float
    seeds: int
    examples: int


def two_way(a: np.ndarray, b: np.ndarray, *, direction: Direction, level: float = 0.95) -> TwoWay:
    """Judge per-example scores a (S, E) against b (S, E): S >= 2 seeds, the same E >= 2 examples in the same order.

    The mean of a metric must be the mean over its examples, as accuracy's is. Raises ValueError for other shapes or
    scores that are not finite.
    """
    checked(direction, 0.0, level)
    d = _differences(a, b, direction)
    seeds, examples = d.shape
    effect, rows, columns = float(d.mean()), d.mean(axis=1), d.mean(axis=0)
    rest = d - rows[:, None] - columns + effect
    of_seeds, of_examples = examples * float(rows.var(ddof=1)), seeds * float(columns.var(ddof=1))  # mean squares
    of_rest = float((rest**2).sum()) / ((seeds - 1) * (examples - 1))
    # sigma_s and sigma_e are never negative, so neither mean square can be expected to lie below that of the rest.
    total = max(of_seeds + of_examples - of_rest, of_seeds, of_examples)
    spread = of_seeds**2 / (seeds - 1) + of_examples**2 / (examples - 1) + of_rest**2 / ((seeds - 1) * (examples - 1))
    df = max(total**2 / spread, 1.0) if spread > 0 else float(seeds - 1)
    se = math.sqrt(total / d.size)
    half = float(special.stdtrit(df, (1 + level) / 2)) * se
    return TwoWay(
        effect=effect,
        low=effect - half,
        high=effect + half,
        se=se,
        df=df,
        se_seeds=math.sqrt(of_seeds / d.size),
        sd_seeds=math.sqrt(max(of_seeds - of_rest, 0.0) / examples),
        sd_examples=math.sqrt(max(of_examples - of_rest, 0.0) / seeds),
        sd_rest=math.sqrt(of_rest),
        seeds=seeds,
        examples=examples,
    )


def pigeonhole(
    a: np.ndarray,
    b: np.ndarray,
    rng: np.random.Generator,
    *,
    direction: Direction,
    level: float = 0.95,
    repetitions: int = 2_000,
) -> tuple[float, float]:
    """The percentile interval of means over seeds and examples that are both drawn anew (Owen 2007).

    A check of `two_way` for many seeds. With few, it is too short for the seeds, as every percentile bootstrap is.
    """
    d = _differences(a, b, direction)
    seeds, examples = d.shape
    drawn_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), repetitions)  # (repetitions, S)
    drawn_examples = rng.multinomial(examples, np.full(examples, 1 / examples), repetitions)
    means = ((drawn_seeds @ d) * drawn_examples).sum(axis=1) / d.size
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _differences(a: np.ndarray, b: np.ndarray, direction: Direction) -> np.ndarray:
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.ndim != 2 or a.shape != b.shape or min(a.shape) < 2:
        raise ValueError(f"a and b must be scores (S, E), two or more seeds and examples, got {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("scores must be finite: leave out the seeds of runs without a score, and say how many")
    return a - b if direction == "max" else b - a
