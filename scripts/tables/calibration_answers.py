"""How often each answer of a report is wrong, in each shape of scores: the parts of `scripts.tables.calibration`."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy import special

from scripts.tables.calibration_report import LEVEL, Report, percent
from scripts.tables.calibration_shapes import DIFFERENT, FAILURES, OWN_DRIFT, SAME, Shape
from seqexp.statistics import betting, brunner_munzel
from seqexp.statistics.families import holm
from seqexp.statistics.pairs import clopper_pearson
from seqexp.statistics.sequential import outcomes
from seqexp.statistics.two_way import two_way
from seqexp.statistics.typical_run import p_sides, p_values, probability

SEEDS = (5, 6, 10, 20, 40)
ALPHA = 1 - LEVEL
MODELS, TASKS = 4, 22  # of the catalogue
CATALOGUES = 400
TIES = 200  # comparisons of scores with ties, each of which has a permutation test of its own
LOST_POWER = 0.05  # against an unpaired test


def typical_runs(report: Report, seed: int, shapes: Sequence[Shape] = (*SAME, *DIFFERENT, OWN_DRIFT)) -> None:
    """False claims of the typical run, and how often theta is covered, for fixed numbers and sequential use."""
    rows = []
    for number, shape in enumerate(shapes):
        several = min(report.comparisons, TIES) if "quarters" in shape.name else report.comparisons
        a, b = shape.draw(np.random.default_rng([seed, 10, number]), (several, max(SEEDS)))
        theta, gate = shape.theta(), shape is not OWN_DRIFT
        x = np.where(a == b, 0.5, np.where(a > b, 1.0, 0.0))
        for n in SEEDS:
            few_a, few_b = a[:, :n], b[:, :n]
            better, worse = p_sides(few_a, few_b)
            _, low, high = probability(few_a, few_b, better, worse, LEVEL)
            above, below = (betting.p_larger(each[:, :n], 0.5, anytime=True) for each in (x, 1 - x))
            start, end = betting.mean_interval(x[:, :n], LEVEL, anytime=True)
            where = f"{shape.name}, N = {n}"
            cells = [
                ("typical run, false", _false(better, worse, theta)),
                ("typical run covered", _covers(low, high, theta)),
                ("sequential typical run, false", _false(above, below, theta)),
                ("sequential typical run covered", _covers(start, end, theta)),
            ]
            told = [_cell(report, what, rate, where, gate, several) for what, rate in cells]
            rows.append((shape.name, f"{theta:.3f}", n, *told))
    head = ("scores", "theta", "N", "false better or worse", "theta covered", "sequential: false by N", "covered by N")
    report.table("The typical run:", head, rows)


def means(report: Report, seed: int, shapes: Sequence[Shape] = (*SAME, *DIFFERENT)) -> None:
    """False claims about the mean of scores in 0..1, beside those of sign flips and a t interval."""
    from scripts.tables.calibration import errors

    rows = []
    for number, shape in enumerate(shape for shape in shapes if shape.equal_mean):
        a, b = shape.draw(np.random.default_rng([seed, 11, number]), (report.comparisons, max(SEEDS)))
        for n in SEEDS:
            told = mean_cells(report, a, b, n, shape.name)
            flips = ("", "") if n == 40 else tuple(map(percent, _not_covered(*errors(a[:1000, :n], b[:1000, :n]))))
            rows.append((shape.name, n, *told, *flips))
    head = ("scores", "N", "false on average", "0 covered", "sequential: false by N", "covered by N")
    report.table("The mean of scores in 0..1:", (*head, "sign flips and t interval: false", "t interval covers"), rows)


def mean_cells(report: Report, a: np.ndarray, b: np.ndarray, n: int, name: str) -> list[str]:
    """How often the means of the first n of a and b (C, N), which are equal, are told apart, and 0 is covered."""
    x, cells = (np.clip(a[:, :n], 0, 1) - np.clip(b[:, :n], 0, 1) + 1) / 2, []
    for anytime, kind in ((False, "mean"), (True, "sequential mean")):
        above, below = (betting.p_larger(each, 0.5, anytime=anytime) for each in (x, 1 - x))
        low, high = betting.mean_interval(x, LEVEL, anytime=anytime)
        cells += [(f"{kind}, false", _false(above, below, 0.5)), (f"{kind} covered", _covers(low, high, 0.5))]
    return [_cell(report, what, rate, f"{name}, N = {n}", True) for what, rate in cells]


def power(report: Report, seed: int) -> None:
    """What the typical run finds, beside the permutation test alone and the sequential test."""
    rows = []
    for number, (name, skewed, shift) in enumerate(
        (f"{'lognormal' if skewed else 'normal'}, {shift:g} sd", skewed, shift)
        for skewed in (False, True)
        for shift in (0.5, 1.0, 1.5, 2.0)
    ):
        rng = np.random.default_rng([seed, 12, number])
        a, b = rng.normal(shift, 1, (report.comparisons, 40)), rng.normal(0, 1, (report.comparisons, 40))
        if skewed:
            a, b = np.exp(b) + shift, np.exp(rng.normal(0, 1, b.shape))
        for n in (6, 7, 8, 10, 20, 40):
            counts = brunner_munzel.blocks(a[:, :n], b[:, :n])
            alone = float(np.mean(brunner_munzel.p_permuted(*counts) <= ALPHA / 2))
            found = float(np.mean(brunner_munzel.p_larger(*counts) <= ALPHA / 2))
            x = outcomes(a[:, :n] - b[:, :n])
            stopped = float(np.mean(betting.p_larger(x, 0.5, anytime=True) <= ALPHA / 2))
            signs = float(np.mean(2 * special.bdtrc(x.sum(axis=1) - 1, n, 0.5) <= ALPHA))
            # Few skewed scores look like the nearly constant ones that the permutation test alone is wrong about.
            if found < alone - LOST_POWER and (n >= 20 or not skewed):
                report.broken.append(f"power, {name}, N = {n}: {found:.3f}, unpaired {alone:.3f}")
            rows.append((name, n, *map(percent, (found, alone, signs, stopped))))
    head = (
        "a ahead by",
        "N",
        "typical run finds it",
        "unpaired permutation test alone",
        "paired signs",
        "sequential, by N",
    )
    report.table("Power (sd of the normal deviate):", head, rows)


def equivalence(report: Report, seed: int, numbers: Sequence[int] = (6, 10, 20, 40)) -> None:
    """A median difference as large as the margin is called equivalent no oftener than alpha; none at all mostly is."""
    rows = []
    for number, (shift, margin) in enumerate(((1.0, 1.0), (0.0, 1.0), (0.0, 0.5))):
        rng = np.random.default_rng([seed, 13, number])
        a, b = (
            rng.normal(shift, np.sqrt(0.5), (report.comparisons, 40)),
            rng.normal(0, np.sqrt(0.5), (report.comparisons, 40)),
        )
        for n in numbers:
            fixed = float(np.mean(p_values(a[:, :n], b[:, :n], margin)[2] <= ALPHA))
            d = a[:, :n] - b[:, :n]
            ends = outcomes(d, -margin), 1 - outcomes(d, margin)
            refuted = [betting.p_larger(x, 0.5, anytime=True) <= ALPHA / 2 for x in ends]
            stopped = float(np.mean(refuted[0] & refuted[1]))
            told = [percent(fixed), percent(stopped)]
            if shift >= margin:
                told = [
                    report.at_most(f"{word} false equivalence, N = {n}", rate, ALPHA)
                    for word, rate in (("typical run,", fixed), ("sequential,", stopped))
                ]
            rows.append((shift, margin, n, *told))
    head = ("difference (sd)", "margin (sd)", "N", "equivalent", "sequential: by N")
    report.table("Equivalence in the typical run, normal scores:", head, rows)


def catalogue(report: Report, seed: int, numbers: Sequence[int] = (10, 20, 40)) -> None:
    """The chance of any false headline among all pairs of 4 models on 22 tasks, under Holm."""
    rows = []
    for n, different in ((n, different) for n in numbers for different in (0, TASKS // 2)):
        true, *tests = _claims(np.random.default_rng([seed, 14, n, different]), n, different)
        for name, p in zip(("fixed number", "sequential"), tests, strict=True):
            corrected = np.array([holm(row) for row in p])
            wrong, plain = (float((each[:, ~true] <= ALPHA).any(axis=1).mean()) for each in (corrected, p))
            found = percent(float((corrected[:, true] <= ALPHA).mean())) if different else ""
            what = f"family-wise, {name}, N = {n}, {different} tasks differ"
            under_holm = report.at_most(what, wrong, ALPHA, CATALOGUES)
            rows.append((name, n, different, percent(plain), under_holm, found))
    head = ("test", "N", "tasks that differ", "any false headline, uncorrected", "under Holm", "true ones found")
    claims = TASKS * math.comb(MODELS, 2)
    report.table(f"A catalogue of {TASKS} tasks x {MODELS} models, {claims} claims:", head, rows)


def _claims(rng: np.random.Generator, n: int, different: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which claims are true (claims,), and their two-sided p (CATALOGUES, claims) for n seeds and in sequential use.

    On ``different`` tasks, the first model is better than the three others; these do not differ.
    """
    true, fixed, sequential = [], [], []
    laws = [shape for shape in SAME if shape.name in ("normal", "half collapsed")]
    for task in range(TASKS):
        drawn = laws[task % len(laws)].draw(rng, (CATALOGUES, MODELS * n))[0]
        scores = drawn.reshape(CATALOGUES, MODELS, n)
        scores[:, 0] += task < different
        for one, other in combinations(range(MODELS), 2):
            x = outcomes(scores[:, one] - scores[:, other])
            sides = [betting.p_larger(each, 0.5, anytime=True) for each in (x, 1 - x)]
            sequential.append(2 * np.minimum(*sides))
            fixed.append(2 * np.minimum(*p_sides(scores[:, one], scores[:, other])))
            true.append(task < different and one == 0)
    return np.array(true), *(np.minimum(np.stack(each, axis=1), 1) for each in (fixed, sequential))


