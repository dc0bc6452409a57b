"""Seeds and test examples as samples: `statistics/two_way` beside bootstraps written down again here.

    scripts/seqexp -m task=digits model=rnn,lstm ++model.param_budget=5322 model.hidden_size=null seed='range(20)' \
        predictions=true tracking=off
    python -m scripts.tables.two_way digits rnn lstm            # accuracy, of the runs below runs/

It prints a table in Markdown: the interval of the mean difference, and its width. The bootstraps draw seeds, examples,
or both anew, 5,000 times, and take the middle 95 %.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from seqexp.statistics.two_way import two_way
from seqexp.system.paths import PREDICTIONS, RESULT, RUNS

DRAWS = 5_000


def answers(task: str, model: str) -> dict[int, np.ndarray]:
    """seed -> whether each test example was right, (E,), of the runs that stored their answers."""
    found = {}
    for file in sorted((Path(RUNS) / task / model).glob(f"*/{PREDICTIONS}")):
        seed = json.loads(file.with_name(RESULT).read_text())["seed"]
        with open(file, newline="") as lines:
            found[seed] = np.array([float(row["truth"] == row["answer"]) for row in csv.DictReader(lines)])
    return found


def bootstrap(d: np.ndarray, rng: np.random.Generator, *, seeds: bool, examples: bool) -> tuple[float, float]:
    """The middle 95 % of the means of d (S, E) with seeds, examples or both drawn anew, one draw after the other."""
    means = []
    for _ in range(DRAWS):
        rows = rng.integers(0, len(d), len(d)) if seeds else np.arange(len(d))
        columns = rng.integers(0, d.shape[1], d.shape[1]) if examples else np.arange(d.shape[1])
        means.append(d[np.ix_(rows, columns)].mean())
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("models", nargs=2)
    asked = parser.parse_args()
    a, b = (answers(asked.task, model) for model in asked.models)
    shared = sorted(a.keys() & b.keys())
    left, right = (np.array([of[seed] for seed in shared]) for of in (a, b))
    found, rng = two_way(left, right, direction="max"), np.random.default_rng(0)
    print(f"{len(shared)} seeds, {left.shape[1]} examples; mean difference {found.effect:.4f}\n")
    print("| what is a sample | interval | width |\n|---|---|---:|")
    rows = {"seeds and examples, analysis of variance (`two_way`)": (found.low, found.high)}
    for name, seeds, examples in (
        ("seeds and examples", True, True),
        ("seeds", True, False),
        ("examples", False, True),
    ):
        rows[f"{name}, bootstrap"] = bootstrap(left - right, rng, seeds=seeds, examples=examples)
    for name, (low, high) in rows.items():
        print(f"| {name} | {low:.4f} to {high:.4f} | {high - low:.4f} |")


if __name__ == "__main__":
    main()
