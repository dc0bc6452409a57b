"""A claim in words: which model wins the typical run, whether also on average, and what would resolve it."""

import math

from seqexp.comparison.contest import Claim
from seqexp.statistics.mean_difference import MeanDifference
from seqexp.statistics.reliability import Reliability
from seqexp.statistics.two_way import TwoWay
from seqexp.statistics.typical_run import TypicalRun
from seqexp.system.plurals import counted


def headline(claim: Claim) -> str:
    """The verdict in a few words, after what limits it."""
    return "".join(f"{mark}: " for mark in claim.terms.marks) + _verdict(claim)


def _verdict(claim: Claim) -> str:
    if claim.verdict not in ("better", "worse"):
        return f"{claim.verdict} in the typical run" if claim.verdict == "equivalent" else claim.verdict
    first = _better(claim, claim.verdict)
    if claim.on_average not in ("better", "worse"):
        return f"{first} is better in the typical run"
    also = "and on average" if claim.on_average == claim.verdict else f"{_better(claim, claim.on_average)} on average"
    return f"{first} is better in the typical run, {also}"


def sentence(claim: Claim) -> str:
    """The claim of the typical run in words."""
    typical, a, b = claim.typical, claim.a, claim.b
    if typical is None:
        return f"On {claim.label}, {a} and {b} cannot be compared: one of them has no run that ended."
    chance, low, high = typical.probability, typical.low, typical.high
    if claim.verdict == "worse" or (claim.verdict != "better" and chance < 0.5):
        a, b, chance, low, high = b, a, 1 - chance, 1 - high, 1 - low
    level = percent(claim.terms.level)
    beats = (
        f"a fresh run of {a} beats one of {b} with probability {chance:.2f} ({level} interval {low:.2f} to {high:.2f})"
    )
    end = f"p = {number(typical.p_claim)}{_among(claim)}, {_runs(claim, typical)}."
    if claim.verdict in ("better", "worse"):
        return f"On {claim.label}, {a} is better than {b} in the typical run: {beats}, {end}"
    if claim.verdict == "equivalent":
        within = f"most pairs of runs differ by no more than the margin of {number(claim.terms.margin)}"
        return f"On {claim.label}, {a} and {b} are equivalent in the typical run: {within}, {end}"
    return f"On {claim.label}, {a} against {b} is not resolved: {beats}, {end}"


def answers(claim: Claim) -> list[tuple[str, str]]:
    """What stands beside the typical run, each with its name: the mean, and how reliably each model ends."""
    said = []
    if claim.mean is not None:
        said.append(("On average", average(claim, claim.mean)))
    if claim.crossed is not None:
        said.append(("With other test examples", other_examples(claim, claim.crossed)))
    ended = "; ".join(
        f"{model} {_ended(found)}" for model, found in zip((claim.a, claim.b), claim.reliability, strict=True)
    )
    return [*said, ("Reliability", f"{ended}.")]


def _ended(found: Reliability) -> str:
    """How many of a model's runs failed and diverged, with the exact interval of each share."""
    if not found.failed.count and not found.diverged.count:
        return f"0 of {found.failed.n} failed or diverged (0 % to {percent(round(found.failed.high, 2))})"
    shares = (("failed", found.failed), ("diverged", found.diverged))
    return ", ".join(
        f"{share.count} of {share.n} {word} ({percent(round(share.low, 2))} to {percent(round(share.high, 2))})"
        for word, share in shares
    )


def average(claim: Claim, mean: MeanDifference) -> str:
    """What is known of the difference of the means."""
    level, seeds = percent(claim.terms.level), counted(mean.n, "seed")
    unseen = f"up to {percent(round(mean.unseen, 2))} of all seeds may end differently from these {seeds}"
    if not mean.bounded:
        worst = f"{claim.terms.noun} has no worst value"
        return f"not known, since {unseen} and {worst}. In these, {difference(claim)}."
    low, high = (mean.low, mean.high) if mean.effect >= 0 else (-mean.high, -mean.low)
    interval = f"for any scores between {_ends(claim)}, {number(low)} to {number(high)}"
    if claim.on_average in ("better", "worse"):
        better = _better(claim, claim.on_average)
        among = f", p = {number(claim.holm_mean)} after Holm for {claim.family} claims" if claim.holm_mean else ""
        return f"{better} is better, {_by(claim, mean.effect)} ({level} interval {interval}{among})."
    takes = f" If every seed showed this difference, {mean.needed:,} would tell." if mean.needed else ""
    return f"not known, since {unseen}. In these, {difference(claim, interval)}.{takes}"


