"""Formal languages beyond the lengths of training: the runs, the scores of every seed, and the table in docs/series.md.

    python -m scripts.tables.formal                  # run what is missing, then write the table
    python -m scripts.tables.formal --only anbn,parity --models lstm,gru --seeds 5
    python -m scripts.tables.formal --write          # run nothing: write the table from the stored scores

Runs are ordinary sweeps under runs/, one process, so an interrupted call resumes where it stopped. docs/formal.csv
keeps the scores of every seed by length. The settings of a row are the same for all its models. They were chosen on
validation strings, no longer than those of training, of seeds that the table does not have.
"""

import argparse
import csv
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqexp.runs.result import RunResult
from seqexp.sweeps.job_record import read_records

ROOT = Path(__file__).resolve().parents[2]
SCORES, PAGE = ROOT / "docs" / "formal.csv", ROOT / "docs" / "series.md"
BEGIN, END = "<!-- formal: begin -->", "<!-- formal: end -->"
MODELS = ("rnn", "gru", "lstm")
SEEDS = 5
COLUMNS = (
    *("row", "words", "model", "seed", "status", "steps", "params", "seconds", "metric", "value", "length_horizon"),
    *("length", "share"),
)
LENGTHS = "60,80,100,120,160,240,500"
COMMON = (
    f"task=formal task.train_length=40 task.test_lengths=[{LENGTHS}] task.examples=100 model.param_budget=1000 "
    "model.embedding_size=0 optimizer.schedule=cosine"
)
# name -> what it sets beside COMMON
ROWS = {
    "parity": "task.language=parity optimizer.learning_rate=0.01 training.epochs=20",
    "even_pairs": "task.language=even_pairs optimizer.learning_rate=0.01 training.epochs=10",
    "modular_arithmetic": "task.language=modular_arithmetic optimizer.learning_rate=0.01 training.epochs=20",
    "anbn": "task.language=anbn optimizer.learning_rate=0.01 training.epochs=20",
    "anbncn": "task.language=anbncn optimizer.learning_rate=0.01 training.epochs=20",
    "dyck1": "task.language=dyck1 optimizer.learning_rate=0.01 training.epochs=10",
    "dyck2": "task.language=dyck2 optimizer.learning_rate=0.01 training.epochs=10",
    "reversal": "task.language=reversal optimizer.learning_rate=0.01 training.epochs=10",
    "reber": "task.language=reber optimizer.learning_rate=0.01 training.epochs=5",
    "embedded_reber": "task.language=embedded_reber optimizer.learning_rate=0.01 training.epochs=10",
}


def words_of(name: str) -> str:
    return f"{COMMON} {ROWS[name]}"


def run(name: str, models: list[str], seeds: list[int], more: list[str]) -> None:
    """Run what the table lacks of a row, and keep its scores."""
    there = {
        (row["model"], int(row["seed"])) for row in scores() if row["row"] == name and row["words"] == words_of(name)
    }
    for model in models:
        if wanted := [seed for seed in seeds if (model, seed) not in there]:
            folder = ROOT / "runs" / "sweeps" / f"formal-{name}-{model}"
            words = [*shlex.split(words_of(name)), f"model={model}", f"seed={','.join(map(str, wanted))}"]
            command = [sys.executable, "-m", "seqexp", "-m", *words, f"hydra.sweep.dir={folder}", "tracking=off", *more]
            print(shlex.join(["python", *command[1:]]), flush=True)
            subprocess.run(command, cwd=ROOT, check=False)
            found = [record.result for record in read_records(folder) if record.result is not None]
            keep(name, [result for result in found if result.status in ("FINISHED", "DIVERGED")])


def keep(name: str, results: list[RunResult]) -> None:
    replaced = {(result.model, str(result.seed)) for result in results}
    kept = [
        row
        for row in scores()
        if row["row"] != name or (row["words"] == words_of(name) and (row["model"], row["seed"]) not in replaced)
    ]
    rows = [*kept, *(row for result in results for row in as_rows(name, result))]
    order = {row: place for place, row in enumerate(ROWS)}
    rows.sort(key=lambda row: (order[row["row"]], MODELS.index(row["model"]), int(row["seed"]), int(row["length"])))
    with SCORES.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def as_rows(name: str, result: RunResult) -> Iterator[dict[str, Any]]:
    """A row for each length."""
    own = {
        **{key: getattr(result, key) for key in ("model", "seed", "status", "steps", "params", "seconds")},
        "metric": result.primary_metric.removeprefix("test/"),
        "value": result.metrics.get(result.primary_metric, ""),
        "length_horizon": result.metrics.get("test/length_horizon", ""),
    }
    for key, share in result.metrics.items():
        if found := re.search(r"_at_(\d+)$", key):
            yield {"row": name, "words": words_of(name)} | own | {"length": found[1], "share": share}


def scores() -> list[dict[str, Any]]:
    """What docs/formal.csv holds."""
    if not SCORES.exists():
        return []
    with SCORES.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Languages x models: the median over seeds of the share right at each length, and how far the seeds reach."""
    lengths = [int(length) for length in LENGTHS.split(",")]
    yield f"| language | model | steps | {' | '.join(map(str, lengths))} | horizons | seeds right to 120 |"
    yield f"|---|---|---:|{'---:|' * len(lengths)}---|---:|"
    for name in ROWS:
        for model in MODELS:
            mine = [row for row in rows if row["row"] == name and row["model"] == model]
            if mine:
                yield f"| {name} | {model} | {mine[0]['steps']} | {' | '.join(cells(mine, lengths))} |"


def cells(rows: list[dict[str, Any]], lengths: list[int]) -> Iterator[str]:
    from statistics import median

    by_seed = {row["seed"]: int(float(row["length_horizon"] or 0)) for row in rows}
    for length in lengths:
        # A length that the language has not stands for the next that it has, at most ten further.
        shares = [float(row["share"]) for row in rows if length <= int(row["length"]) <= length + 10]
        yield f"{median(shares):.2f}" if shares else "-"
    yield ", ".join(map(str, sorted(by_seed.values(), reverse=True)))
    yield f"{sum(horizon >= 120 for horizon in by_seed.values())} of {len(by_seed)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.tables.formal", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(ROWS), help=f"languages, separated by commas: {', '.join(ROWS)}")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many, from 0 on")
    parser.add_argument("--write", action="store_true", help="run nothing; write the table from docs/formal.csv")
    options, more = parser.parse_known_args()
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in ROWS]:
        parser.error(f"--only: expected some of {', '.join(ROWS)}; got {', '.join(unknown)}")
    for name in [] if options.write else chosen:
        run(name, options.models.split(","), list(range(options.seeds)), more)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{chr(10).join(table(scores()))}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
