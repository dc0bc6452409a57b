"""Every task with every model by the whole protocol: tuned alike, at one budget, confirmed on fresh seeds.

    python -m scripts.tables.tuned_catalogue                     # what is missing; resumes where it was interrupted
    python -m scripts.tables.tuned_catalogue --only copy,digits
    python -m scripts.tables.tuned_catalogue --plan              # the plans alone, with their estimates of seconds
    python -m scripts.tables.tuned_catalogue --write             # run nothing: the table again, from the stored scores

Each row is one command, `python -m seqexp.compare run=true a=lstm models=rnn,stacked_rnn,gru task=… budget=…`: a search
for each model, and a verdict for each pair. docs/tuned_catalogue.csv has the score of each confirming run with its
settings' signature; docs/tuned_catalogue_models.csv what a model's runs of a row share, such as its words, its rate and
its commit; docs/tuned_catalogue.md the table, with the verdicts corrected for all claims of the catalogue (Holm 1979).
A row that is there with the same words is not run again.
"""

import argparse
import json
import shlex
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.tables import catalogue, stored_rows
from scripts.tables.catalogue import shown, summary
from seqexp.comparison import tuning_studies
from seqexp.comparison.warnings import MANY
from seqexp.runs.result import RunResult, read_result
from seqexp.statistics.families import holm
from seqexp.system.paths import CLAIM, OUTCOME

ROOT = Path(__file__).resolve().parents[2]
SCORES, SHARED, PAGE = (
    ROOT / "docs" / name for name in ("tuned_catalogue.csv", "tuned_catalogue_models.csv", "tuned_catalogue.md")
)
AGAINST, MODELS = "lstm", ("rnn", "stacked_rnn", "gru", "lstm")
LEVEL, SEEDS = 0.95, 25  # a pair takes 15 seeds at least, since its claim is one of all rows'
FEWER = {"video": 15, "scenes": 15}  # runs that take most of a minute, and more
ROWS = {
    **catalogue.ROWS,
    "right_context": "task=right_context model.param_budget=20000",
    "formal": "task=formal model.param_budget=20000",
    "series_classify": "task=series_classify model.param_budget=20000",
    "logic": "task=logic model.param_budget=20000",
}
KERNELS = (  # rows of the C kernels: with NumPy they take hours
    *("rt_polarity", "name_origin", "mnist_rows", "digits_pixels", "scenes", "video", "copy", "char_lm", "word_lm"),
    *("tagging", "atis", "polyphony", "jsb_chorales", "nottingham", "translate", "right_context", "logic"),
)
ROWS |= {name: f"{ROWS[name]} backend=compiled" for name in KERNELS}
CLAIMS = len(ROWS) * (len(MODELS) - 1)
KEY = ("row", "model")
OF_A_RUN = (*KEY, "seed", "status", "value", "seconds", "improving", "signature")
OF_A_MODEL = (
    *(*KEY, "words", "claim", "task", "metric", "direction", "margin", "learning_rate", "edge", "trials"),
    *("tuning_seconds", "hidden_size", "counted", "baseline", "baseline_value", "git_sha"),
)


def words(name: str) -> list[str]:
    """The row's words for seqexp.compare: the catalogue's own, its budget as ``budget=``."""
    return [word.replace("model.param_budget=", "budget=") for word in shlex.split(ROWS[name])]


def command(name: str) -> list[str]:
    others = ",".join(model for model in MODELS if model != AGAINST)
    row = [f"a={AGAINST}", f"models={others}", *words(name), f"max_seeds={FEWER.get(name, SEEDS)}", f"claims={CLAIMS}"]
    return [sys.executable, "-m", "seqexp.compare", "run=true", *row, f"out=runs/tuned_catalogue/{name}"]


def run(name: str, more: list[str]) -> None:
    """Run the row, which skips what has finished, and keep its scores. A row that fails leaves the others alone."""
    given = {word.partition("=")[0] for word in more}
    line = [*(word for word in command(name) if word.partition("=")[0] not in given), *more]
    print(shlex.join(["python", *line[1:]]), flush=True)
    subprocess.run(line, cwd=ROOT, check=False)
    if "plan=true" in more:
        return
    folder = ROOT / "runs" / "tuned_catalogue" / name
    if not (folder / OUTCOME).exists():
        print(f"{name}: not finished", flush=True)
        return
    write([*(row for row in scores() if row["row"] != name), *rows_of(name, folder)])


