"""Predictive typing: the runs, what each model saves somebody who types, and the table in docs/pictures.md.

    python -m scripts.tables.predictive_typing                  # run what is missing, then write the table
    python -m scripts.tables.predictive_typing --only "words, tinyshakespeare" --seeds 3
    python -m scripts.tables.predictive_typing --write          # run nothing: write the table from the stored scores

Runs are ordinary sweeps under runs/, one process, so an interrupted call resumes where it stopped. docs/typing.csv
keeps the scores of every seed, and of the bigram on the same text.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scripts.tables import stored_rows
from seqexp.runs.result import CompletedRun
from seqexp.sweeps.job_record import read_records

ROOT = Path(__file__).resolve().parents[2]
SCORES, PAGE = ROOT / "docs" / "typing.csv", ROOT / "docs" / "pictures.md"
BEGIN, END = "<!-- typing: begin -->", "<!-- typing: end -->"
MODELS = ("rnn", "stacked_rnn", "gru", "lstm")
BIGRAM = "bigram"
METRICS = ("top1_accuracy", "top3_accuracy", "keystrokes_saved")
COLUMNS = ("row", "words", "model", "seed", "steps", "params", "seconds", *METRICS)
CHARACTERS, WORDS = "model.param_budget=70000 training.epochs=3", "training.epochs=3"
ROWS = {
    "characters, tinyshakespeare": f"task=char_lm task.source=tinyshakespeare {CHARACTERS}",
    "characters, python": f"task=char_lm {CHARACTERS}",
    "words, tinyshakespeare": f"task=word_lm task.source=tinyshakespeare model.param_budget=400000 {WORDS}",
    "words, python": f"task=word_lm model.param_budget=80000 {WORDS}",
}


def run(name: str, models: Sequence[str], seeds: Sequence[int], more: Sequence[str]) -> None:
    """Run what the table lacks of a row, and keep its scores."""
    there = {(row["model"], row["seed"]) for row in scores() if (row["row"], row["words"]) == (name, ROWS[name])}
    for model in models:
        if not (wanted := [seed for seed in seeds if (model, str(seed)) not in there]):
            continue
        folder = ROOT / "runs" / "sweeps" / f"typing-{name.replace(', ', '-')}-{model}"
        words = [*shlex.split(ROWS[name]), f"model={model}", f"seed={','.join(map(str, wanted))}"]
        words += [f"hydra.sweep.dir={folder}", "tracking=off", "figures=all"]
        command = [sys.executable, "-m", "seqexp", "-m", *words, *more]
        print(shlex.join(["python", *command[1:]]), flush=True)
        subprocess.run(command, cwd=ROOT, check=False)
        keep(
            row
            for record in read_records(folder)
            if record.result is not None and record.directory and record.result.status == "FINISHED"
            for row in as_rows(name, CompletedRun(record.result, ROOT / record.directory))
        )


def as_rows(name: str, one: CompletedRun) -> Iterator[dict[str, Any]]:
    """What the network saves, and the bigram beside it, which has no seed."""
    shared = {"row": name, "words": ROWS[name]}
    own = {key: getattr(one.result, key) for key in ("model", "seed", "steps", "params", "seconds")}
    yield shared | own | {metric: one.result.metrics[f"test/{metric}"] for metric in METRICS}
    line = next(line for line in (one.directory / "typing.txt").read_text().splitlines() if line.startswith(BIGRAM))
    yield shared | {"model": BIGRAM, "seed": ""} | dict(zip(METRICS, line.split()[1:], strict=True))


def keep(found: Iterator[dict[str, Any]]) -> None:
    """Write these rows in the place of those of the same row, model and seed; older words of a row are left out."""
    unique = {(row["row"], row["model"], str(row["seed"])): row for row in [*scores(), *found]}
    rows = [row for row in unique.values() if ROWS.get(row["row"]) == row["words"]]
    order = [*ROWS], [*MODELS, BIGRAM]
    rows.sort(key=lambda row: (order[0].index(row["row"]), order[1].index(row["model"]), int(row["seed"] or 0)))
    stored_rows.write(SCORES, COLUMNS, rows)


def scores() -> list[dict[str, Any]]:
    """What docs/typing.csv holds."""
    return stored_rows.read(SCORES)


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Texts x models, means over seeds ± the standard deviation."""
    yield f"| text | model | seeds | parameters | {' | '.join(metric.replace('_', ' ') for metric in METRICS)} |"
    yield f"|---|---|---:|---:|{'---:|' * len(METRICS)}"
    for name in ROWS:
        for model in (*MODELS, BIGRAM):
            of = [row for row in rows if (row["row"], row["model"]) == (name, model)]
            if of:
                seeds, params = (len(of), of[0]["params"]) if model != BIGRAM else ("-", "-")
                cells = " | ".join(cell([float(row[metric]) for row in of]) for metric in METRICS)
                yield f"| {name} | {model} | {seeds} | {params} | {cells} |"


def cell(values: Sequence[float]) -> str:
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.tables.predictive_typing", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--only", choices=[*ROWS], action="append", help="a text; may be given several times")
    parser.add_argument("--models", nargs="+", default=[*MODELS], choices=MODELS)
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 0 on")
    parser.add_argument("--write", action="store_true", help="run nothing; write the table from docs/typing.csv")
    options, more = parser.parse_known_args()
    for name in [] if options.write else options.only or ROWS:
        run(name, options.models, range(options.seeds), more)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{chr(10).join(table(scores()))}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
