"""Why a model wins, from the runs' mechanism.json and mechanism.jsonl: how far gradients reach back, what gates do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.comparison.contest import Contest
from seqexp.comparison.wording import number
from seqexp.mechanism.record import stored_lines
from seqexp.plots.gradients import (
    brightest,
    draw_gradient_flow,
    gradient_over_training,
    half_life_in_words,
    relative_norms,
)
from seqexp.report.probing import looked_at
from seqexp.report.tables import frame_of as table
from seqexp.runs.reader import Run
from seqexp.system.errors import UserError
from seqexp.system.json_files import finite, read_object
from seqexp.system.paths import LINES, SUMMARY
from seqexp.system.regular_files import Unreadable

if TYPE_CHECKING:
    import pandas as pd

MOST_RUNS = 20  # of a model
MOST_LINES = 2_000  # of a mechanism.jsonl
WHOLE = {"none": "none, as trained"}


@dataclass(frozen=True)
class Mechanism:
    """What a model's runs say of themselves."""

    model: str
    found: Sequence[Mapping[str, Any]]
    over_time: Sequence[Mapping[str, Any]]  # lines of one run's mechanism.jsonl
    seed: int | None


def read(contest: Contest) -> list[Mechanism]:
    """What there is for each model; a model without any is left out."""
    read = []
    for entry in contest.entries:
        runs = [run for run in entry.runs.values() if run.result.status == "FINISHED" and run.directory][:MOST_RUNS]
        found = [content for run in runs if (content := _content(run)) is not None]
        if not found and runs and (seen := looked_at(runs[0])) is not None:
            found = [seen]
        seed, over_time = next(((run.result.seed, lines) for run in runs if (lines := _lines(run))), (None, []))
        if found or over_time:
            read.append(Mechanism(entry.model, found, over_time, seed))
    return read


def sentences(contest: Contest, read: Sequence[Mechanism]) -> list[str]:
    """The findings in words, and what they do not say."""
    told = [mechanism for mechanism in read if mechanism.found]
    said = [f"{mechanism.model}: {_reach_said(mechanism)} ({_seen(mechanism)})." for mechanism in told]
    for mechanism in told:
        said += [*_gates_said(mechanism), *_surgery_said(contest, mechanism)]
    if said:
        said.append(
            "This describes trained networks and shows no cause. To test one, train again without it: "
            "model.freeze_gates fixes gates from the start, and a task's distance, such as task.length, is a dose."
        )
    return said


def _reach_said(mechanism: Mechanism) -> str:
    """How far back the gradient by the state reaches."""
    life = half_life_in_words(mechanism.found, "h")
    told = f"the gradient has not halved after {life.removeprefix('more than ')}" if "more than" in life else ""
    told = told or f"going back from the answer, the gradient halves every {life}"
    lag, curves = relative_norms(mechanism.found, "h")
    left = np.nanmedian(curves[:, -1]) if len(lag) and np.isfinite(curves[:, -1]).any() else None
    return told if left is None else f"{told}; {lag[-1]:g} steps back it is {left:.2g} times what it is at the answer"


def _seen(mechanism: Mechanism) -> str:
    seeds = len(mechanism.found)
    return "one run" if seeds == 1 else f"median of {seeds} runs"


def _gates_said(mechanism: Mechanism) -> list[str]:
    rows = gates([mechanism]).to_dict("records")
    said = [
        f"{row['gate']} is open {row['mean']:.2f} on average"
        + (f" and keeps for {row['time constant (steps)']:.3g} steps" if _keeps(row) else "")
        for row in rows
        if row["mean"] is not None
    ]
    return [f"{mechanism.model}: gate {', gate '.join(said)}."] if said else []


def _keeps(row: dict[Any, Any]) -> bool:
    """Whether a gate's time constant says how long something is kept: of the forget gate and the update gate."""
    return row["gate"] in ("f", "z") and bool(row["time constant (steps)"])


def _surgery_said(contest: Contest, mechanism: Mechanism) -> list[str]:
    scores = {row["gate fixed at one"]: row["score"] for row in surgery([mechanism]).to_dict("records")}
    whole = scores.pop(WHOLE["none"], None)
    known = {gate: score for gate, score in scores.items() if score is not None}
    if whole is None or not known:
        return []
    worst = (max if contest.terms.direction == "min" else min)(known, key=lambda gate: known[gate])
    return [
        f"{mechanism.model}: with gate {worst} fixed at one the trained network's {contest.terms.noun} goes from "
        f"{number(whole)} to {number(known[worst])}, the largest change of its gates."
    ]


