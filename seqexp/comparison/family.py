"""All claims of a report as one family: what is left of each when all are counted."""

from collections.abc import Sequence
from dataclasses import replace

from seqexp.comparison.contest import Claim, Contest
from seqexp.statistics.families import holm, reachable
from seqexp.statistics.typical_run import TypicalRun


def corrected(contests: Sequence[Contest]) -> list[Contest]:
    """The contests, each claim corrected for all claims made: those of typical runs, and those of means (Holm 1979).
    After optional stopping a claim's p is valid at any time of looking, and so may be corrected too."""
    claims = [claim for each in contests for claim in each.claims]
    typical = _corrected([claim.typical.p_claim if claim.typical else None for claim in claims])
    means = _corrected([claim.mean.p if claim.mean and claim.mean.bounded else None for claim in claims])
    many = sum(claim.typical is not None for claim in claims)
    if many < 2:
        return [*contests]
    told = iter(
        replace(claim, typical=_one_of(many, claim), holm=p, holm_mean=p_mean, family=many)
        for claim, p, p_mean in zip(claims, typical, means, strict=True)
    )
    return [replace(each, claims=[next(told) for _ in each.claims]) for each in contests]


def _corrected(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's p of those that are there."""
    left = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(left) for p in p_values]


def _one_of(many: int, claim: Claim) -> TypicalRun | None:
    """The typical run, which knows whether so few runs can decide as one of many claims."""
    typical = claim.typical
    if typical is None or claim.terms.sequential:
        return typical
    return replace(typical, reachable=reachable(2.0 ** (1 - min(typical.n, typical.m)), many, claim.terms.level))
