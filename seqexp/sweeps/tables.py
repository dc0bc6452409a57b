"""Tables of a sweep's runs."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.runs.tables import Result, best_baseline, rank, score
from seqexp.statistics.pairs import half_interval

if TYPE_CHECKING:
    import pandas as pd

GROUP = ["task", "model"]


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
        "value": score(result),
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
    return lambda row: (str(row["task"]), rank(row[column], directions.get(str(row["task"])) == "min"))
