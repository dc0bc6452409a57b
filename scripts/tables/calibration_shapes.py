"""Scores of two models whose truth is known: nobody wins more often, or both have the same mean, in many shapes."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

Draw = Callable[[np.random.Generator, tuple[int, int]], tuple[np.ndarray, np.ndarray]]

FAILURES = (0.05, 0.1, 0.2)  # the share of seeds in which b fails
NOISE, SOLVED, FAILED = 0.01, 0.9, 0.5  # of the scores in the shapes with failures
LARGE = 200_000  # draws from which a probability that has no formula is taken


@dataclass(frozen=True)
class Shape:
    """``draw`` gives a and b, each (C, n), in 0..1; -inf is a run without a score.

    fair:       whether a and b win equally often, theta = 1/2.
    equal_mean: whether their means are the same.
    """

    name: str
    draw: Draw
    fair: bool = True
    equal_mean: bool = True

    def theta(self) -> float:
        """P(a wins) + P(tie) / 2."""
        if self.fair:
            return 0.5
        a, b = self.draw(np.random.default_rng(0), (1, LARGE))
        return float(np.mean((a > b) + 0.5 * (a == b)))


def same(draw: Callable[[np.random.Generator, tuple[int, int]], np.ndarray]) -> Draw:
    """One model under two labels."""
    return lambda rng, shape: (np.clip(draw(rng, shape), 0, 1), np.clip(draw(rng, shape), 0, 1))


def half_collapsed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Six runs in ten solve the task; the others stay at the memoryless baseline."""
    return np.where(rng.random(shape) < 0.6, 0.98, 0.55) + rng.normal(0, 0.005, shape)


def failing(share: float, ahead: float, failed: float = FAILED) -> Draw:
    """a always scores about SOLVED; b is ``ahead`` of it, but fails in this share of seeds."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        a, b = rng.normal(SOLVED, NOISE, shape), rng.normal(SOLVED + ahead, NOISE, shape)
        return a, np.where(rng.random(shape) < share, failed, b)

    return draw


def fair_lead(share: float) -> float:
    """How far b has to be ahead to win half of the pairs although it fails: share + (1 - share) Phi(-x) = 1/2."""
    return -math.sqrt(2) * NOISE * float(special.ndtri((0.5 - share) / (1 - share)))


def drift(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A series that depends on the one before by a half, of deviation 1, for each row."""
    e = rng.normal(size=shape)
    for i in range(1, shape[1]):
        e[:, i] = 0.5 * e[:, i - 1] + math.sqrt(0.75) * e[:, i]
    return e


def shared_drift(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    together = 0.5 + 0.05 * drift(rng, shape)
    return together + rng.normal(0, 0.05, shape), together + rng.normal(0, 0.05, shape)


def own_drift(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return 0.5 + 0.05 * drift(rng, shape), 0.5 + 0.05 * drift(rng, shape)


def exponential(constant: float) -> Draw:
    return lambda rng, shape: (np.minimum(0.05 * rng.exponential(size=shape), 1), np.full(shape, constant))


def quarters(spread: float) -> Callable[[np.random.Generator, tuple[int, int]], np.ndarray]:
    return lambda rng, shape: np.clip(np.round(4 * rng.normal(0.5, spread, shape)) / 4, 0, 1)


SAME = (
    Shape("normal", same(lambda rng, shape: rng.normal(0.5, 0.05, shape))),
    Shape("skewed (lognormal)", same(lambda rng, shape: 0.1 * rng.lognormal(size=shape))),
    Shape("heavy-tailed (t, 2 df)", same(lambda rng, shape: 0.5 + 0.03 * rng.standard_t(2, shape))),
    Shape("half collapsed", same(half_collapsed)),
    Shape("quarters, with ties", same(quarters(0.2))),
)
DIFFERENT = (
    *(
        Shape(f"b fails in {100 * share:g} %, equal means", failing(share, share * 0.4 / (1 - share)), fair=False)
        for share in FAILURES
    ),
    *(
        Shape(f"b fails in {100 * share:g} %, equally often ahead", failing(share, fair_lead(share)), equal_mean=False)
        for share in FAILURES
    ),
    Shape("b has no score in 20 %, equally often ahead", failing(0.2, fair_lead(0.2), -np.inf), equal_mean=False),
    Shape("exponential, constant at its mean", exponential(0.05), fair=False),
    Shape("exponential, constant at its median", exponential(0.05 * math.log(2)), equal_mean=False),
    Shape(
        "ten times the spread",
        lambda rng, shape: (rng.normal(0.5, 0.01, shape), np.clip(rng.normal(0.5, 0.1, shape), 0, 1)),
    ),
    Shape("quarters, unequal spread", lambda rng, shape: (quarters(0.1)(rng, shape), quarters(0.3)(rng, shape))),
    Shape("drift that both share", shared_drift),
)
OWN_DRIFT = Shape("drift of each model's own (no gate)", own_drift)
