"""Tables of a sweep's runs."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.runs.tables import rank
from seqexp.statistics.pairs import half_interval
from seqexp.sweeps.job_record import JobRecord

if TYPE_CHECKING:
    import pandas as pd

GROUP = ["task", "model"]


def sweep_tables(records: Sequence[JobRecord]) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """All jobs, one a row; and each task and model's mean and standard deviation (n - 1) over its finished seeds.

    What the sweep varied, model, task and seed aside, becomes a column each, and runs that differ in one are never
    averaged together. ``how`` and ``solved`` are columns where any job has them.

    ``± 95 %`` is half the width of the mean's t interval. Both are sorted by task, then best first; what has no value
    comes last. Jobs that did not finish have no part in the mean, and are counted: ``failed`` (killed ones too) and
    ``diverged``.
    """
    import pandas as pd

    varied = _varied(records)
    rows = [_job_row(record, varied) for record in records]
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    baselines: dict[tuple[str, ...], tuple[str, float]] = {}
    directions: dict[str, str] = {}
    for row, record in zip(rows, records, strict=True):
        setting = tuple(str(row[key]) for key in ("task", *varied))
        groups.setdefault((str(row["model"]), *setting), []).append(row)
        if record.result is None:
            continue
        directions[setting[0]] = record.result.direction
        best = record.result.best_memoryless()
        if best is not None:
            baselines[setting] = best
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


def _varied(records: Sequence[JobRecord]) -> list[str]:
    """What the sweep varied besides model, task and seed."""
    values: dict[str, set[str]] = {}
    for record in records:
        for key, value in record.overrides.items():
            values.setdefault(key, set()).add(str(value))
    return [key for key, seen in values.items() if len(seen) > 1 and key not in (*GROUP, "seed")]


def _job_row(record: JobRecord, varied: Sequence[str]) -> dict[str, Any]:
    result, words = record.result, record.overrides
    return {
        "job": record.job,
        "task": record.task or words.get("task"),
        "model": record.model or words.get("model"),
        "seed": words.get("seed") if record.seed is None else record.seed,
        **{key: words.get(key) for key in varied},
        "status": record.status,
        "metric": result.primary_metric if result else None,
        "value": math.nan if record.score is None else record.score,
        "solved": result.solved if result else None,
        "how": record.how or None,
        "seconds": result.seconds if result else None,
        "params": result.params if result else None,
        "directory": record.directory,
        "error": record.error,
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