def difference(claim: Claim, more: str = "") -> str:
    """The mean difference of the pairs seen, with its classical interval, and ``more``; after optional stopping, of the
    median."""
    result, terms = claim.paired, claim.terms
    if result is None:
        return f"too few seeds ran with both models to tell {terms.noun} apart"
    low, high = (result.low, result.high) if result.effect >= 0 else (-result.high, -result.low)
    of = "of the median difference " if terms.sequential else "by Student's t "
    known = f"{percent(terms.level)} interval {of}{number(low)} to {number(high)}"
    shown = known if math.isfinite(high - low) else "too few pairs for an interval"
    return f"{_by(claim, result.effect)} ({shown}{f'; {more}' if more else ''})"


def other_examples(claim: Claim, found: TwoWay) -> str:
    """What the difference would be with other test examples too."""
    low, high = (found.low, found.high) if found.effect >= 0 else (-found.high, -found.low)
    wider = f"{number(found.se / found.se_seeds)} times as uncertain" if found.se_seeds > 0 else "less certain"
    interval = f"{percent(claim.terms.level)} interval {number(low)} to {number(high)}"
    zero = "; other examples might turn it round" if low < 0 else ""
    return (
        f"if these {found.examples:,} count as a sample too, {_by(claim, found.effect)} ({interval}), "
        f"{wider} as over seeds alone{zero}."
    )


def advice(claim: Claim) -> str:
    """What would resolve the claim, and why an interval without 0 is no verdict; empty if it is resolved."""
    typical = claim.typical
    if claim.verdict != "not resolved" or typical is None:
        return ""
    if claim.terms.sequential:
        return f"The same command with max_seeds={2 * typical.n} continues from here."
    level, said = percent(claim.terms.level), ""
    if typical.verdict != "not resolved":
        return f"By itself this claim would be resolved at {level}; as one of {claim.family} claims it is not."
    if not typical.reachable:
        said = f"{_runs(claim, typical).capitalize()} can never reach the {level} level. "
    elif claim.paired is not None and claim.paired.low * claim.paired.high > 0:
        said = "The interval of the mean leaves out 0, but it holds only for normal scores, and so decides nothing. "
    if not typical.more:
        return f"{said}No reasonable number of seeds would resolve a difference this small."
    seeds = "1 more seed" if typical.more == 1 else f"{typical.more} more seeds"
    return f"{said}About {seeds} of each model would resolve what is seen here."


def by(claim: Claim, effect: float) -> str:
    """A difference of scores said plainly: who is ahead, and by how much; ``effect`` is positive where a is better."""
    if not effect:
        return "no difference"
    return f"{claim.a if effect > 0 else claim.b} better by {number(abs(effect))}"


def number(value: float) -> str:
    """Three significant digits."""
    if not math.isfinite(value):
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def percent(level: float) -> str:
    return f"{100 * level:g} %"


def _better(claim: Claim, verdict: str) -> str:
    return claim.a if verdict == "better" else claim.b


def _by(claim: Claim, effect: float) -> str:
    if not effect:
        return f"the mean {claim.terms.noun} is the same"
    ahead = claim.a if effect > 0 else claim.b
    return f"{ahead}'s {claim.terms.noun} is {number(abs(effect))} {claim.terms.moved}"


def _among(claim: Claim) -> str:
    return "" if claim.holm is None else f" ({number(claim.holm)} after Holm for {claim.family} claims)"


def _runs(claim: Claim, typical: TypicalRun) -> str:
    if typical.n == typical.m:
        return f"{counted(typical.n, 'run')} of each"
    return f"{counted(typical.n, 'run')} of {claim.a} and {typical.m:,} of {claim.b}"


def _ends(claim: Claim) -> str:
    return " and ".join(map(number, claim.terms.bounds or ()))