def rows_of(name: str, folder: Path) -> list[dict[str, Any]]:
    """A row's confirming runs, from its report's folder."""
    claim, outcome = (json.loads((folder / file).read_text(encoding="utf-8")) for file in (CLAIM, OUTCOME))
    runs: list[tuple[dict[str, Any], RunResult]] = []
    of_model: dict[str, list[RunResult]] = defaultdict(list)
    for one in stored_rows.read(folder / "runs.csv"):
        result = read_result(ROOT / one["run"])
        assert result is not None
        runs.append((one, result))
        of_model[result.model].append(result)
    shared = {model: _shared(results, claim, outcome["tuned"][""][model]) for model, results in of_model.items()}
    return [
        {
            "row": name,
            "words": shlex.join(words(name)),
            **shared[result.model],
            **{key: result.as_json()[key] for key in ("seed", "status", "seconds")},
            "value": one.get(claim["metric"], "") if result.status == "FINISHED" else "",
            "improving": int(result.ended_improving),
            "signature": result.signature,
        }
        for one, result in runs
    ]


def _shared(results: list[RunResult], claim: dict[str, Any], search: dict[str, Any]) -> dict[str, Any]:
    """What a model's confirming runs share: the claim, the search before them, the size, the baseline."""
    one = results[0]
    studies, _ = tuning_studies.find(ROOT / "runs", one.task, [one.model])
    study = tuning_studies.winner(studies[one.model], frozenset(result.signature for result in results))
    assert study is not None
    best = one.best_baseline
    return {
        **{key: claim[key] for key in ("claim", "metric", "direction", "margin")},
        **{key: one.as_json()[key] for key in ("task", "model", "hidden_size")},
        "learning_rate": search["best"]["optimizer.learning_rate"],
        "edge": study.edges.get("optimizer.learning_rate", ""),
        "trials": search["trials"],
        "tuning_seconds": round(search["seconds"], 1),
        "counted": one.counted_params,
        "baseline": best or "",
        "baseline_value": one.baseline[best] if best else "",
        "git_sha": " ".join(sorted({result.git_sha for result in results})),
    }


def scores() -> list[dict[str, Any]]:
    """Each confirming run, with what it shares with the others of its model."""
    shared = {tuple(row[key] for key in KEY): row for row in stored_rows.read(SHARED)}
    return [shared[row["row"], row["model"]] | row for row in stored_rows.read(SCORES)]


def write(rows: list[dict[str, Any]]) -> None:
    order = {name: place for place, name in enumerate(ROWS)}
    rows = [row for row in rows if row["row"] in order]
    rows.sort(key=lambda row: (order[row["row"]], MODELS.index(row["model"]), int(row["seed"])))
    shared = {tuple(row[key] for key in KEY): row for row in rows}
    stored_rows.write(SCORES, OF_A_RUN, rows)
    stored_rows.write(SHARED, OF_A_MODEL, shared.values())
    PAGE.write_text("\n".join(page(scores())) + "\n", encoding="utf-8")


