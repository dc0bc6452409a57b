"""Formal languages beyond the lengths of training: the runs, the scores of every seed, and the table in docs/series.md.

    python -m scripts.tables.formal                  # run what is missing, then write the table
    python -m scripts.tables.formal --only anbn,parity --models lstm gru --seeds 3
    python -m scripts.tables.formal --write          # run nothing: write the table from the stored scores

Runs are ordinary sweeps under runs/, one process, so an interrupted call resumes where it stopped. docs/formal.csv
keeps the scores of every seed by length. The models of a row have equal parameters and read the same strings; their
learning rates were chosen on validation strings of a^n b^n, which are no longer than those of training, and of parity.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from scripts.tables import stored_rows
from seqexp.sweeps.job_record import JobRecord, read_records

ROOT = Path(__file__).resolve().parents[2]
SCORES, PAGE = ROOT / "docs" / "formal.csv", ROOT / "docs" / "series.md"
BEGIN, END = "<!-- formal: begin -->", "<!-- formal: end -->"
VARIANTS = {
    "rnn": "model=rnn",
    "stacked_rnn": "model=stacked_rnn",
    "gru": "model=gru",
    "lstm": "model=lstm",
    "lstm, forget bias 10": "model=lstm model.forget_bias=10",
}
COLUMNS = (
    *("row", "model", "words", "seed", "status", "steps", "params", "seconds", "metric", "value", "most_active"),
    *("solved_at", "length_horizon", "shares"),  # right of each test length, 60:1.0 80:0.5 …
)
LENGTHS = "60,80,100,120,160,240,500"
COMMON = f"task=formal task.train_length=40 task.test_lengths=[{LENGTHS}] task.examples=100"
SMALL, LARGER = "model.param_budget=500 model.embedding_size=0", "model.param_budget=3300"
FEW = f"{SMALL} training.batch_size=8 training.clip_norm=0.1 backend=compiled"
MANY = f"{SMALL} training.batch_size=32 optimizer.schedule=cosine backend=compiled"
REBER = f"{LARGER} training.batch_size=8 backend=compiled"
# The learning rates of each model, by what it was chosen on: see docs/series.md.
COUNTING = {"rnn": 0.003, "stacked_rnn": 0.01, "gru": 0.01, "lstm": 0.1}
DECIDING = {"rnn": 0.003, "stacked_rnn": 0.003, "gru": 0.01, "lstm": 0.01}
LONG_LAG = {"rnn": 0.003, "stacked_rnn": 0.003, "gru": 0.01, "lstm": 0.03}
# language -> seeds, epochs of 200 steps, sizes and batches, learning rates
ROWS = {
    "anbn": (10, 20, FEW, COUNTING),
    "parity": (3, 30, MANY, DECIDING),
    "embedded_reber": (3, 25, REBER, LONG_LAG),
    "dyck1": (3, 10, FEW, COUNTING),
    "anbncn": (3, 10, FEW, COUNTING),
    "even_pairs": (3, 10, MANY, DECIDING),
    "modular_arithmetic": (3, 20, MANY, DECIDING),
    "dyck2": (3, 10, FEW, COUNTING),
    "reversal": (3, 10, FEW, COUNTING),
    "reber": (3, 10, FEW, COUNTING),
}


def words_of(name: str, model: str) -> str:
    _, epochs, batches, rates = ROWS[name]
    rate = f"optimizer.learning_rate={rates[model.partition(',')[0]]}"
    return f"{COMMON} {batches} task.language={name} {VARIANTS[model]} {rate} training.epochs={epochs}"


def run(name: str, variants: Sequence[str], seeds: Sequence[int], more: Sequence[str]) -> None:
    """Run what the table lacks of a row, and keep its scores."""
    for model in variants:
        words = words_of(name, model)
        there = {row["seed"] for row in scores() if (row["row"], row["model"], row["words"]) == (name, model, words)}
        if wanted := [seed for seed in seeds if str(seed) not in there]:
            folder = ROOT / "runs" / "sweeps" / f"formal-{name}-{zlib.crc32(words.encode()):08x}"
            typed = [*shlex.split(words), f"seed={','.join(map(str, wanted))}"]
            command = [sys.executable, "-m", "seqexp", "-m", *typed, f"hydra.sweep.dir={folder}", "tracking=off", *more]
            print(shlex.join(["python", *command[1:]]), flush=True)
            subprocess.run(command, cwd=ROOT, check=False)
            keep([row for record in read_records(folder) for row in as_rows(name, model, record)])


def keep(found: Sequence[Mapping[str, Any]]) -> None:
    """Write these rows in the place of those that have the same row, model and seed, and of those with other words."""
    new = {(row["row"], row["model"]): row["words"] for row in found}
    rows = [row for row in scores() if new.get((row["row"], row["model"]), row["words"]) == row["words"]]
    unique = {(row["row"], row["model"], int(row["seed"])): row for row in [*rows, *found]}
    order = [*ROWS], [*VARIANTS]
    keys = sorted(unique, key=lambda key: (order[0].index(key[0]), order[1].index(key[1]), key[2]))
    stored_rows.write(SCORES, COLUMNS, (unique[key] for key in keys))


def as_rows(name: str, model: str, record: JobRecord) -> Iterator[dict[str, Any]]:
    """The row of a run that ended."""
    result = record.result
    if result is None or record.directory is None or result.status not in ("FINISHED", "DIVERGED"):
        return
    own = {
        **{key: getattr(result, key) for key in ("seed", "status", "steps", "params", "seconds")},
        "metric": result.primary_metric.removeprefix("test/"),
        "value": result.metrics.get(result.primary_metric, ""),
        "most_active": result.metrics.get("test/most_active", ""),
        "solved_at": solved_at(ROOT / record.directory) or "",
        "length_horizon": result.metrics.get("test/length_horizon", ""),
    }
    lengths = {int(at[1]): share for key, share in result.metrics.items() if (at := re.search(r"_at_(\d+)$", key))}
    shares = " ".join(f"{length}:{share}" for length, share in sorted(lengths.items()))
    yield {"row": name, "model": model, "words": words_of(name, model)} | own | {"shares": shares}


def shares_of(row: Mapping[str, str]) -> dict[int, float]:
    """Test length -> share of its strings that were right."""
    return {int(length): float(share) for length, _, share in (each.partition(":") for each in row["shares"].split())}


def solved_at(directory: Path) -> int | None:
    """The first step at which 99 % of the validation strings were right; None where they never were."""
    for line in map(json.loads, (directory / "metrics.jsonl").read_text(encoding="utf-8").splitlines()):
        if max(line.get(f"val/{name}") or 0 for name in ("accuracy", "exact_match")) >= 0.99:
            return int(line["step"])
    return None


def scores() -> list[dict[str, Any]]:
    """What docs/formal.csv holds."""
    return stored_rows.read(SCORES)


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Languages x models: the median over seeds of the share right at each length, and how far the seeds reach."""
    lengths = [int(length) for length in LENGTHS.split(",")]
    by_length = " | ".join(map(str, lengths))
    yield f"| language | model | steps | solved after | {by_length} | horizons | right to 120 | most active |"
    yield f"|---|---|---:|---:|{'---:|' * len(lengths)}---|---:|---:|"
    for name in ROWS:
        for model in VARIANTS:
            mine = [row for row in rows if row["row"] == name and row["model"] == model]
            if mine:
                yield f"| {name} | {model} | {mine[0]['steps']} | {' | '.join(cells(mine, lengths))} |"


