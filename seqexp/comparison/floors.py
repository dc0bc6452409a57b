"""Whether two models are better than what needs no memory: a difference between two that are not is worth little."""

import math

from seqexp.comparison.contest import Claim, Contest


def beside_floor(contest: Contest, claim: Claim) -> str:
    """Which of a claim's models are not clearly better than the best memoryless baseline, in words: of which the
    interval of the mean over seeds is not on the better side of it. Empty where both are, or nothing is known."""
    if contest.baseline is None:
        return ""
    name, floor = contest.baseline
    entries = [contest.entry(model) for model in (claim.a, claim.b)]
    if any(map(math.isnan, (floor, *(entry.mean for entry in entries)))):
        return ""
    sign = -1 if contest.terms.direction == "min" else 1
    clear = [entry.model for entry in entries if min(sign * end for end in entry.interval) > sign * floor]
    named = f"the method without memory, {name}"
    if len(clear) == len(entries):
        return ""
    if clear:
        return f"only {clear[0]} clearly beats {named}"
    better = any(sign * entry.mean > sign * floor for entry in entries)
    return f"neither {'clearly ' * better}beats {named}"