def both_ways(report: Report, seed: int) -> None:
    """How often the two-way interval covers, beside one over seeds alone; 179 examples, as the digits' test set has."""
    rows = []
    few = min(report.comparisons, 1000)
    for number, (seeds, sd_seeds) in enumerate((s, sd) for s in (5, 10, 20) for sd in (0.0, 0.02, 0.1)):
        rng = np.random.default_rng([seed, 15, number])
        hard = rng.normal(
            1.5, 1, (few, 1, 179)
        )  # how easy an example is for both models, and for one more than the other
        own = [hard + 0.5 * rng.normal(size=hard.shape) + 4 * sd_seeds * rng.normal(size=(few, seeds, 1)) for _ in "ab"]
        a, b = ((each + rng.normal(size=(few, seeds, 179)) > 0).astype(float) for each in own)
        found = [two_way(x, y, direction="max", level=LEVEL) for x, y in zip(a, b, strict=True)]
        covered = float(np.mean([each.low <= 0 <= each.high for each in found]))
        half = float(special.stdtrit(seeds - 1, (1 + LEVEL) / 2))
        alone = float(np.mean([abs(each.effect) <= half * each.se_seeds for each in found]))
        where = f"two-way covered, {seeds} seeds, {sd_seeds}"
        rows.append((seeds, 4 * sd_seeds, report.at_least(where, covered, LEVEL, few), percent(alone)))
    head = ("seeds", "spread of seeds (sd of the logit's noise)", "two-way interval covers", "one over seeds alone")
    report.table("Right or wrong answers on 179 examples:", head, rows)


