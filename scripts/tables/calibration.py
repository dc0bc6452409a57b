"""How often the verdicts are wrong where the truth is known: a model compared with itself, and known true effects.

``python -m scripts.tables.calibration`` prints the tables of docs/statistics.md and exits with 1 if a rate
is out of its bounds.
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqexp.statistics.paired import paired
from seqexp.statistics.pairs import Direction, Verdict, half_interval
from seqexp.statistics.sequential import Sequential

SEEDS = (5, 6, 10, 20)
LOOKS = 40  # seeds that the sequential test may spend
LEVEL = 0.95
POWER = 0.95  # of the verdict at N = 20 on an effect of one standard deviation
MAX: Direction = "max"

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


@dataclass(frozen=True)
class Scores:
    """Where one model's scores come from: their law and its mean."""

    name: str
    draw: Draw
    mean: float


def half_collapsed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Six runs in ten solve the task; the others stay at the memoryless baseline."""
    return np.where(rng.random(shape) < 0.6, 0.99, 0.55) + rng.normal(0, 0.005, shape)


LAWS = (
    Scores("normal", lambda rng, shape: rng.normal(size=shape), 0.0),
    Scores("skewed (lognormal)", lambda rng, shape: rng.lognormal(size=shape), math.exp(0.5)),
    Scores("heavy-tailed (t, 2 df)", lambda rng, shape: rng.standard_t(2, shape), 0.0),
    Scores("half collapsed", half_collapsed, 0.6 * 0.99 + 0.4 * 0.55),
)


@dataclass
class Report:
    """Tables as they are made, and the gates that were broken."""

    comparisons: int
    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.lines += [f"{title}", "", "| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
        self.lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
        self.lines.append("")

    def at_most(self, what: str, rate: float, gate: float) -> str:
        """The rate as text; the gate gives way by three standard errors of the simulation."""
        if rate > gate + 3 * math.sqrt(gate * (1 - gate) / self.comparisons):
            self.broken.append(f"{what}: {rate:.3f}, allowed {gate:.3f}")
        return percent(rate)

    def at_least(self, what: str, rate: float, gate: float) -> str:
        """The same for what must not be rare."""
        if rate < gate - 3 * math.sqrt(gate * (1 - gate) / self.comparisons):
            self.broken.append(f"{what}: {rate:.3f}, needed {gate:.3f}")
        return percent(rate)


def percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def same_model(report: Report, seed: int) -> None:
    """A/A: one model under two labels, so that every "better" or "worse" is false."""
    rows = []
    for number, law in enumerate(LAWS):
        rng = np.random.default_rng([seed, 0, number])
        stopped, _ = sequentially(
            law.draw(rng, (report.comparisons, LOOKS)), law.draw(rng, (report.comparisons, LOOKS))
        )
        for n in SEEDS:
            a, b = (law.draw(rng, (report.comparisons, n)) for _ in "ab")
            wrong, missed = errors(a, b)
            single = np.mean([abs(x.mean() - law.mean) <= half_interval(x, LEVEL) for x in a])
            early = np.mean([verdict in ("better", "worse") and at <= n for verdict, at in stopped])
            where = f"{law.name}, N = {n}"
            rows.append(
                (
                    law.name,
                    n,
                    report.at_most(f"false verdicts, {where}", wrong, 1 - LEVEL),
                    report.at_least(f"the paired interval covers, {where}", 1 - missed, LEVEL),
                    percent(float(single)),
                    report.at_most(f"sequential, {where}", float(early), 1 - LEVEL),
                )
            )
        late = np.mean([verdict in ("better", "worse") for verdict, _ in stopped])
        rows.append((law.name, LOOKS, "", "", "", report.at_most(f"sequential, {law.name}", float(late), 1 - LEVEL)))
    head = ("scores", "N", "false better or worse", "paired interval covers", "one model's mean covered")
    report.table("The same model under two labels:", (*head, "sequential: false by N seeds"), rows)


def different_shapes(report: Report, seed: int) -> None:
    """Equal means, but one law is skewed: no gate, since the sign flips then assume too much."""
    rng = np.random.default_rng([seed, 1])
    skewed, sd = LAWS[1], math.sqrt((math.e - 1) * math.e)
    rows = []
    for n in SEEDS:
        shape = (report.comparisons, n)
        wrong, missed = errors(skewed.draw(rng, shape), rng.normal(skewed.mean, sd, shape))
        rows.append((n, percent(wrong), percent(1 - missed)))
    head = ("N", "false better or worse", "paired interval covers")
    report.table("Lognormal against normal scores of the same mean and deviation (no gate):", head, rows)


def true_effects(report: Report, seed: int) -> None:
    """Differences of normal scores with a known mean, in standard deviations of the differences."""
    rows = []
    for number, effect in enumerate((0.5, 1.0, 1.5)):
        rng = np.random.default_rng([seed, 2, number])
        shape = (report.comparisons, LOOKS)
        # Two models' scores deviate by 1/sqrt(2) each, so that their difference deviates by 1.
        a, b = rng.normal(effect, math.sqrt(0.5), shape), rng.normal(0, math.sqrt(0.5), shape)
        found = {n: np.mean([v == "better" for v in verdicts(a[:, :n], b[:, :n])]) for n in (10, 20)}
        stopped, covered = sequentially(a, b, effect)
        better = np.mean([verdict == "better" for verdict, _ in stopped])
        if effect == 1 and found[20] < POWER:
            report.broken.append(f"an effect of one deviation at N = 20 is found in {found[20]:.3f} < {POWER}")
        wrong = float(np.mean([verdict == "worse" for verdict, _ in stopped]))
        report.at_most(f"sequential worse at effect {effect}", wrong, (1 - LEVEL) / 2)
        held = report.at_least(f"the sequential interval covers effect {effect}", covered, LEVEL)
        seeds = int(np.median([at for _, at in stopped]))
        rows.append((effect, *(percent(float(found[n])) for n in (10, 20)), percent(float(better)), seeds, held))
    head = ("effect (sd)", "found, N = 10", "found, N = 20", f"sequential: found by {LOOKS}", "its median seeds")
    report.table("A true effect, normal scores:", (*head, "its interval covers"), rows)


def equivalence(report: Report, seed: int) -> None:
    """A difference as large as the margin is called equivalent no oftener than alpha; none at all mostly is."""
    rows = []
    for number, (effect, margin) in enumerate(((1.0, 1.0), (0.0, 1.0), (0.0, 0.5))):
        rng = np.random.default_rng([seed, 3, number])
        a = rng.normal(effect, math.sqrt(0.5), (report.comparisons, LOOKS))
        b = rng.normal(0, math.sqrt(0.5), a.shape)
        rates = [np.mean([v == "equivalent" for v in verdicts(a[:, :n], b[:, :n], margin)]) for n in (10, 20)]
        stopped, _ = sequentially(a, b, effect, margin)
        rates.append(np.mean([verdict == "equivalent" for verdict, _ in stopped]))
        if effect >= margin:
            for rate in rates:
                report.at_most(f"false equivalence, effect {effect}, margin {margin}", float(rate), 1 - LEVEL)
        rows.append((effect, margin, *(percent(float(rate)) for rate in rates)))
    head = ("effect (sd)", "margin (sd)", "equivalent, N = 10", "equivalent, N = 20", f"sequential, by {LOOKS}")
    report.table("Equivalence, normal scores:", head, rows)


def rare_failures(report: Report, seed: int) -> None:
    """Where few pairs mislead: a always solves its task, b mostly does. No gate: no test sees what did not happen."""
    rows = []
    for number, chance in enumerate((0.05, 0.1, 0.2, 0.3)):
        rng = np.random.default_rng([seed, 4, number])
        a, b = rng.normal(0.99, 0.005, (2, report.comparisons, LOOKS))
        b = np.where(rng.random(b.shape) < chance, 0.55, b)
        margin = chance * 0.44 / 2  # half the true effect
        rates = [np.mean([v == "equivalent" for v in verdicts(a[:, :n], b[:, :n], margin)]) for n in (5, 10, 20)]
        stopped, _ = sequentially(a, b, margin=margin)
        rates.append(np.mean([verdict == "equivalent" for verdict, _ in stopped]))
        rows.append((percent(chance), *(percent(float(rate)) for rate in rates)))
    head = ("b fails in", "falsely equivalent, N = 5", "N = 10", "N = 20", f"sequential, by {LOOKS}")
    report.table("Rare failures, twice the margin apart (no gate):", head, rows)


# -- many comparisons ------------------------------------------------------------------------------------------------


def errors(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Shares of comparisons (C, n) that end better or worse, and of intervals that miss 0."""
    found = [paired(x, y, direction=MAX, margin=0.0, level=LEVEL) for x, y in zip(a, b, strict=True)]
    wrong = np.mean([one.verdict in ("better", "worse") for one in found])
    return float(wrong), float(np.mean([not one.low <= 0 <= one.high for one in found]))


