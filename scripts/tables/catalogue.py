"""Every task with every model at equal parameters: the runs, the scores of every seed, and the table in docs/tasks.md.

    python -m scripts.tables.catalogue            # run what is missing, then write the table
    python -m scripts.tables.catalogue --only copy,digits
    python -m scripts.tables.catalogue --again    # run everything again
    python -m scripts.tables.catalogue --write    # run nothing: write the table from the stored scores
    python -m scripts.tables.catalogue --tuned    # each model tuned, on fresh seeds: see tuned_catalogue.py

The runs are ordinary sweeps under runs/, in as many processes as cores, so an interrupted call resumes where it
stopped. docs/catalogue.csv keeps the scores of every seed, with the commit that ran it, and the table is made from that
file. A seed that is there with the same words is not run again.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.tables import stored_rows
from seqexp.runs.result import RunResult
from seqexp.sweeps.job_record import read_records

ROOT = Path(__file__).resolve().parents[2]
SCORES, PAGE = ROOT / "docs" / "catalogue.csv", ROOT / "docs" / "tasks.md"
BEGIN, END = "<!-- catalogue: begin -->", "<!-- catalogue: end -->"
MODELS = ("rnn", "stacked_rnn", "gru", "lstm")
SEEDS = 10  # five can never decide at a level of 95 %
COLUMNS = (
    *("row", "words", "task", "model", "seed", "status", "metric", "direction", "value"),
    *("hidden_size", "counted", "embedding", "seconds", "baseline", "baseline_value", "git_sha"),
)
ENDED = ("FINISHED", "DIVERGED")  # a run with the same settings would end in the same way

# name -> the words that, with the models and the seeds, are the command. Epochs are such that a run takes a minute at
# most on one core; budgets are of the size that the task's defaults have.
ROWS = {
    "hello": "task=hello model.param_budget=3000",
    "melody": "task=melody model.param_budget=20000",
    "names": "task=names model.param_budget=50000",
    "caption": "task=caption model.param_budget=40000",
    "sentiment": "task=sentiment model.param_budget=20000",
    "rt_polarity": "experiment=rt_polarity model.param_budget=50000",
    "offensive": "task=offensive model.param_budget=30000",
    "name_origin": "task=name_origin model.param_budget=40000",
    "adding": "task=adding model.param_budget=17500",
    "temporal_order": "task=temporal_order task.length=50 model.param_budget=20000",
    "digits": "task=digits model.param_budget=40000",
    "mnist_rows": "task=digits task.source=mnist-small model.param_budget=40000 training.epochs=6",
    "digits_pixels": "task=digits task.order=pixels model.param_budget=20000 training.epochs=60",
    "series_classify": "task=series_classify model.param_budget=20000",
    "forecast": "task=forecast model.param_budget=5000",
    "formal": "task=formal task.test_lengths=[60,80] model.param_budget=5000",
    "one_to_one": "task=one_to_one model.param_budget=5000",
    "one_to_many": "task=one_to_many model.param_budget=80000",
    "scenes": "task=caption task.source=scenes model.param_budget=120000 training.epochs=6 "
    "optimizer.learning_rate=0.001 optimizer.weight_decay=0.1",
    "video": "task=video model.param_budget=240000 training.epochs=6",
    "copy": "task=copy model.param_budget=70000 training.epochs=20",
    "char_lm": "task=char_lm model.param_budget=70000",
    "word_lm": "task=word_lm model.param_budget=80000",
    "tagging": "task=tagging model.param_budget=20000",
    "atis": "experiment=atis model.param_budget=60000",
    "polyphony": "task=polyphony model.param_budget=60000",
    "jsb_chorales": "experiment=jsb_chorales model.param_budget=60000",
    "nottingham": "experiment=nottingham model.param_budget=100000 training.epochs=15",
    "translate": "task=translate model.param_budget=100000 training.epochs=8",
}


def missing(name: str, seeds: int = SEEDS) -> dict[str, list[int]]:
    """model -> the seeds that docs/catalogue.csv does not have; models that have all of them are left out."""
    there = {(row["model"], int(row["seed"])) for row in scores() if row["row"] == name and row["words"] == ROWS[name]}
    lacking = {model: [seed for seed in range(seeds) if (model, seed) not in there] for model in MODELS}
    return {model: wanted for model, wanted in lacking.items() if wanted}


def run(name: str, models: str, chosen: list[int], more: list[str]) -> None:
    """Run the row's sweep of these models over these seeds, which skips what has finished, and keep the scores."""
    folder = ROOT / "runs" / "sweeps" / f"catalogue-{name}"
    words = [*shlex.split(ROWS[name]), f"model={models}", f"seed={','.join(map(str, chosen))}"]
    launcher = [] if any(word.startswith("hydra/launcher=") for word in more) else ["hydra/launcher=joblib"]
    command = [sys.executable, "-m", "seqexp", "-m", *words, f"hydra.sweep.dir={folder}", *launcher, *more]
    print(shlex.join(["python", *command[1:]]), flush=True)
    subprocess.run(command, cwd=ROOT, check=False)
    results = [record.result for record in read_records(folder)]
    found = [as_row(name, result) for result in results if result is not None and result.status in ENDED]
    replaced = {(row["model"], row["seed"]) for row in found}
    kept = [
        row
        for row in scores()
        if row["row"] != name or (row["words"] == ROWS[name] and (row["model"], int(row["seed"])) not in replaced)
    ]
    write([*kept, *found])


