"""Tables of runs, from their result.json: no model's score without the best score that needs no memory beside it.

The only home of pandas, which is imported when a table is made.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

Result = Mapping[str, Any]  # the object of a result.json; a job that failed early may lack any of its keys

GROUP = ["task", "model"]
NOTHING = "-"  # how a table shows that there is no value


def sweep_tables(results: Sequence[Result]) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """All jobs, one a row; and each task and model's mean and standard deviation (n - 1) over its finished seeds.

    Besides result.json's keys a result may have ``job`` (its number; else its place), ``directory``, ``error``,
    ``how`` (skipped, resumed, retried; a column where any has it, as ``solved`` is), and ``overrides``: what the sweep
    varied, ``{"task.gap": 4}``. Of these, model, task and seed aside, each becomes a column, and runs that differ in
    one are never averaged together.

    ``± 95 %`` is half the width of the mean's t interval. Both are sorted by task, then best first; what has no value
    comes last. Jobs that did not finish have no part in the mean, and are counted: ``failed`` (killed ones too) and
    ``diverged``.
    """
    import pandas as pd

    varied = _varied(results)
    rows = [_job_row(number, result, varied) for number, result in enumerate(results)]
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    baselines: dict[tuple[str, ...], tuple[str, float]] = {}
    directions: dict[str, str] = {}
    for row, result in zip(rows, results, strict=True):
        setting = tuple(str(row[key]) for key in ("task", *varied))
        groups.setdefault((str(row["model"]), *setting), []).append(row)
        best = best_baseline(result)
        if best is not None:
            baselines[setting] = best
        if result.get("direction"):
            directions[setting[0]] = result["direction"]
    summary = [_group_row(group, varied, baselines.get(key[1:])) for key, group in groups.items()]
    columns = ["job", *GROUP, *varied, "seed", "status", "metric", "value", "seconds", "params", "directory"]
    if any(row["how"] for row in rows):
        columns.insert(columns.index("status") + 1, "how")
    if any(row["solved"] is not None for row in rows):
        columns.insert(columns.index("value") + 1, "solved")
    columns += ["error"] if any(row["error"] for row in rows) else []
    ordered = sorted(rows, key=_order("value", directions))
    jobs = pd.DataFrame(ordered, columns=columns)
    columns = [
        *GROUP,
        *varied,
        "metric",
        "mean",
        "std",
        "± 95 %",
        "seeds",
        "failed",
        "diverged",
        "baseline",
        "baseline value",
    ]
    means = sorted(summary, key=_order("mean", directions))
    return jobs, pd.DataFrame(means, columns=columns)


def best_baseline(result: Result) -> tuple[str, float] | None:
    """Name and value of the best score that needs no memory; None where the result has none."""
    scores = {name: value for name, value in (result.get("baseline") or {}).items() if _is_number(value)}
    if not scores:
        return None
    return (min if result.get("direction") == "min" else max)(scores.items(), key=lambda item: item[1])


def half_interval(values: Sequence[float], level: float = 0.95) -> float:
    """Half the width of the t interval of the mean; nan for fewer than two values.

    On skewed scores a few seeds' interval covers the mean less often than it says.
    """
    if len(values) < 2:
        return math.nan
    from seqexp.analysis.pairs import half_width  # with scipy, which a single run's table does without

    return half_width(float(np.std(values, ddof=1)), len(values), level)


def run_table(result: Result) -> "Table":
    """One run's score among the scores that need no memory, best first."""
    from rich.table import Table
    from rich.text import Text

    metric, smaller = result.get("primary_metric") or "score", result.get("direction") == "min"
    model, value = str(result.get("model", "model")), _score(result)
    scores = (result.get("baseline") or {}).items()
    rows = [(name, float(score), False) for name, score in scores if _is_number(score)]
    rows = sorted([*rows, (model, value, True)], key=lambda row: _rank(row[1], smaller))
    title = f"{model} on {result.get('task', '?')}, seed {result.get('seed', '?')}: {result.get('status', '?')}"
    table = Table(title=Text(title), title_justify="left")
    table.add_column("")
    table.add_column(f"{metric} ({'smaller' if smaller else 'larger'} is better)", justify="right")
    table.add_column(f"against {model}", justify="right")
    for name, score, is_model in rows:
        difference = NOTHING if is_model or math.isnan(score - value) else f"{score - value:+.4f}"
        cells = (name if is_model else f"{name} (no memory)", _shown(score), difference)
        table.add_row(*(Text(cell) for cell in cells), style="bold" if is_model else None)
    return table


