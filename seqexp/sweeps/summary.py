"""The end of a sweep: its tables, its figures, and the metrics of its parent run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqexp.plots import memory_horizon, sweep, trainability, tuning
from seqexp.runs.tables import to_csv
from seqexp.sweeps import tables
from seqexp.sweeps.job_record import JobRecord

if TYPE_CHECKING:
    import pandas as pd

SUMMARY, TUNING = "Mean and standard deviation over seeds", "Tuning, on validation scores"


@dataclass
class Summary:
    """tables: by title, the most telling first. files: CSV by name. metrics: by names that MLflow can chart."""

    tables: dict[str, "pd.DataFrame"] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    figures: list[Path] = field(default_factory=list)


def summarise(runs: Sequence[JobRecord], studies: Sequence[Mapping[str, Any]], folder: Path) -> Summary:
    """Of a sweep's runs (their results, see ``tables.sweep_tables``) and of the studies that tuned them; draws the
    figures into ``folder``."""
    end = Summary(figures=tuning.draw(studies, folder))
    jobs, summary = tables.sweep_tables(runs)
    end.files = {"jobs.csv": to_csv(jobs), "summary.csv": to_csv(summary)}
    end.metrics = _means(summary)
    end.figures += sweep.draw(jobs, summary, folder)
    for title, (table, metrics, figures) in _of_numbers(jobs, summary, runs, folder).items():
        end.metrics |= metrics
        end.figures += figures
        if table is not None:
            end.tables[title] = table
            end.files[f"{title.lower().replace(' ', '_')}.csv"] = to_csv(table)
    if runs:
        end.tables[SUMMARY] = summary
    if studies:
        end.tables[TUNING] = tuning.table(studies)
    if runs:
        end.tables["Jobs"] = jobs.drop(columns=["directory", "metric"])  # every row of a task has the summary's metric
    return end


def _of_numbers(
    jobs: "pd.DataFrame", summary: "pd.DataFrame", runs: Sequence[JobRecord], folder: Path
) -> dict[str, tuple["pd.DataFrame | None", dict[str, float], list[Path]]]:
    """What a sweep of one number, or of two, says besides: title -> its table, metrics and figures."""
    results = [record.result for record in runs if record.result is not None]
    distances = {result.task: result.distance for result in results if result.distance is not None}
    directions = {result.task: result.direction for result in results}
    return {
        "Memory horizon": memory_horizon.draw(jobs, distances, folder),
        "Trainability": trainability.draw(jobs, summary, directions, folder),
    }


def _means(summary: "pd.DataFrame") -> dict[str, float]:
    """``adding/lstm/test/mse/mean``, and ``…/std``. What else the sweep varied comes behind the model,
    ``adding/lstm/task.gap 4/test/mse/mean``."""
    metrics: dict[str, float] = {}
    columns = list(summary.columns)
    varied = columns[columns.index("model") + 1 : columns.index("metric")]
    for row in summary.to_dict("records"):
        settings = [f"{key} {row[key]}".replace("/", "_") for key in varied]
        name = "/".join(str(part) for part in (row["task"], row["model"], *settings, row["metric"]))
        metrics |= {f"{name}/mean": row["mean"], f"{name}/std": row["std"]}
    return metrics
