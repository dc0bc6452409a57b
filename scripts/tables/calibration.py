"""How often the answers of a report are wrong where the truth is known, in many shapes of scores.

``python -m scripts.tables.calibration`` prints the tables of docs/statistics.md and exits with 1 if a rate
is out of its bounds.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from scripts.tables import calibration_answers as answers
from scripts.tables.calibration_report import LEVEL, Report, percent
from seqexp.statistics.paired import paired

PARTS: dict[str, Callable[[Report, int], None]] = {
    "typical": answers.typical_runs,
    "mean": answers.means,
    "power": answers.power,
    "equivalence": answers.equivalence,
    "catalogue": answers.catalogue,
    "two_way": answers.both_ways,
    "reliability": lambda report, _: answers.reliability(report),
    "one_mean": lambda report, seed: one_mean(report, seed),
}


def one_mean(report: Report, seed: int) -> None:
    """The t interval of one model's mean: no gate, since nothing is claimed from it."""
    from scripts.tables.calibration_shapes import SAME
    from seqexp.statistics.pairs import half_interval

    rows = []
    for number, shape in enumerate(SAME[:4]):
        rng = np.random.default_rng([seed, 20, number])
        scores, large = shape.draw(rng, (report.comparisons, 20))[0], shape.draw(rng, (1, 1_000_000))[0]
        covered = [
            np.mean([abs(x.mean() - large.mean()) <= half_interval(x, LEVEL) for x in scores[:, :n]])
            for n in (5, 10, 20)
        ]
        rows.append((shape.name, *(percent(float(rate)) for rate in covered)))
    report.table("The t interval of one model's mean covers (no gate):", ("scores", "N = 5", "N = 10", "N = 20"), rows)


def errors(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Shares of comparisons (C, n) that sign flips with a t interval end better or worse, and of t intervals that
    miss 0."""
    found = [paired(x, y, direction="max", margin=0.0, level=LEVEL) for x, y in zip(a, b, strict=True)]
    wrong = np.mean([one.verdict in ("better", "worse") for one in found])
    return float(wrong), float(np.mean([not one.low <= 0 <= one.high for one in found]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.tables.calibration", description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=1_000, help="simulated comparisons for each row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts; default: all")
    given = parser.parse_args()
    report = Report(given.comparisons)
    for name in given.only:
        begun = time.monotonic()
        PARTS[name](report, given.seed)
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print("\n".join(report.lines))
    for line in report.broken:
        print(f"broken: {line}", file=sys.stderr)
    print("every gate holds" if not report.broken else f"{len(report.broken)} gates broken")
    sys.exit(1 if report.broken else 0)


if __name__ == "__main__":
    main()
