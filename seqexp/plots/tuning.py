"""Tables and figures of studies: what a search for the best settings found, and how quickly."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.plots.axes import log_if_wide
from seqexp.plots.colours import styles
from seqexp.plots.figure import frame
from seqexp.statistics.searches import best_so_far
from seqexp.system.plurals import counted
from seqexp.tasks.metrics import label

if TYPE_CHECKING:
    import pandas as pd

Study = Mapping[str, Any]  # the content of a study's file, which sweeps.study writes

DASHES = ("-", "--", ":", "-.")  # one for each study of a model
MOST_LINES = 12  # a legend has no room for more


def table(studies: Sequence[Study]) -> "pd.DataFrame":
    """One row for each study: what it varied, its best validation score, how many trials it had, how many of them
    failed or diverged, and the winning values."""
    import pandas as pd

    rows = []
    for study in studies:
        scores = [one["score"] for one in study["scores"]]
        rows.append(
            {
                "task": study["task"],
                "model": study["model"],
                **study["varied"],
                "metric": study["metric"],
                "best": best_so_far(scores, study["direction"])[-1] if scores else np.nan,
                "trials": len(scores),
                "failed": sum(score is None for score in scores),
                **{key: _word(study["best"].get(key)) for key in study["space"]},
                "seconds": sum(one["seconds"] or 0.0 for one in study["scores"]),
            }
        )
    return pd.DataFrame(rows)


def draw(studies: Sequence[Study], folder: Path) -> list[Path]:
    """A PNG for each task: the best validation score so far against trials, a line for each study. Returns the files.

    Every trial is a point; one without a score is a cross at the lower edge.
    """
    written = []
    for task in dict.fromkeys(study["task"] for study in studies):
        mine = [study for study in studies if study["task"] == task]
        if any(one["score"] is not None for study in mine for one in study["scores"]):
            path = folder / f"tuning_{task}.png"
            _curves(mine, path)
            written.append(path)
    return written


def _curves(studies: Sequence[Study], path: Path) -> None:
    metric = next(study["metric"] for study in studies if study["metric"])
    name = metric.rpartition("/")[2]
    models = sorted({study["model"] for study in studies})
    look = styles(models)
    lost: list[tuple[int, int, str]] = []  # trials without a score, with their model's number and colour
    with frame(path, width=8.4, height=4.0) as (axes,):
        for study in studies:
            number = models.index(study["model"])
            colour, marker = look[study["model"]]
            dash = DASHES[[one for one in studies if one["model"] == study["model"]].index(study) % len(DASHES)]
            x, y = np.arange(1, len(study["scores"]) + 1), _values(study)
            axes.plot(x, y, marker, color=colour, markersize=4, alpha=0.45, linestyle="none")
            best = best_so_far(y, study["direction"])
            axes.plot(x, best, dash, color=colour, drawstyle="steps-post", label=_label(study))
            lost += [(trial, number, colour) for trial in x[np.isnan(y)]]
        log_if_wide(axes)
        for trial, number, colour in lost:
            place = 0.02 + 0.025 * (number % 3)  # of the axes' height: crosses of two models stay apart
            axes.plot(trial, place, "x", color=colour, transform=axes.get_xaxis_transform())
        longest = max(len(study["scores"]) for study in studies)
        axes.set_xlim(0.5, longest + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set(xlabel="trial", ylabel=f"validation {label(name)}")
        crosses = "; crosses diverged or failed" if lost else ""
        axes.set_title(
            f"{studies[0]['task']}: {_message(studies)}\npoints are trials, lines the best so far{crosses}", loc="left"
        )
        if len(studies) <= MOST_LINES:
            axes.figure.legend(loc="outside right center", frameon=False)  # inside it would hide trials


def _message(studies: Sequence[Study]) -> str:
    """The result of the search, in words."""
    scored = [study for study in studies if not np.isnan(_values(study)).all()]
    best = [(float(best_so_far(_values(study), study["direction"])[-1]), study) for study in scored]
    smaller = best[0][1]["direction"] == "min"
    value, winner = (min if smaller else max)(best, key=lambda pair: pair[0])
    name = winner["metric"].rpartition("/")[2]
    trials = {len(study["scores"]) for study in studies}
    each = f"{counted(min(trials), 'trial')} each" if len(trials) == 1 else f"{min(trials)} to {max(trials)} trials"
    return f"best validation {name} {value:.3g}, by {_label(winner)}; {each}"


def _label(study: Study) -> str:
    return ", ".join([study["model"], *(f"{key} {value}" for key, value in study["varied"].items())])


def _values(study: Study) -> np.ndarray:
    """(N,) scores of the trials, nan where there is none."""
    return np.array([one["score"] for one in study["scores"]], float)


def _word(value: object) -> str | None:
    """A winning value with all its digits, so that it can be typed."""
    return None if value is None else json.dumps(value).strip('"')