def to_markdown(frame: "pd.DataFrame") -> str:
    """The frame as a Markdown table, numbers right-aligned."""
    cells = [[str(name) for name in frame.columns], *_cells(frame)]
    cells = [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in cells]
    rules = ["---:" if right else "---" for right in _numeric(frame)]
    lines = ["| " + " | ".join(row) + " |" for row in (cells[0], rules, *cells[1:])]
    return "\n".join(lines) + "\n"


def as_rich(frame: "pd.DataFrame", title: str) -> "Table":
    """The frame for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left")
    for name, right in zip(frame.columns, _numeric(frame), strict=True):
        table.add_column(Text(str(name)), justify="right" if right else "left", overflow="fold")
    for row in _cells(frame):
        table.add_row(*(Text(cell) for cell in row))
    return table


# -- rows ------------------------------------------------------------------------------------------------------------


def _varied(results: Sequence[Result]) -> list[str]:
    """What the sweep varied besides model, task and seed."""
    values: dict[str, set[str]] = {}
    for result in results:
        for key, value in (result.get("overrides") or {}).items():
            values.setdefault(key, set()).add(str(value))
    return [key for key, seen in values.items() if len(seen) > 1 and key not in (*GROUP, "seed")]


def _job_row(number: int, result: Result, varied: Sequence[str]) -> dict[str, Any]:
    overrides = result.get("overrides") or {}
    return {
        "job": result.get("job", number),
        **{key: result.get(key, overrides.get(key)) for key in (*GROUP, "seed")},
        **{key: overrides.get(key) for key in varied},
        "status": result.get("status", "FAILED"),
        "metric": result.get("primary_metric"),
        "value": _score(result),
        "solved": result.get("solved"),
        "how": result.get("how") or None,
        **{key: result.get(key) for key in ("seconds", "params", "directory", "error")},
    }


def _group_row(
    group: Sequence[dict[str, Any]], varied: Sequence[str], baseline: tuple[str, float] | None
) -> dict[str, Any]:
    finished = [row for row in group if row["status"] == "FINISHED"]
    values = [row["value"] for row in finished]
    diverged = sum(row["status"] == "DIVERGED" for row in group)
    return {
        **{key: group[0][key] for key in (*GROUP, *varied)},
        "metric": next((row["metric"] for row in group if row["metric"]), None),
        "mean": float(np.mean(values)) if values else math.nan,
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
        "± 95 %": half_interval(values),
        "seeds": len({str(row["seed"]) for row in finished}),
        "failed": len(group) - len(finished) - diverged,
        "diverged": diverged,
        "baseline": baseline[0] if baseline else None,
        "baseline value": baseline[1] if baseline else math.nan,
    }


def _order(column: str, directions: Mapping[str, str]) -> Callable[[dict[str, Any]], Any]:
    """The sort key of a row: task, then best first, nan last. Equal rows keep their order."""
    return lambda row: (str(row["task"]), _rank(row[column], directions.get(str(row["task"])) == "min"))


def _rank(value: float, smaller_is_better: bool) -> tuple[bool, float]:
    """A sort key: best first, nan last."""
    return (True, 0.0) if math.isnan(value) else (False, value if smaller_is_better else -value)


def _score(result: Result) -> float:
    value = (result.get("metrics") or {}).get(result.get("primary_metric"))
    return float(value) if isinstance(value, int | float) else math.nan


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)


# -- cells -----------------------------------------------------------------------------------------------------------


def _numeric(frame: "pd.DataFrame") -> list[bool]:
    return [all(isinstance(value, int | float) or _missing(value) for value in frame[name].tolist()) for name in frame]


def _cells(frame: "pd.DataFrame") -> list[list[str]]:
    columns = [[_shown(value, str(name)) for value in frame[name].tolist()] for name in frame.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _shown(value: object, column: str = "") -> str:
    if _missing(value):
        return NOTHING
    if column in ("job", "seed", "params") and isinstance(value, float) and value.is_integer():
        value = int(value)  # a missing neighbour made the column one of floats
    if column in ("job", "seed"):
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if column == "seconds":
            return f"{value:,.1f}"
        return f"{value:.4f}" if 0.01 <= abs(value) < 100 else f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) == "<NA>"


def shown(frame: "pd.DataFrame") -> tuple[list[list[str]], list[bool]]:
    """The frame's cells as text, and which columns are numbers, to be aligned right."""
    return _cells(frame), _numeric(frame)
