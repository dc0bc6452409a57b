"""Formal languages beyond the lengths of training: the runs, the scores of every seed, and the table in docs/series.md.

    python -m scripts.tables.formal                  # run what is missing, then write the table
    python -m scripts.tables.formal --only anbn,parity --models lstm gru --seeds 5
    python -m scripts.tables.formal --write          # run nothing: write the table from the stored scores

Runs are ordinary sweeps under runs/, one process, so an interrupted call resumes where it stopped. docs/formal.csv
keeps the scores of every seed by length. The models of a row have equal parameters and read the same strings; their
learning rates were chosen on validation strings of a^n b^n, which are no longer than those of training, and of parity.
"""

import argparse
import csv
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.tables import stored_rows
from seqexp.runs.result import RunResult
from seqexp.sweeps.job_record import read_records

ROOT = Path(__file__).resolve().parents[2]
SCORES, PAGE = ROOT / "docs" / "formal.csv", ROOT / "docs" / "series.md"
BEGIN, END = "<!-- formal: begin -->", "<!-- formal: end -->"
VARIANTS = {
    "rnn": "model=rnn",
    "gru": "model=gru",
    "lstm": "model=lstm",
    "lstm, forget bias 10": "model=lstm model.forget_bias=10",
}
SEEDS = 5
COLUMNS = (
    *("row", "model", "words", "seed", "status", "steps", "params", "seconds", "metric", "value", "most_active"),
    *("length_horizon", "length", "share"),
)
LENGTHS = "60,80,100,120,160,240,500"
COMMON = f"task=formal task.train_length=40 task.test_lengths=[{LENGTHS}] task.examples=100"
SMALL, LARGER = "model.param_budget=500 model.embedding_size=0", "model.param_budget=3300"
FEW = f"{SMALL} training.batch_size=8"
MANY = f"{SMALL} training.batch_size=32 optimizer.schedule=cosine"
REBER = f"{LARGER} training.batch_size=32 optimizer.schedule=cosine"
# language -> epochs of 200 steps, sizes and batches, and the learning rates of the plain network and of the others
ROWS = {
    "anbn": (40, FEW, 0.003, 0.03),
    "parity": (30, MANY, 0.003, 0.01),
    "embedded_reber": (15, REBER, 0.003, 0.01),
    "dyck1": (20, FEW, 0.003, 0.03),
    "anbncn": (40, FEW, 0.003, 0.03),
    "even_pairs": (20, MANY, 0.003, 0.01),
    "modular_arithmetic": (40, MANY, 0.003, 0.01),
    "dyck2": (20, FEW, 0.003, 0.03),
    "reversal": (20, FEW, 0.003, 0.03),
    "reber": (10, FEW, 0.003, 0.03),
}


def words_of(name: str, model: str) -> str:
    epochs, batches, plain, others = ROWS[name]
    rate = f"optimizer.learning_rate={plain if model == 'rnn' else others}"
    return f"{COMMON} {batches} task.language={name} {VARIANTS[model]} {rate} training.epochs={epochs}"


def run(name: str, variants: Sequence[str], seeds: Sequence[int], more: Sequence[str]) -> None:
    """Run what the table lacks of a row, and keep its scores."""
    for model in variants:
        words = words_of(name, model)
        there = {row["seed"] for row in scores() if (row["row"], row["model"], row["words"]) == (name, model, words)}
        if wanted := [seed for seed in seeds if str(seed) not in there]:
            folder = ROOT / "runs" / "sweeps" / f"formal-{name}-{re.sub(r'[^a-z0-9]+', '-', model)}"
            typed = [*shlex.split(words), f"seed={','.join(map(str, wanted))}"]
            command = [sys.executable, "-m", "seqexp", "-m", *typed, f"hydra.sweep.dir={folder}", "tracking=off", *more]
            print(shlex.join(["python", *command[1:]]), flush=True)
            subprocess.run(command, cwd=ROOT, check=False)
            found = [record.result for record in read_records(folder) if record.result is not None]
            ended = [result for result in found if result.status in ("FINISHED", "DIVERGED")]
            keep([row for result in ended for row in as_rows(name, model, result)])


def keep(found: Sequence[Mapping[str, Any]]) -> None:
    """Write these rows in the place of those that have the same row, model, seed and length."""
    unique = {(row["row"], row["model"], int(row["seed"]), int(row["length"])): row for row in [*scores(), *found]}
    order = [*ROWS], [*VARIANTS]
    keys = sorted(unique, key=lambda key: (order[0].index(key[0]), order[1].index(key[1]), key[2], key[3]))
    with SCORES.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(unique[key] for key in keys)


def as_rows(name: str, model: str, result: RunResult) -> Iterator[dict[str, Any]]:
    """A row for each length."""
    own = {
        **{key: getattr(result, key) for key in ("seed", "status", "steps", "params", "seconds")},
        "metric": result.primary_metric.removeprefix("test/"),
        "value": result.metrics.get(result.primary_metric, ""),
        "most_active": result.metrics.get("test/most_active", ""),
        "length_horizon": result.metrics.get("test/length_horizon", ""),
    }
    for key, share in result.metrics.items():
        if found := re.search(r"_at_(\d+)$", key):
            yield (
                {"row": name, "model": model, "words": words_of(name, model)}
                | own
                | {
                    "length": found[1],
                    "share": share,
                }
            )


def scores() -> list[dict[str, Any]]:
    """What docs/formal.csv holds."""
    return stored_rows.read(SCORES)


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Languages x models: the median over seeds of the share right at each length, and how far the seeds reach."""
    lengths = [int(length) for length in LENGTHS.split(",")]
    yield f"| language | model | steps | {' | '.join(map(str, lengths))} | horizons | right to 120 | most active |"
    yield f"|---|---|---:|{'---:|' * len(lengths)}---|---:|---:|"
    for name in ROWS:
        for model in VARIANTS:
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
    active = {row["seed"]: float(row["most_active"]) for row in rows if row["most_active"]}
    yield f"{sum(share == 1 for share in active.values())} of {len(active)}" if active else "-"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.tables.formal", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(ROWS), help=f"languages, separated by commas: {', '.join(ROWS)}")
    parser.add_argument("--models", nargs="+", default=[*VARIANTS], choices=[*VARIANTS])
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many, from 0 on")
    parser.add_argument("--write", action="store_true", help="run nothing; write the table from docs/formal.csv")
    options, more = parser.parse_known_args()
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in ROWS]:
        parser.error(f"--only: expected some of {', '.join(ROWS)}; got {', '.join(unknown)}")
    for name in [] if options.write else chosen:
        run(name, options.models, range(options.seeds), more)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{chr(10).join(table(scores()))}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