def as_row(name: str, result: RunResult) -> dict[str, Any]:
    best = result.best_baseline
    return {
        "row": name,
        "words": ROWS[name],
        **{key: getattr(result, key) for key in ("task", "model", "seed", "status", "hidden_size", "seconds")},
        "metric": result.primary_metric,
        "direction": result.direction,
        "value": result.metrics.get(result.primary_metric, ""),
        "counted": result.counted_params,
        "embedding": result.embedding_params,
        "baseline": best or "",
        "baseline_value": result.baseline[best] if best else "",
        "git_sha": result.git_sha or "",
    }


def scores() -> list[dict[str, Any]]:
    """What docs/catalogue.csv holds."""
    return stored_rows.read(SCORES)


def write(rows: list[dict[str, Any]]) -> None:
    order = {name: place for place, name in enumerate(ROWS)}
    rows = sorted(
        (row for row in rows if row["row"] in order),
        key=lambda row: (order[row["row"]], MODELS.index(row["model"]), int(row["seed"])),
    )
    stored_rows.write(SCORES, COLUMNS, rows)


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The Markdown table: means ± half the 95 % t interval over the finished seeds, and who wins."""
    models = " | ".join(MODELS)
    yield f"| row: `scripts/seqexp -m` … | metric | {models} | no memory | lstm against rnn: difference, typical run |"
    yield f"|---|---|{'---:|' * len(MODELS)}---:|---|"
    verdicts = typical_runs(rows)
    for name in ROWS:
        mine = [row for row in rows if row["row"] == name]
        if not mine:
            continue
        cells = [summary([row for row in mine if row["model"] == model]) for model in MODELS]
        metric, arrow = mine[0]["metric"].removeprefix("test/"), "↓" if mine[0]["direction"] == "min" else "↑"
        memoryless = next((float(row["baseline_value"]) for row in mine if row["baseline_value"]), float("nan"))
        yield (
            f"| `{mine[0]['words']}` | {metric} {arrow} | {' | '.join(cells)} | {shown(memoryless)} | "
            f"{difference(mine)}: {verdicts.get(name, ('-',))[0]} |"
        )


def summary(rows: list[dict[str, Any]]) -> str:
    from seqexp.statistics.pairs import half_interval

    values = [float(row["value"]) for row in rows if row["status"] == "FINISHED"]
    if not values:
        return "-"
    half = half_interval(values)
    lost = len(rows) - len(values)
    text = shown(sum(values) / len(values)) + (f" ± {shown(half)}" if len(values) > 1 else " (1 seed)")
    return text + (f" ({lost} failed)" if lost else "")


def typical_runs(rows: list[dict[str, Any]]) -> dict[str, tuple[str, float, float]]:
    """row -> the verdict of the typical run, lstm against rnn, under Holm over all rows; its theta and corrected p."""
    from seqexp.comparison.arguments import margins
    from seqexp.statistics.families import holm
    from seqexp.statistics.typical_run import typical_run

    found = {}
    for name in ROWS:
        mine = [row for row in rows if row["row"] == name]
        scores = [
            [float(row["value"]) if row["status"] == "FINISHED" else None for row in mine if row["model"] == model]
            for model in ("lstm", "rnn")
        ]
        if all(scores):
            metric, direction = mine[0]["metric"].removeprefix("test/"), mine[0]["direction"]
            margin = margins([mine[0]["task"]])[mine[0]["task"]][metric]
            found[name] = typical_run(*scores, direction=direction, margin=margin)
    corrected = holm([one.p_claim for one in found.values()])
    return {
        name: (one.verdict_at(p, 0.95), one.probability, p)
        for (name, one), p in zip(found.items(), corrected, strict=True)
    }


def difference(rows: list[dict[str, Any]]) -> str:
    """The mean of lstm less rnn over the seeds that both finished, with Student's interval; positive: lstm is ahead."""
    from seqexp.statistics.paired import paired

    done = {(row["model"], row["seed"]): float(row["value"]) for row in rows if row["status"] == "FINISHED"}
    seeds = [seed for model, seed in done if model == "lstm" and ("rnn", seed) in done]
    if len(seeds) < 2:
        return "-"
    a, b = ([done[model, seed] for seed in seeds] for model in ("lstm", "rnn"))
    found = paired(a, b, direction=rows[0]["direction"], margin=0.0)
    effect, low, high = (f"{round(value, 9):+.3g}" for value in (found.effect, found.low, found.high))
    return f"{effect} ({low} to {high})"


def shown(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def main() -> None:
    if "--tuned" in sys.argv:
        from scripts.tables import tuned_catalogue

        sys.argv.remove("--tuned")
        tuned_catalogue.main()
        return
    parser = argparse.ArgumentParser(prog="python -m scripts.tables.catalogue", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(ROWS), help=f"rows, separated by commas: {', '.join(ROWS)}")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many, from 0 on (default {SEEDS})")
    parser.add_argument("--again", action="store_true", help="also run the seeds that docs/catalogue.csv has")
    parser.add_argument("--write", action="store_true", help="run nothing; write the table from docs/catalogue.csv")
    options, more = parser.parse_known_args()  # the rest goes to the sweeps, such as hydra/launcher=basic
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in ROWS]:
        parser.error(f"--only: expected some of {', '.join(ROWS)}; got {', '.join(unknown)}")
    for name in [] if options.write else chosen:
        if options.again:
            run(name, ",".join(MODELS), list(range(options.seeds)), more)
        else:
            for model, wanted in missing(name, options.seeds).items():
                run(name, model, wanted, more)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{chr(10).join(table(scores()))}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
