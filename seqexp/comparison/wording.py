"""A claim in words: who is better, by how much, with what certainty, and what would resolve it."""

import math

from seqexp.comparison.contest import FEWEST, Claim
from seqexp.system.plurals import counted


def sentence(claim: Claim) -> str:
    """The claim in words."""
    result, terms = claim.paired, claim.terms
    if result is None:
        return (
            f"On {claim.label}, {claim.a} and {claim.b} cannot be compared: "
            f"{counted(len(claim.seeds), 'seed')} with scores of both, and at least {FEWEST} are needed."
        )
    first, second, effect, low, high = claim.a, claim.b, result.effect, result.low, result.high
    chance, least, most = result.p_superior, result.p_low, result.p_high
    if effect < 0:
        first, second, effect, low, high = second, first, -effect, -high, -low
        chance, least, most = 1 - chance, 1 - most, 1 - least
    word = "lower" if terms.direction == "min" else "higher"
    level = percent(terms.level)
    range_ = f"{number(low)} to {number(high)}"
    difference = f"{terms.metric} {number(effect)} {word}" if effect else f"mean {terms.metric} the same"
    known = math.isfinite(high - low)
    # After optional stopping the bets on signs know the median of the differences, not their mean.
    of = " of the median difference" if terms.sequential else ""
    difference = f"{difference} ({f'{level} interval{of} {range_}' if known else 'too few pairs for an interval'})"
    beats = f"beats it on a fresh seed with probability {chance:.2f} ({least:.2f} to {most:.2f})"
    owned = f"{first}'s " if effect else ""
    end = f", N = {result.n} seeds."
    if result.verdict in ("better", "worse"):
        return f"On {claim.label}, {first} is better than {second}: {difference}, {beats}{end}"
    if result.verdict == "equivalent":
        within = f"within the margin of {number(terms.margin)}"
        return f"On {claim.label}, {first} and {second} are equivalent: {owned}{difference}, {within}{end}"
    return f"On {claim.label}, {first} against {second} is not resolved: {owned}{difference}, {beats}{end}"


def headline(claim: Claim) -> str:
    """The verdict in a few words, after what limits it."""
    first = "".join(f"{mark}: " for mark in claim.terms.marks)
    if claim.verdict in ("better", "worse"):
        return f"{first}{claim.a if claim.verdict == 'better' else claim.b} is better"
    return f"{first}{claim.verdict}"


def answers(claim: Claim) -> list[str]:
    """Three answers in a sentence each: the typical run, the mean, how reliably each model ends."""
    typical, mean, said = claim.typical, claim.mean, []
    if typical is not None:
        wins = f"{claim.a} wins with probability {typical.probability:.2f} ({typical.low:.2f} to {typical.high:.2f})"
        said.append(f"In the typical run, a run without a score losing: {wins}, p = {number(typical.p)}.")
    if mean is not None:
        unseen = f"up to {percent(round(mean.unseen, 2))} of seeds may end differently from all of these"
        known = f"{claim.a if mean.verdict == 'better' else claim.b} is better"
        if mean.verdict not in ("better", "worse"):
            known = f"not known from {counted(mean.n, 'seed')}"
        why = "" if mean.bounded else ", and the metric has no worst score"
        said.append(f"On average: {known}; {unseen}{why}.")
    for model, ended in zip((claim.a, claim.b), claim.reliability, strict=True):
        shares = [
            f"{share.count} of {share.n} {word} ({percent(round(share.low, 2))} to {percent(round(share.high, 2))})"
            for word, share in (("failed", ended.failed), ("diverged", ended.diverged))
        ]
        said.append(f"{model}: {', '.join(shares)}.")
    return said


def advice(claim: Claim) -> str:
    """What would resolve the claim; empty if it is resolved."""
    result = claim.paired
    if claim.verdict != "not resolved" or result is None:
        return ""
    if claim.terms.sequential:
        return f"The same command with max_seeds={2 * result.n} continues from here."
    said = ""
    if not result.reachable:
        said = f"{result.n} pairs can never reach the {percent(claim.terms.level)} level with a sign-flip test. "
    if not result.more_seeds:
        return f"{said}No reasonable number of seeds would resolve a difference this small."
    seeds = "1 more seed" if result.more_seeds == 1 else f"{result.more_seeds} more seeds"
    return f"{said}About {seeds} of each model would resolve the observed difference."


def number(value: float) -> str:
    """Three significant digits."""
    if not math.isfinite(value):
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def percent(level: float) -> str:
    return f"{100 * level:g} %"
