"""What the runs of two models say of the typical run and of the mean: ``statistics`` of all runs that ended."""

import math
from collections.abc import Mapping
from dataclasses import replace

from seqexp.comparison.terms import Terms
from seqexp.statistics.mean_difference import MeanDifference, mean_difference
from seqexp.statistics.sequential import Sequential
from seqexp.statistics.typical_run import TypicalRun, typical_run

Outcomes = Mapping[int, float | None]  # seed -> the score; None where the run failed or diverged


def typical(a: Outcomes, b: Outcomes, terms: Terms) -> TypicalRun | None:
    """The typical run of all runs that ended, paired or not; after optional stopping, of the pairs in their order."""
    if not (a and b):
        return None
    scores = [*a.values()], [*b.values()]
    found = typical_run(*scores, direction=terms.direction, margin=terms.margin, level=terms.level)
    if not terms.sequential:
        return found
    seeds = [seed for seed in a if seed in b]
    test = Sequential(terms.level, terms.margin, max(len(seeds), 1), terms.direction, terms.claims)
    for seed in seeds:
        if not test.done:
            test.update(a[seed], b[seed])
    share, low, high = test.probability()
    found = replace(found, probability=share, low=low, high=high, n=test.n, m=test.n, reachable=test.reachable)
    more = 0 if test.verdict != "not resolved" else found.more
    return replace(found, p=test.p, p_equivalent=test.p_equivalent, verdict=test.verdict, more=more)


def mean(a: Outcomes, b: Outcomes, terms: Terms) -> MeanDifference | None:
    """Of the seeds on which both runs ended. Scores outside the metric's range, in a file of somebody's, have none."""
    seeds = [seed for seed in a if seed in b]
    if not seeds:
        return None
    left, right = ([of[seed] for seed in seeds] for of in (a, b))
    low, high = terms.bounds or (-math.inf, math.inf)
    inside = all(score is None or low <= score <= high for score in [*left, *right])
    bounds = terms.bounds if inside else None
    return mean_difference(
        left, right, direction=terms.direction, bounds=bounds, level=terms.level, anytime=terms.sequential
    )