def reliability(report: Report) -> None:
    """Clopper and Pearson's coverage, counted over all outcomes: nothing is drawn."""
    rows = []
    for n in SEEDS:
        ends = np.array([clopper_pearson(count, n, LEVEL) for count in range(n + 1)])
        told = []
        for share in (*FAILURES, 0.5):
            chance = special.bdtr(np.arange(n + 1), n, share)
            chance = np.diff(chance, prepend=0)
            covered = float(chance[(ends[:, 0] <= share) & (share <= ends[:, 1])].sum())
            told.append(report.at_least(f"a share of {share} covered, N = {n}", covered, LEVEL))
        rows.append((n, *told))
    report.table(
        "Shares of failed runs, covered:", ("N", *(f"{100 * share:g} % fail" for share in (*FAILURES, 0.5))), rows
    )


def _false(better: np.ndarray, worse: np.ndarray, theta: float) -> float:
    """How often a claim is false: any if theta is 1/2, else the one of the wrong side."""
    wrong_up, wrong_down = better <= ALPHA / 2 * (1 + 1e-9), worse <= ALPHA / 2 * (1 + 1e-9)
    return float(np.mean((wrong_up & (theta <= 0.5)) | (wrong_down & (theta >= 0.5))))


def _covers(low: np.ndarray, high: np.ndarray, truth: float) -> float:
    return float(np.mean((low - 1e-9 <= truth) & (truth <= high + 1e-9)))


def _not_covered(wrong: float, missed: float) -> tuple[float, float]:
    return wrong, 1 - missed


def _cell(report: Report, what: str, rate: float, where: str, gate: bool, comparisons: int | None = None) -> str:
    if not gate:
        return percent(rate)
    if "covered" in what:
        return report.at_least(f"{what}, {where}", rate, LEVEL, comparisons)
    return report.at_most(f"{what}, {where}", rate, ALPHA, comparisons)
