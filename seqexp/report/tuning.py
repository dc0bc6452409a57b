"""What the models' searches say of their settings: which mattered, and how the score moves along each."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.comparison.contest import Contest
from seqexp.comparison.tuning_studies import Study
from seqexp.plots.axes import log_scale, spread_out
from seqexp.plots.colours import styles
from seqexp.plots.figure import frame
from seqexp.report.tables import frame_of
from seqexp.sweeps.importance import importances
from seqexp.system.json_files import finite, read_object
from seqexp.system.regular_files import Unreadable
from seqexp.tasks.metrics import label

if TYPE_CHECKING:
    import pandas as pd

MOST_SETTINGS = 4  # that a figure has a column for
MIDDLE = 5  # trials in a running median

Trials = list[tuple[dict[str, Any], float | None]]


def trials(study: Study) -> Trials:
    """The values and the score of each trial; none where the file does not say."""
    try:
        scores = read_object(study.path)["scores"]
        return [(dict(one["values"]), finite(one["score"])) for one in scores]
    except (FileNotFoundError, Unreadable, KeyError, TypeError, ValueError):
        return []


def importance(contest: Contest) -> "pd.DataFrame":
    """The share of each setting in the variance of its model's trials."""
    rows = [
        {"model": model, "setting": key[:60], "share of the variance": round(share, 3)}
        for model, study in contest.studies.items()
        for key, share in importances(trials(study)).items()
    ]
    return frame_of(rows, ["model", "setting", "share of the variance"])


def marginals(contest: Contest, path: Path) -> bool:
    """A trial a point, its score against each setting that is a number, with the running median; False without any."""
    found: Mapping[str, Trials] = {model: trials(study) for model, study in contest.studies.items()}
    keys = settings(found)
    if not keys:
        return False
    look = styles(found)
    scores = np.array([score for of_model in found.values() for _, score in of_model if score is not None], float)
    with frame(path, columns=len(keys), width=5.0 if len(keys) == 1 else 7.2, height=3.5, shared=False) as columns:
        for axes, key in zip(columns, keys, strict=True):
            shown: list[float] = []
            for model, of_model in found.items():
                pairs = sorted((v[key], score) for v, score in of_model if score is not None and _number(v.get(key)))
                if not pairs:
                    continue
                x, y = np.array(pairs, float).T
                shown += [*x]
                colour, marker = look[model]
                axes.plot(x, y, marker, color=colour, alpha=0.35, markersize=4)
                axes.plot(x, _running_median(y), color=colour, label=model if key == keys[0] else None)
            values = np.array(shown)
            if values.min() > 0 and values.max() > 10 * values.min():
                log_scale(axes, values, "x")
            spread_out(axes, scores, "y")
            axes.set_xlabel(key)
        metric = next(iter(contest.studies.values())).metric
        columns[0].set_ylabel(f"validation {label(metric.rpartition('/')[2])}")
        columns[0].figure.legend(loc="outside upper left", ncols=4, frameon=False)
    return True


def settings(found: Mapping[str, Trials]) -> list[str]:
    """The settings that are numbers and were varied, at most ``MOST_SETTINGS``."""
    every = [values for of_model in found.values() for values, _ in of_model]
    numbers = [key for key in dict.fromkeys(key for values in every for key in values) if _varies(key, found)]
    return numbers[:MOST_SETTINGS]


def _varies(key: str, found: Mapping[str, Trials]) -> bool:
    values = [v[key] for of_model in found.values() for v, _ in of_model if key in v]
    return all(map(_number, values)) and len(set(values)) > 2


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _running_median(values: np.ndarray) -> np.ndarray:
    half = MIDDLE // 2
    return np.array([np.median(values[max(0, n - half) : n + half + 1]) for n in range(len(values))])
