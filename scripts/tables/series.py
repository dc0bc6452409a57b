"""Series of numbers, forecast and classified: the runs, the scores of every seed, and the tables in docs/series.md.

    python -m scripts.tables.series                  # run what is missing, then write the tables
    python -m scripts.tables.series --only co2,sunspots --seeds 20
    python -m scripts.tables.series --write          # run nothing: write the tables from the stored scores

Runs are ordinary sweeps under runs/, one process, so an interrupted call resumes where it stopped. docs/series.csv
keeps every metric of every seed, and of the methods without memory. The settings of a row are the same for all its
models, at equal parameters. They were chosen for the LSTM on the validation part, with a seed that the tables do not
have.
"""

import argparse
import csv
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from scripts.tables import stored_rows
from seqexp import tasks
from seqexp.runs.result import CompletedRun
from seqexp.statistics.paired import paired
from seqexp.sweeps.job_record import read_records
from seqexp.tasks._forecast_errors import errors
from seqexp.tasks.metrics import lookup

ROOT = Path(__file__).resolve().parents[2]
SCORES, PAGE = ROOT / "docs" / "series.csv", ROOT / "docs" / "series.md"
MODELS = ("rnn", "stacked_rnn", "gru", "lstm")
SEEDS = 10
RUN = ("row", "words", "model", "seed", "steps", "params", "seconds")
COLUMNS = (*RUN, "scores")  # mase=0.61; rmse 1921 to 1955=14.5; …
STRETCHES = {"1921 to 1955": (1921, 1955), "1956 to 1979": (1956, 1979)}  # of the sunspots' test
GLASS = "task=forecast task.source=mackey-glass optimizer.learning_rate=0.01 optimizer.schedule=cosine"
ROWS = {
    "sunspots": "task=forecast task.source=sunspots task.window=12 task.horizon=1 model.param_budget=1200 "
    "optimizer.learning_rate=0.01 training.epochs=50",
    "co2": "task=forecast task.source=co2 task.window=104 task.horizon=52 task.level=last model.param_budget=6000 "
    "optimizer.schedule=cosine training.epochs=15",
    "mackey_glass_6": f"{GLASS} task.horizon=6 model.param_budget=4500 training.epochs=20",
    "mackey_glass_84": f"{GLASS} task.horizon=84 model.param_budget=7000 training.epochs=20",
    "mackey_glass_84_recursive": f"{GLASS} task.horizon=84 task.strategy=recursive model.param_budget=4500 "
    "training.epochs=20",
    "japanese_vowels": "task=series_classify task.source=japanese-vowels model.param_budget=20000 model.dropout=0.3 "
    "model.bidirectional=true training.epochs=60",
}
SHOWN = {
    "sunspots": ("mase", "rmse", "mae", "smape", "nrmse", *(f"rmse {name}" for name in STRETCHES)),
    "co2": ("mase", "rmse", "mae", "smape", "nrmse", "rmse_at_52"),
    "mackey_glass_6": ("mase", "rmse", "nrmse", "rmse_at_6"),
    "mackey_glass_84": ("mase", "rmse", "nrmse", "rmse_at_84"),
    "mackey_glass_84_recursive": ("mase", "rmse", "nrmse", "rmse_at_84"),
    "japanese_vowels": ("accuracy", "macro_f1"),
}


def run(name: str, models: Sequence[str], seeds: Sequence[int], more: Sequence[str]) -> None:
    """Run what the table lacks of a row, and keep its scores."""
    mine = [row for row in scores() if row["row"] == name and row["words"] == ROWS[name]]
    there = {(row["model"], row["seed"]) for row in mine}
    for model in models:
        folder = ROOT / "runs" / "sweeps" / f"series-{name}-{model}"
        if wanted := [seed for seed in seeds if (model, str(seed)) not in there]:
            words = [*shlex.split(ROWS[name]), f"model={model}", f"seed={','.join(map(str, wanted))}"]
            words += [f"hydra.sweep.dir={folder}", "predictions=true", "tracking=off", *more]
            command = [sys.executable, "-m", "seqexp", "-m", *words]
            print(shlex.join(["python", *command[1:]]), flush=True)
            subprocess.run(command, cwd=ROOT, check=False)
        ended = [
            CompletedRun(record.result, ROOT / record.directory)
            for record in (read_records(folder) if folder.is_dir() else [])
            if record.result is not None and record.directory and record.result.status == "FINISHED"
        ]
        keep(name, ended)


def keep(name: str, ended: Sequence[CompletedRun]) -> None:
    replaced = {(one.result.model, str(one.result.seed)) for one in ended}
    kept = [
        row
        for row in scores()
        if row["row"] != name or (row["words"] == ROWS[name] and (row["model"], row["seed"]) not in replaced)
    ]
    found = [row for one in ended for row in as_rows(name, one)]
    floors = {row["model"] for row in found if not row["seed"]}
    rows = [row for row in kept if row["seed"] or row["row"] != name or row["model"] not in floors] + found
    order = {row: place for place, row in enumerate(ROWS)}
    unique = {(row["row"], row["model"], str(row["seed"]), row["metric"]): row for row in rows}
    written: dict[tuple[str, ...], list[str]] = {}
    for _, row in sorted(unique.items(), key=lambda item: (order[item[0][0]], item[0][2] == "", *item[0][1:])):
        written.setdefault(tuple(str(row.get(key, "")) for key in RUN), []).append(f"{row['metric']}={row['value']}")
    with SCORES.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((*run, "; ".join(found)) for run, found in written.items())


