"""Reliability: in what share of seeds a model solves its task, fails, or diverges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seqexp.statistics.pairs import Direction, clopper_pearson
from seqexp.statistics.typical_run import oriented

ENDED = ("FINISHED", "FAILED", "DIVERGED")  # a run that was killed, or still runs, says nothing about its model


@dataclass(frozen=True)
class Share:
    """``count`` of ``n`` seeds, and the exact interval of the share of all seeds (Clopper and Pearson 1934)."""

    count: int
    n: int
    low: float
    high: float


@dataclass(frozen=True)
class Reliability:
    """How one model's runs ended. ``solved`` is None where the task does not say what solved means.

    unended: runs that were killed or still run; they belong to no share.
    """

    solved: Share | None
    failed: Share
    diverged: Share
    unended: int


def reliability(
    statuses: Sequence[Literal["FINISHED", "FAILED", "DIVERGED", "KILLED", "RUNNING"] | str],
    scores: Sequence[float | None] | np.ndarray,
    *,
    direction: Direction,
    threshold: float | None,
    level: float = 0.95,
) -> Reliability:
    """The shares of n runs by status; solved are those whose score is at least as good as ``threshold``.

    Each interval holds by itself. Raises ValueError for statuses and scores of different numbers.
    """
    if len(statuses) != len(scores):
        raise ValueError(f"expected a status for each score, got {len(statuses)} and {len(scores)}")
    n = sum(status in ENDED for status in statuses)

    def share(count: int) -> Share:
        return Share(count, n, *(clopper_pearson(count, n, level) if n else (0.0, 1.0)))

    solved = None
    if threshold is not None:
        good = oriented(scores, direction) >= oriented([threshold], direction)
        solved = share(sum(bool(g) and status == "FINISHED" for g, status in zip(good, statuses, strict=True)))
    failed, diverged = (share(sum(status == word for status in statuses)) for word in ("FAILED", "DIVERGED"))
    return Reliability(solved, failed, diverged, len(statuses) - n)