def page(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The table: means ± half their t interval, the rate that won, and who wins against the LSTM in the typical run."""
    yield "# Every task, each model tuned"
    yield ""
    yield "Made by `python -m scripts.tables.tuned_catalogue`; every seed is in [the csv](tuned_catalogue.csv),"
    yield "the rate, the size and the commit of each model in [another](tuned_catalogue_models.csv)."
    yield f"A verdict is {AGAINST}'s against the model in the typical run, corrected for all claims here (Holm)."
    yield "*Unsettled*: half of a model's runs or more were best after their last epoch, or its rate is an end of the"
    yield "range that was tried."
    yield f"A pair has {SEEDS} seeds at most, {', '.join(f'{name} {most}' for name, most in FEWER.items())}."
    names = [name for name in ROWS if any(row["row"] == name for row in rows)]
    if len(names) < len(ROWS):
        yield f"{len(names)} of {len(ROWS)} rows so far, each tested as one of all rows' {CLAIMS} claims while it ran."
    yield ""
    pairs = " | ".join(f"against {model}" for model in MODELS[:-1])
    yield f"| row | metric | {' | '.join(MODELS)} | no memory | {pairs} | unsettled |"
    yield f"|---|---|{'---:|' * len(MODELS)}---:|{'---|' * len(MODELS)}"
    verdicts = corrected({name: [row for row in rows if row["row"] == name] for name in names})
    for name in names:
        mine = [row for row in rows if row["row"] == name]
        cells = []
        for model in MODELS:
            its = [row for row in mine if row["model"] == model]
            cells.append(f"{summary(its)} at {float(its[0]['learning_rate']):.2g}" if its else "-")
        metric, arrow = mine[0]["metric"].removeprefix("test/"), "↓" if mine[0]["direction"] == "min" else "↑"
        floor = next((float(row["baseline_value"]) for row in mine if row["baseline_value"]), float("nan"))
        said = [*(verdicts[name, model] for model in MODELS[:-1]), "; ".join(unsettled(mine))]
        yield f"| `{mine[0]['words']}` | {metric} {arrow} | {' | '.join(cells)} | {shown(floor)} | {' | '.join(said)} |"

    yield ""
    for model in MODELS[:-1]:
        counts = Counter(verdict(verdicts[name, model]) for name in names)
        better, worse, equivalent, open_ = (counts[word] for word in ("better", "worse", "equivalent", "not resolved"))
        yield f"- Against {model}: {better} better, {worse} worse, {equivalent} equivalent, {open_} not resolved."
    yield from changes(rows, verdicts)


def unsettled(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A row's models that more epochs, or other rates, may change."""
    of = {model: [row for row in rows if row["model"] == model] for model in MODELS}
    improving = [model for model, its in of.items() if sum(int(row["improving"]) for row in its) >= MANY * len(its) > 0]
    if improving:
        yield f"epochs: {', '.join(improving)}"
    for end in ("smallest", "largest"):
        if at := [model for model, its in of.items() if any(row["edge"] == end for row in its)]:
            yield f"{end} rate: {', '.join(at)}"


def changes(rows: list[dict[str, Any]], verdicts: dict[tuple[str, str], str]) -> Iterator[str]:
    """The rows whose verdict against the plain network is not that of one rate for both (docs/tasks.md).

    A row whose other words differ between the two tables, such as its budget, is left out.
    """
    untuned = [row for row in stored_rows.read(catalogue.SCORES) if _alike(row["words"]) == _alike(ROWS[row["row"]])]
    before = {name: word for name, (word, _, _) in catalogue.typical_runs(untuned).items() if (name, "rnn") in verdicts}
    other = [name for name, word in before.items() if word != verdict(verdicts[name, "rnn"])]
    yield ""
    yield "## What tuning changed"
    yield ""
    yield "The table in [tasks.md](tasks.md) has one rate for all models (`python -m scripts.tables.catalogue`), and"
    keep = len(before) - len(other)
    yield f"{len(before)} of these rows with the same words. {keep} of them keep their verdict on lstm against rnn."
    if other:
        yield "The others, with the mean of lstm less rnn, positive where lstm is ahead:"
        yield ""
        yield "| row | one rate | each model's own |"
        yield "|---|---|---|"
    for name in other:
        ways = [[row for row in every if row["row"] == name] for every in (untuned, rows)]
        one, own = (catalogue.difference(way) for way in ways)
        yield f"| {name} | {before[name]}, {one} | {verdict(verdicts[name, 'rnn'])}, {own} |"


def _alike(words: str) -> set[str]:
    """Words without the backend, which changes a result in its last bits alone."""
    return {word for word in shlex.split(words) if not word.startswith("backend=")}


def verdict(said: str) -> str:
    """The word of a cell of the table."""
    return said.partition(" (")[0]


def corrected(rows: dict[str, list[dict[str, Any]]]) -> dict[tuple[str, str], str]:
    """(row, model) -> the LSTM's verdict against it. The p values hold at any time of looking."""
    from seqexp.statistics.sequential import Sequential

    tests: dict[tuple[str, str], Sequential] = {}
    for name, mine in rows.items():
        for model in MODELS[:-1]:
            a, b = ({row["seed"]: row for row in mine if row["model"] == one} for one in (AGAINST, model))
            seeds = [seed for seed in a if seed in b]
            if not seeds:
                continue
            test = Sequential(LEVEL, float(mine[0]["margin"]), len(seeds), mine[0]["direction"], CLAIMS)
            for seed in seeds:
                if not test.done:
                    test.update(*(float(one["value"]) if one["value"] else None for one in (a[seed], b[seed])))
            tests[name, model] = test
    p_values = holm([min(test.p, test.p_equivalent) for test in tests.values()])
    found = {}
    for (key, test), p in zip(tests.items(), p_values, strict=True):
        share, *_ = test.probability()
        ahead = "equivalent" if test.p_equivalent <= test.p else "better" if share > 0.5 else "worse"
        word = ahead if p <= 1 - LEVEL else "not resolved"
        found[key] = f"{word} ({share:.2f}, p {p:.2g}, n {test.n})"
    return found


def missing(name: str) -> bool:
    """Whether docs/tuned_catalogue.csv lacks the row, or has it with other words."""
    known = [row for row in scores() if row["row"] == name and row["words"] == shlex.join(words(name))]
    return {row["model"] for row in known} != {*MODELS}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.tables.tuned_catalogue", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--only", default=",".join(ROWS), help=f"rows, separated by commas: {', '.join(ROWS)}")
    parser.add_argument("--plan", action="store_true", help="print each row's plan, with its estimate of seconds")
    parser.add_argument("--write", action="store_true", help="run nothing; write the table from the stored scores")
    options, more = parser.parse_known_args()  # the rest goes to the comparisons, such as hydra/launcher=basic
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in ROWS]:
        parser.error(f"--only: expected some of {', '.join(ROWS)}; got {', '.join(unknown)}")
    for name in [] if options.write else chosen:
        if options.plan or missing(name):
            run(name, [*more, *(["plan=true"] if options.plan else [])])
    if options.write:
        write(scores())


if __name__ == "__main__":
    main()
