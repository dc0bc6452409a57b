"""Whether two models are better than what needs no memory: a difference between two that are not is worth little."""

import math

from seqexp.comparison.contest import Claim, Contest


def beside_floor(contest: Contest, claim: Claim) -> str:
    """Which of a claim's models is, in the mean over its seeds, no better than the best memoryless baseline, in words;
    empty where both are better, or nothing is known."""
    if contest.baseline is None:
        return ""
    name, floor = contest.baseline
    sign = -1 if contest.terms.direction == "min" else 1
    means = {model: contest.entry(model).mean for model in (claim.a, claim.b)}
    if any(map(math.isnan, (*means.values(), floor))):
        return ""
    above = [model for model, mean in means.items() if sign * mean > sign * floor]
    named = f"the method without memory, {name}"
    if len(above) == len(means):
        return ""
    return f"only {above[0]} beats {named}" if above else f"neither beats {named}"
