"""Where the spread of a model's scores comes from, as far as its folder has runs that tell: the seed, or the split."""

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

SPLIT, MOST_RUNS = "task.split_seed", 1_000  # of a model's folder that are read for this
SOURCES = {"seed": "seed: first weights and order of the data", "split": "split of the data"}


def table(contest: Contest) -> "pd.DataFrame":
    """A row for each model and source: its variance with an interval, and its share. Initialisation and order are one
    source, since one seed decides both."""
    rows: list[dict[str, Any]] = []
    level = contest.terms.level
    for entry in contest.entries:
        scores = crossed(entry)
        if scores is None:
            continue
        found = variance_split({"seed": scores, "split": scores.T}, level=level)
        rows += [
            {
                "model": entry.model,
                "what is varied": SOURCES[name],
                "variance": one.variance,
                f"{percent(level)} interval": f"{number(one.low)} to {number(one.high)}",
                "share": percent(round(one.share, 2)) if np.isfinite(one.share) else "",
                "runs": scores.size,
            }
            for name, one in found.sources.items()
        ]
    return frame_of(rows, list(rows[0]) if rows else [])


def crossed(entry: Entry) -> np.ndarray | None:
    """Scores (splits, seeds) of runs that are the entry's but for seed and split; None for fewer than two of either."""
    directory = entry.any.directory
    if directory is None or SPLIT not in entry.any.settings or _many(directory.parent):
        return None
    own, by_place = _but(entry.any), {}
    counting = {run.result.signature for run in entry.runs.values()}
    others = [run for run in reader.find(directory.parent).runs if run.result.signature not in counting]
    if len(others) < len(counting):  # a second split would have as many runs: no file is opened for nothing
        return None
    for run in [*entry.runs.values(), *reader.with_settings(others, [])]:
        score = run.result.score(entry.terms.metric)
        if score is not None and run.result.task == entry.any.result.task and _but(run) == own:
            by_place[run.settings.get(SPLIT), run.result.seed] = score
    splits = {split for split, _ in by_place}
    seeds = [seed for seed in sorted({seed for _, seed in by_place}) if all((one, seed) in by_place for one in splits)]
    if len(splits) < 2 or len(seeds) < 2:
        return None
    return np.array([[by_place[split, seed] for seed in seeds] for split in sorted(splits, key=str)])


def _but(run: reader.Run) -> dict[str, Any]:
    """What decides the run's result, but for seed and split."""
    return {key: value for key, value in reader.deciding(run).items() if key not in ("seed", SPLIT)}


def _many(folder: Path) -> bool:
    return sum(1 for _, _ in zip(folder.iterdir(), range(MOST_RUNS + 1), strict=False)) > MOST_RUNS