def verdicts(a: np.ndarray, b: np.ndarray, margin: float = 0.0) -> list[Verdict]:
    return [paired(x, y, direction=MAX, margin=margin, level=LEVEL).verdict for x, y in zip(a, b, strict=True)]


def sequentially(
    a: np.ndarray, b: np.ndarray, truth: float = 0.0, margin: float = 0.0
) -> tuple[list[tuple[Verdict, int]], float]:
    """(verdict, seeds spent) of each comparison (C, n), and how often its interval holds the truth when it stops."""
    ended: list[tuple[Verdict, int]] = []
    covered = 0
    for x, y in zip(a, b, strict=True):
        test = Sequential(LEVEL, margin, a.shape[1], MAX)
        for one, other in zip(x, y, strict=True):
            test.update(one, other)
            if test.done:
                break
        ended.append((test.verdict, test.n))
        covered += not test.refutes(truth)
    return ended, covered / len(ended)


def calibrate(comparisons: int, seed: int) -> Report:
    report = Report(comparisons)
    for part in (same_model, different_shapes, true_effects, equivalence, rare_failures):
        part(report, seed)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.tables.calibration", description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=2_000, help="simulated comparisons for each row")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    report = calibrate(given.comparisons, given.seed)
    print("\n".join(report.lines))
    for line in report.broken:
        print(f"broken: {line}", file=sys.stderr)
    print("every gate holds" if not report.broken else f"{len(report.broken)} gates broken")
    sys.exit(1 if report.broken else 0)


if __name__ == "__main__":
    main()