def cells(rows: list[dict[str, Any]], lengths: list[int]) -> Iterator[str]:
    by_seed = {row["seed"]: int(float(row["length_horizon"] or 0)) for row in rows}
    solved = {row["seed"]: int(row["solved_at"]) for row in rows if row.get("solved_at")}
    yield f"{median(solved.values()):.0f} ({len(solved)} of {len(by_seed)})" if solved else "-"
    for length in lengths:
        # A length that the language has not stands for the next that it has, at most ten further.
        shares = [share for row in rows for at, share in shares_of(row).items() if length <= at <= length + 10]
        yield f"{median(shares):.2f}" if shares else "-"
    yield ", ".join(map(str, sorted(by_seed.values(), reverse=True)))
    yield f"{sum(horizon >= 120 for horizon in by_seed.values())} of {len(by_seed)}"
    active = {row["seed"]: float(row["most_active"]) for row in rows if row["most_active"]}
    yield f"{sum(share == 1 for share in active.values())} of {len(active)}" if active else "-"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.tables.formal", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(ROWS), help=f"languages, separated by commas: {', '.join(ROWS)}")
    parser.add_argument("--models", nargs="+", default=[*VARIANTS], choices=[*VARIANTS])
    parser.add_argument("--seeds", type=int, help="how many, from 0 on; default: as many as the row has")
    parser.add_argument("--write", action="store_true", help="run nothing; write the table from docs/formal.csv")
    options, more = parser.parse_known_args()
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in ROWS]:
        parser.error(f"--only: expected some of {', '.join(ROWS)}; got {', '.join(unknown)}")
    for name in [] if options.write else chosen:
        run(name, options.models, range(options.seeds or ROWS[name][0]), more)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{chr(10).join(table(scores()))}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