def as_rows(name: str, one: CompletedRun) -> Iterator[dict[str, Any]]:
    """The metrics of a run, and of the methods without memory beside it, which have no seed."""
    result, shared = one.result, {"row": name, "words": ROWS[name]}
    own = {key: getattr(result, key) for key in ("model", "seed", "steps", "params", "seconds")}
    for metric, value in result.metrics.items():
        if metric.startswith("test/"):
            yield shared | own | {"metric": metric.removeprefix("test/"), "value": value}
    for floor, value in result.baseline.items():
        yield shared | {
            "model": floor,
            "seed": "",
            "metric": result.primary_metric.removeprefix("test/"),
            "value": value,
        }
    if (one.directory / "predictions.csv").is_file() and result.task == "forecast":
        yield from ({**shared, **own, **row} for row in in_units(name, one.directory / "predictions.csv"))


def in_units(name: str, path: Path) -> Iterator[dict[str, Any]]:
    """Of predictions.csv: what the metrics do not have, of the network and of the methods without memory."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    start, end = list(rows[0]).index("truth") + 1, list(rows[0]).index("seasonal error")
    for method in list(rows[0])[start:end]:
        own = {} if method == "answer" else {"model": method, "seed": "", "params": "", "steps": "", "seconds": ""}
        parts = {"": rows}
        if name == "sunspots":
            parts |= {f" {n}": [r for r in rows if a <= int(r["time"]) <= b] for n, (a, b) in STRETCHES.items()}
        steps = max(int(row["step"]) for row in rows)
        if steps > 1 and method != "answer":
            parts |= {f"_at_{steps}": [row for row in rows if int(row["step"]) == steps]}
        for part, of in parts.items():
            said, truth = (np.array([float(row[key]) for row in of]) for key in (method, "truth"))
            found = errors(truth[None], said[None], np.array([float(row["seasonal error"]) for row in of]))
            chosen = ("rmse",) if part or method == "answer" else ("mase", "rmse", "mae", "smape", "nrmse")
            yield from (own | {"metric": f"{metric}{part}", "value": found.metrics()[metric]} for metric in chosen)


def scores() -> list[dict[str, Any]]:
    """What docs/series.csv holds, a metric a row."""
    rows = []
    for row in stored_rows.read(SCORES):
        run = {key: row[key] for key in RUN}
        for metric, _, value in (score.partition("=") for score in row["scores"].split("; ")):
            rows.append({**run, "metric": metric, "value": value})
    return rows


def table(name: str, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Models, then methods without memory: means over seeds ± the standard deviation, and the verdict."""
    mine = [row for row in rows if row["row"] == name]
    shown = [metric for metric in SHOWN[name] if any(row["metric"] == metric for row in mine)]
    there = {row["model"] for row in mine}
    floors = [row for row in mine if row["model"] not in MODELS and row["metric"] == shown[0]]
    best = (max if lookup(shown[0]).direction == "max" else min)(floors, key=lambda row: float(row["value"]))
    yield f"| model | seeds | parameters | {' | '.join(shown)} | {shown[0]} against {best['model']} |"
    yield f"|---|---:|---:|{'---:|' * len(shown)}---|"
    for model in [*(model for model in MODELS if model in there), *sorted(there - {*MODELS})]:
        of = [row for row in mine if row["model"] == model]
        params = next((row["params"] for row in of if row["params"]), "-")
        seeds = len({row["seed"] for row in of}) if model in MODELS else "-"
        verdict = against(of, shown[0], float(best["value"])) if model in MODELS else "-"
        yield f"| {model} | {seeds} | {params} | {' | '.join(cell(of, metric) for metric in shown)} | {verdict} |"


def against(rows: Sequence[dict[str, Any]], metric: str, floor: float) -> str:
    """The verdict over seeds against what one method without memory scores, positive where the model is better."""
    values = [float(row["value"]) for row in rows if row["metric"] == metric]
    if len(values) < 2:
        return "-"
    found = paired(values, [floor] * len(values), direction=lookup(metric).direction, margin=0.0)
    return f"{found.effect:+.3g} ({found.low:+.3g} to {found.high:+.3g}): {found.verdict}"


def cell(rows: Sequence[dict[str, Any]], metric: str) -> str:
    values = [float(row["value"]) for row in rows if row["metric"] == metric]
    if not values:
        return "-"
    return f"{mean(values):.4g}" + (f" ± {stdev(values):.2g}" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.tables.series", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(ROWS), help=f"rows, separated by commas: {', '.join(ROWS)}")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many, from 0 on")
    parser.add_argument("--write", action="store_true", help="run nothing; write the tables from docs/series.csv")
    options, more = parser.parse_known_args()
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in ROWS]:
        parser.error(f"--only: expected some of {', '.join(ROWS)}; got {', '.join(unknown)}")
    for name in [] if options.write else chosen:
        run(name, options.models.split(","), range(options.seeds), more)
    tasks.names()  # each task's module registers the metrics of its own
    page = PAGE.read_text(encoding="utf-8")
    for name in ROWS:
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{chr(10).join(table(name, scores()))}\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
