"""Where the spread of scores comes from, as far as a model's folder has runs that tell: first weights, order, split."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.comparison.contest import Contest, Entry
from seqexp.comparison.wording import number, percent
from seqexp.report.tables import frame_of
from seqexp.runs import reader
from seqexp.statistics.variance_sources import variance_split

if TYPE_CHECKING:
    import pandas as pd

MOST_RUNS = 1_000  # of a model's folder that are read for this
# What may be crossed with the seed -> what the seed decides beside it, and what it decides itself.
CROSSED = {
    "data_seed": ("seed: first weights and dropout", "order of the training data, and what of them is generated"),
    "task.split_seed": ("seed: first weights and order of the data", "split of the data"),
}


def table(contest: Contest) -> "pd.DataFrame":
    """A row for each model and source: its variance with an interval, and its share of what was varied together."""
    rows: list[dict[str, Any]] = []
    level = contest.terms.level
    for entry in contest.entries:
        read = _others(entry)
        for key, (of_seed, of_key) in CROSSED.items():
            scores = crossed(entry, read, key)
            if scores is None:
                continue
            found = variance_split({of_seed: scores, of_key: scores.T}, level=level)
            rows += [
                {
                    "model": entry.model,
                    "what is varied": source,
                    "variance": one.variance,
                    f"{percent(level)} interval": f"{number(one.low)} to {number(one.high)}",
                    "share": percent(round(one.share, 2)) if np.isfinite(one.share) else "",
                    "runs": scores.size,
                }
                for source, one in found.sources.items()
            ]
    return frame_of(rows, list(rows[0]) if rows else [])


def crossed(entry: Entry, others: Sequence[reader.Run], key: str) -> np.ndarray | None:
    """Scores (values of key, seeds) of runs that are the entry's but for seed and ``key``; None for fewer than two of
    either."""
    own, by_place = _but(entry.any, key), {}
    for run in [*entry.runs.values(), *others]:
        score = run.result.score(entry.terms.metric)
        if score is not None and run.result.task == entry.any.result.task and _but(run, key) == own:
            by_place[run.settings.get(key), run.result.seed] = score
    values = {value for value, _ in by_place} - {None}  # without a data_seed the seed decides both
    seeds = [seed for seed in sorted({seed for _, seed in by_place}) if all((one, seed) in by_place for one in values)]
    if len(values) < 2 or len(seeds) < 2:
        return None
    return np.array([[by_place[value, seed] for seed in seeds] for value in sorted(values, key=str)])


def _others(entry: Entry) -> list[reader.Run]:
    """The runs beside the entry's that may tell: as many as it has, at least; else no file is opened for nothing."""
    directory = entry.any.directory
    if directory is None or _many(directory.parent):
        return []
    counting = {run.result.signature for run in entry.runs.values()}
    others = [run for run in reader.find(directory.parent).runs if run.result.signature not in counting]
    return [] if len(others) < len(counting) else reader.with_settings(others, [])


def _but(run: reader.Run, key: str) -> dict[str, Any]:
    """What decides the run's result, but for its seed and ``key``."""
    return {name: value for name, value in reader.deciding(run).items() if name != key}


def _many(folder: Path) -> bool:
    return sum(1 for _, _ in zip(folder.iterdir(), range(MOST_RUNS + 1), strict=False)) > MOST_RUNS