def how_to_get(contest: Contest, read: Sequence[Mechanism]) -> str:
    """The command for a model that says nothing of itself; empty where all do."""
    have = {mechanism.model for mechanism in read}
    for entry in contest.entries:
        directory = next((run.directory for run in entry.runs.values() if run.result.score(contest.terms.metric)), None)
        if entry.model not in have and directory is not None:
            return f"python -m seqexp.explain {directory}"
    return ""


def gradient(contest: Contest, read: Sequence[Mechanism], path: Path) -> bool:
    """The norm of the loss's derivative against the lag, all models on the same axes; False without data."""
    models = {mechanism.model: mechanism.found for mechanism in read if mechanism.found}
    return draw_gradient_flow(models, path, subject="")


def over_training(contest: Contest, mechanism: Mechanism, top: int, path: Path) -> bool:
    """The norm of the loss's derivative over one run's training; False without data. top: as ``brightest``."""
    if len(mechanism.over_time) < 2:
        return False
    subject = f"{mechanism.model} on {contest.label}, seed {mechanism.seed}"
    return gradient_over_training(mechanism.over_time, path, subject=subject, brightest=top)


def shared_top(read: Sequence[Mechanism]) -> int:
    """The top of the colours that all models' heat maps share."""
    return brightest([mechanism.over_time for mechanism in read if mechanism.over_time])


def half_lives(read: Sequence[Mechanism]) -> "pd.DataFrame":
    """Each model's half-lives, the median over its seeds."""
    rows = [
        {
            "model": mechanism.model,
            "seeds": len(mechanism.found),
            "half-life by h_t": half_life_in_words(mechanism.found, "h"),
            "half-life by c_t": half_life_in_words(mechanism.found, "c") if _has_cells(mechanism) else None,
        }
        for mechanism in read
        if mechanism.found
    ]
    return table(rows, list(rows[0]) if rows else [])


def gates(read: Sequence[Mechanism]) -> "pd.DataFrame":
    """How each gate is used: medians over the seeds."""
    keys = {
        "mean": "mean",
        "near 0": "saturated_low",
        "near 1": "saturated_high",
        "time constant (steps)": "time_constant",
    }
    rows = []
    for mechanism in read:
        uses = [content["gates"] for content in mechanism.found if isinstance(content.get("gates"), dict)]
        for gate in dict.fromkeys(str(gate) for use in uses for gate in use):
            of_gate = [use[gate] for use in uses if isinstance(use.get(gate), dict)]
            told = {title: _median([use.get(key) for use in of_gate]) for title, key in keys.items()}
            rows.append({"model": mechanism.model, "gate": gate[:20], **told})
    return table(rows, list(rows[0]) if rows else [])


def surgery(read: Sequence[Mechanism]) -> "pd.DataFrame":
    """The score of the trained network with a gate fixed at one: medians over the seeds."""
    rows = []
    for mechanism in read:
        cuts = [content["surgery"] for content in mechanism.found if isinstance(content.get("surgery"), dict)]
        for gate in dict.fromkeys(str(gate) for cut in cuts for gate in cut):
            score = _median([cut.get(gate) for cut in cuts])
            rows.append(
                {
                    "model": mechanism.model,
                    "gate fixed at one": WHOLE.get(gate, gate[:20]),
                    "score": score,
                    "seeds": len(cuts),
                }
            )
    return table(rows, list(rows[0]) if rows else [])


def _has_cells(mechanism: Mechanism) -> bool:
    return len(relative_norms(mechanism.found, "c")[0]) > 0


def _median(values: Sequence[Any]) -> float | None:
    known = [value for each in values if (value := finite(each)) is not None]
    return float(np.median(known)) if known else None


def _content(run: Run) -> dict[str, Any] | None:
    """A run's mechanism.json, where it is one."""
    assert run.directory is not None
    try:
        return read_object(run.directory / SUMMARY)
    except (FileNotFoundError, Unreadable):
        return None


def _lines(run: Run) -> list[dict[str, Any]]:
    """The usable lines of a run's mechanism.jsonl."""
    assert run.directory is not None
    try:
        lines = stored_lines(run.directory / LINES)[:MOST_LINES]
    except UserError:
        return []
    return [line for line in lines if line["lag"] and line["lag"] == lines[0]["lag"] and line["h"][0]]
