"""What a comparison has to say of scores by seed, computed anew: every pair of runs counted, scipy's own intervals."""

import math
from collections.abc import Mapping

import numpy as np
from scipy import stats

from scripts.tables.fabricate import fabricate
from seqexp.statistics.pairs import Direction
from seqexp.statistics.typical_run import typical_run

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


def figures(a: Scores, b: Scores, direction: Direction, level: float) -> dict:
    """Of the seeds that both have: mean difference (positive: a is better) with its t interval. Of all runs with all:
    the share that a wins, ties half."""
    seeds, sign = sorted(a.keys() & b.keys()), 1 if direction == "max" else -1
    d = np.array([(a[s] - b[s]) * sign for s in seeds])
    mean, n = float(d.mean()), len(d)
    low, high = stats.t.interval(level, n - 1, mean, stats.sem(d)) if np.ptp(d) else (mean, mean)
    every = np.subtract.outer([*a.values()], [*b.values()]) * sign
    return {"mean": mean, "low": low, "high": high, "theta": float(((every > 0) + (every == 0) / 2).mean())}


def said(
    a: Scores, b: Scores, *, noun: str, direction: Direction, level: float = 0.95, margin: float = 0.005
) -> list[str]:
    """The sentence on rnn with scores ``a`` and lstm with ``b``, for a fixed number of runs, and that on the means."""
    got = figures(a, b, direction, level)
    found = typical_run([*a.values()], [*b.values()], direction=direction, margin=margin, level=level)
    percentage = f"{math.floor(level * 1000 + 0.5) / 10:g} %"
    first, second, theta, least, most = "rnn", "lstm", got["theta"], found.low, found.high
    if theta < 0.5:
        first, second, theta, least, most = second, first, 1 - theta, 1 - most, 1 - least
    beats = f"a fresh run of {first} beats one of {second} with probability {theta:.2f}"
    beats += f" ({percentage} interval {least:.2f} to {most:.2f})"
    n, m = (f"{len(each)} run{'' if len(each) == 1 else 's'}" for each in (a, b))
    runs = f"{n} of each" if n == m else f"{n} of rnn and {m.split()[0]} of lstm"
    p = found.p_equivalent if found.verdict == "equivalent" else found.p
    end = f"p = {short(p)}, {runs}."
    on = "On adding (length 50)"
    if found.verdict == "equivalent":
        within = f"most pairs of runs differ by no more than the margin of {short(margin)}"
        headline = f"{on}, {{}} and {{}} are equivalent in the typical run: {within}, {end}".format(first, second)
    elif found.verdict == "not resolved":
        headline = f"{on}, {first} against {second} is not resolved: {beats}, {end}"
    else:
        headline = f"{on}, {first} is better than {second} in the typical run: {beats}, {end}"
    mean, low, high = got["mean"], got["low"], got["high"]
    if mean < 0:
        mean, low, high = -mean, -high, -low
    ahead = "rnn" if got["mean"] > 0 else "lstm"
    word = "lower" if direction == "min" else "higher"
    seen = f"{ahead}'s {noun} is {short(mean)} {word}" if mean else f"the mean {noun} is the same"
    return [headline, f"{seen} ({percentage} interval by Student's t {short(low)} to {short(high)}"]
