"""What a comparison has to say of scores by seed, computed anew: every sign pattern counted, scipy's own intervals."""

import itertools
import math
from collections.abc import Mapping

import numpy as np
from scipy import stats

from scripts.tables.fabricate import fabricate

Scores = Mapping[int, float]  # seed -> score


def write(runs, rnn: Scores, lstm: Scores, **more):
    """Run directories of both models with these scores by seed; ``more`` as of fabricate."""
    for model, scores in (("rnn", rnn), ("lstm", lstm)):
        for seed, score in scores.items():
            fabricate(runs, model, seed, score, **more)


def as_accuracy(score: float) -> dict:
    """What of result.json is other than usual where larger scores are better."""
    about = {"primary_metric": "test/accuracy", "direction": "max", "baseline": {"chance": 0.01}}
    return about | {"metrics": {"test/accuracy": score}}


def short(value: float) -> str:
    return f"{value:.3g}"


def figures(a: Scores, b: Scores, direction: str, level: float) -> dict:
    """Of the seeds that both have: mean difference (positive: a is better), its t interval, the exact two-sided p of
    sign flips, and the share of pairs won with its exact interval."""
    seeds = sorted(a.keys() & b.keys())
    d = np.array([(a[s] - b[s]) * (1 if direction == "max" else -1) for s in seeds])
    mean, n = float(d.mean()), len(d)
    low, high = stats.t.interval(level, n - 1, mean, stats.sem(d)) if np.ptp(d) else (mean, mean)
    sums = [abs(sum(signs * np.abs(d))) for signs in map(np.array, itertools.product((-1, 1), repeat=n))]
    p = sum(each >= abs(d.sum()) - 1e-12 for each in sums) / len(sums)
    wins = float((d > 0).sum() + (d == 0).sum() / 2)
    tail = (1 - level) / 2
    least = stats.beta.ppf(tail, wins, n - wins + 1) if wins else 0.0
    most = stats.beta.ppf(1 - tail, wins + 1, n - wins) if wins < n else 1.0
    return {"mean": mean, "low": low, "high": high, "p": p, "n": n, "won": (wins / n, float(least), float(most))}


def sentence(a: Scores, b: Scores, *, metric: str, direction: str, level: float = 0.95, margin: float = 0.005) -> str:
    """The whole sentence on rnn with scores ``a`` and lstm with ``b``, compared for a fixed number of pairs."""
    got, names = figures(a, b, direction, level), ("rnn", "lstm")
    mean, low, high, (won, least, most) = (got[key] for key in ("mean", "low", "high", "won"))
    alpha = 1 - level + 1e-9
    equal = -margin <= low and high <= margin and 2.0 ** -got["n"] <= alpha
    sure = low * high > 0 and got["p"] <= alpha
    if mean < 0:
        names, mean, low, high = names[::-1], -mean, -high, -low
        won, least, most = 1 - won, 1 - most, 1 - least
    word = "lower" if direction == "min" else "higher"
    seen = f"{metric} {short(mean)} {word}" if mean else f"mean {metric} the same"
    seen += f" ({math.floor(level * 1000 + 0.5) / 10:g} % interval {short(low)} to {short(high)})"
    beats = f"beats it on a fresh seed with probability {won:.2f} ({least:.2f} to {most:.2f})"
    first, second = names
    whose = f"{first}'s " if mean else ""
    end = f", N = {got['n']} seeds."
    if equal:
        within = f"within the margin of {short(margin)}"
        return f"On adding (length 50), {first} and {second} are equivalent: {whose}{seen}, {within}{end}"
    if sure:
        return f"On adding (length 50), {first} is better than {second}: {seen}, {beats}{end}"
    return f"On adding (length 50), {first} against {second} is not resolved: {whose}{seen}, {beats}{end}"
