"""Who wins, by how much, with what certainty: the runs of some models on one task, paired by seed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from seqexp.comparison import three_answers
from seqexp.comparison.examples import crossed
from seqexp.comparison.terms import Terms as Terms
from seqexp.comparison.tuning_studies import Study
from seqexp.runs.reader import Run, differing
from seqexp.statistics.mean_difference import Known, MeanDifference
from seqexp.statistics.paired import Paired, paired
from seqexp.statistics.pairs import Verdict, at_most, half_interval
from seqexp.statistics.reliability import ENDED, Reliability, reliability
from seqexp.statistics.sequential import Sequential
from seqexp.statistics.two_way import TwoWay
from seqexp.statistics.typical_run import TypicalRun
from seqexp.system.errors import UserError
from seqexp.system.printable import printable
from seqexp.tasks.metrics import Direction

FEWEST = 2  # pairs that a difference has an interval from
LONGEST_REASON = 300  # characters
MANY_LOST = 0.1  # share of a model's seeds without a score from which every verdict has to say so


@dataclass(frozen=True)
class Lost:
    """A seed that has no score, and why."""

    seed: int
    status: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """One model's runs on one task: the one that counts for each seed."""

    model: str
    runs: Mapping[int, Run]
    terms: Terms

    @cached_property
    def scores(self) -> dict[int, float]:
        found = {seed: run.result.score(self.terms.metric) for seed, run in self.runs.items()}
        return {seed: score for seed, score in found.items() if score is not None}

    @cached_property
    def lost(self) -> list[Lost]:
        """The seeds without a score: failed, diverged, killed, running, or without the metric. None is dropped
        silently, and none is given a score."""
        lost = []
        for seed, run in self.runs.items():
            if seed not in self.scores:
                why = f"it lacks {self.terms.metric}" if run.result.status == "FINISHED" else run.result.error
                lost.append(Lost(seed, run.result.status, _told(why)))
        return lost

    def count(self, status: str) -> int:
        return sum(lost.status == status for lost in self.lost)

    @cached_property
    def outcomes(self) -> dict[int, float | None]:
        """The score of each seed whose run ended; None of one that failed or diverged. A finished run in which the
        metric was not computed has no outcome."""
        ended = {seed: run.result for seed, run in self.runs.items() if run.result.status in ENDED}
        known = (
            seed for seed, result in ended.items() if result.status != "FINISHED" or self.terms.metric in result.metrics
        )
        return {seed: self.scores.get(seed) for seed in known}

    @cached_property
    def reliability(self) -> Reliability:
        statuses = [run.result.status for run in self.runs.values()]
        scores = [self.scores.get(seed) for seed in self.runs]
        return reliability(statuses, scores, direction=self.terms.direction, threshold=None, level=self.terms.level)

    @property
    def any(self) -> Run:
        return next(iter(self.runs.values()))

    @cached_property
    def mean(self) -> float:
        return float(np.mean([*self.scores.values()])) if self.scores else math.nan

    @cached_property
    def std(self) -> float:
        """Over seeds, n - 1 in the denominator; nan for fewer than two."""
        return float(np.std([*self.scores.values()], ddof=1)) if len(self.scores) > 1 else math.nan

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The t interval of the mean at the level asked for."""
        half = half_interval([*self.scores.values()], self.terms.level)
        return self.mean - half, self.mean + half

    @cached_property
    def seconds(self) -> float:
        """Mean training seconds of the finished runs."""
        seconds = [run.result.seconds for run in self.runs.values() if run.result.status == "FINISHED"]
        return float(np.mean(seconds or [math.nan]))

    @cached_property
    def epochs(self) -> float | None:
        """Mean passes over the training data of the finished runs; None where one does not say."""
        epochs = [run.result.epochs for run in self.runs.values() if run.result.status == "FINISHED"]
        known = [count for count in epochs if count is not None]
        return float(np.mean(known)) if known and len(known) == len(epochs) else None

    @property
    def params(self) -> int | None:
        """All that training sets."""
        return self.any.result.params

    @property
    def counted(self) -> int | None:
        """Without the embedding table: what a budget counts."""
        return self.any.result.counted_params

    @property
    def hidden(self) -> int | None:
        return self.any.result.hidden_size

    @property
    def a_unit(self) -> int | None:
        """The parameters that one hidden unit more would take."""
        return self.any.result.params_per_unit


@dataclass(frozen=True)
class Claim:
    """What is said of two models on a task: the typical run is the headline, the mean stands beside it.

    paired: classical figures of the pairs of seeds; None where there are too few.
    crossed: the mean difference with an interval for other seeds and other test examples; None where the answers to
    each are not stored.
    holm, holm_mean: the p of the typical run's claim and of the mean's, each corrected for all such claims of the
    report (Holm 1979); None where there is one claim.
    """

    a: str
    b: str
    task: str
    label: str  # the task with its telling settings
    terms: Terms
    seeds: tuple[int, ...]
    unpaired: tuple[int, ...]
    paired: Paired | None
    alarm: str  # many runs failed; empty otherwise
    typical: TypicalRun | None  # which model wins on a fresh seed; None where a model has no run that ended
    mean: MeanDifference | None  # which is better on average
    reliability: tuple[Reliability, Reliability]  # of a and of b
    crossed: TwoWay | None = None
    holm: float | None = None
    holm_mean: float | None = None
    family: int = 1  # claims of the report

    @property
    def verdict(self) -> Verdict:
        """Which model wins in the typical run, as one of all claims of the report."""
        if self.typical is None:
            return "not resolved"
        corrected_p = self.typical.p_claim if self.holm is None else self.holm
        return self.typical.verdict_at(corrected_p, self.terms.level)

    @property
    def on_average(self) -> Known:
        """Which model has the better mean, as one of all claims of the report."""
        if self.mean is None or self.mean.verdict not in ("better", "worse"):
            return "unknown" if self.mean is None else self.mean.verdict
        refuted = at_most(self.mean.p if self.holm_mean is None else self.holm_mean, 1 - self.terms.level)
        return self.mean.verdict if refuted else "not resolved"


@dataclass(frozen=True)
class Contest:
    """All models on one task."""

    task: str
    label: str
    terms: Terms
    entries: Sequence[Entry]
    claims: Sequence[Claim]
    baseline: tuple[str, float] | None  # the best memoryless baseline of the primary metric
    studies: Mapping[str, Study]
    notes: Sequence[str] = field(default_factory=list)

    def entry(self, model: str) -> Entry:
        return next(entry for entry in self.entries if entry.model == model)


def contest(
    label: str,
    terms: Terms,
    runs: Mapping[str, Mapping[int, Run]],
    pairs: Sequence[tuple[str, str]] | None,
    studies: Mapping[str, Study],
    notes: Sequence[str],
) -> Contest:
    """Compare the models of ``runs``, model -> seed -> run, in these pairs (default: all). UserError where their tasks
    are not the same problem."""
    entries = [Entry(model, of_seed, terms) for model, of_seed in runs.items()]
    task = entries[0].any.result.task
    unlike = differing([entry.any for entry in entries], ("task.",))
    if unlike:
        told = "; ".join(f"{key} ({', '.join(map(str, values))})" for key, values in unlike.items())
        key, values = next(iter(unlike.items()))
        raise UserError(
            f"{task}: expected the models' runs to have the same task; they differ in {told[:600]}; "
            f"choose one, such as {key}={values[-1]}"
        )
    by_name = {entry.model: entry for entry in entries}
    claims = [_claim(by_name[a], by_name[b], task, label, terms) for a, b in pairs or combinations(by_name, 2)]
    return Contest(task, label, terms, entries, claims, _baseline(entries, terms), studies, notes)


def direction_of(metric: str, runs: Sequence[Run]) -> Direction:
    """Which way the metric is better, as the runs say. UserError where none knows, or they contradict each other."""
    said = {run.result.direction_of(metric) for run in runs}
    if len(said) != 1:
        raise UserError(
            f"metric {metric}: expected runs that agree whether larger is better; got {' and '.join(sorted(said))}"
        )
    return said.pop()


def _told(reason: Any) -> str:
    """A reason in one line that a terminal can show."""
    return printable(" ".join(str(reason or "no reason was recorded").split()))[:LONGEST_REASON]


def _claim(a: Entry, b: Entry, task: str, label: str, terms: Terms) -> Claim:
    seeds = tuple(seed for seed in a.scores if seed in b.scores)
    unpaired = tuple(sorted({*a.runs, *b.runs} - {*seeds}))
    result = None
    if len(seeds) >= FEWEST:
        left, right = (np.array([entry.scores[seed] for seed in seeds]) for entry in (a, b))
        result = paired(left, right, direction=terms.direction, margin=terms.margin, level=terms.level)
        if terms.sequential:
            result = _looked_at_after_each(result, a.outcomes, b.outcomes, terms)
    typical, mean = (
        three_answers.typical(a.outcomes, b.outcomes, terms),
        three_answers.mean(a.outcomes, b.outcomes, terms),
    )
    both = (a.reliability, b.reliability)
    said = typical, mean, both, crossed(a.runs, b.runs, terms)
    return Claim(a.model, b.model, task, label, terms, seeds, unpaired, result, _alarm(a, b), *said)


def _looked_at_after_each(result: Paired, a: three_answers.Outcomes, b: three_answers.Outcomes, terms: Terms) -> Paired:
    """The result with verdict and interval of the test that was asked after every pair, in the order of the seeds."""
    seeds = [seed for seed in a if seed in b]
    test = Sequential(terms.level, terms.margin, len(seeds), terms.direction, terms.claims)
    for seed in seeds:
        if not test.done:
            test.update(a[seed], b[seed])
    low, high = test.interval()
    return replace(result, low=low, high=high, verdict=test.verdict, reachable=test.reachable)


def _alarm(a: Entry, b: Entry) -> str:
    many = [e for e in (a, b) if len(e.lost) > MANY_LOST * max(1, len(e.runs))]
    told = " and ".join(f"{len(entry.lost)} of {len(entry.runs)} {entry.model} runs" for entry in many)
    return f"{told} have no score: one that failed or diverged loses, others count for nothing." if told else ""


def _baseline(entries: Sequence[Entry], terms: Terms) -> tuple[str, float] | None:
    for entry in entries:
        for run in entry.runs.values():
            best = run.result.best_memoryless() if run.result.primary_metric == terms.metric else None
            if best is not None:
                return best
    return None
