"""Why, as far as the runs' mechanism.json and mechanism.jsonl tell: how far gradients reach back, what gates do."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.comparison.contest import Contest
from seqexp.comparison.wording import number
from seqexp.mechanism.record import stored_lines
from seqexp.plots.axes import log_scale
from seqexp.plots.figure import frame
from seqexp.plots.mechanism import RELATIVE
from seqexp.report.figures import styles
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
FAINTEST = 1e-6  # of the largest norm: what a heat map shows as nothing


@dataclass(frozen=True)
class Flow:
    """Gradient norms against the lag, relative to that by h at the first one: lags (n,), norms (n,) of h and, where the
    model has one, of c. Relative, since a model that has solved its task has small gradients at every lag."""

    lag: np.ndarray
    h: np.ndarray
    c: np.ndarray | None


@dataclass(frozen=True)
class Mechanism:
    """What a model's runs say of themselves."""

    model: str
    found: Sequence[Mapping[str, Any]]
    over_time: Sequence[tuple[int, Flow]]  # of one run: (step, flow)
    seed: int | None


def read(contest: Contest) -> list[Mechanism]:
    """What there is for each model; a model without any is left out."""
    read = []
    for entry in contest.entries:
        runs = [run for run in entry.runs.values() if run.result.status == "FINISHED" and run.directory][:MOST_RUNS]
        found = [content for run in runs if (content := _content(run)) is not None]
        seed, over_time = next(((run.result.seed, lines) for run in runs if (lines := _lines(run))), (None, []))
        if found or over_time:
            read.append(Mechanism(entry.model, found, over_time, seed))
    return read


def how_to_get(contest: Contest, read: Sequence[Mechanism]) -> str:
    """The command for a model that says nothing of itself; empty where all do."""
    have = {mechanism.model for mechanism in read}
    for entry in contest.entries:
        directory = next((run.directory for run in entry.runs.values() if run.result.score(contest.terms.metric)), None)
        if entry.model not in have and directory is not None:
            return f"python -m seqexp.explain {directory}"
    return ""


def gradient(contest: Contest, read: Sequence[Mechanism], path: Path) -> bool:
    """The relative norm of the loss's derivative against the lag, all models on the same axes; False without data."""
    look, drawn = styles(contest), False
    with frame(path, height=4.2) as (axes,):
        for mechanism in read:
            colour, _ = look[mechanism.model]
            flows = [flow for content in mechanism.found if (flow := _flow(content.get("gradient"))) is not None]
            flows = [flow for flow in flows if np.array_equal(flow.lag, flows[0].lag)]
            for name, style in (("h", "-"), ("c", "--")):
                norms = [values for flow in flows if (values := getattr(flow, name)) is not None]
                if not norms or not (np.array(norms) > 0).any():
                    continue
                drawn = True
                logs = np.log(np.where(np.array(norms) > 0, norms, np.nan))
                known = np.isfinite(logs).any(axis=0)
                middle = np.exp(np.nanmean(logs[:, known], axis=0))
                label = f"{mechanism.model}: by {name}_t, halves in {_told(mechanism, name)}"
                axes.plot(flows[0].lag[known], middle, style, color=colour, label=label)
        if drawn:
            log_scale(axes, np.concatenate([line.get_ydata() for line in axes.lines]))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set(xlabel="lag (steps back from the loss)", ylabel=RELATIVE)
        axes.set_title(
            f"{contest.label}: how far gradients reach back\nlines are geometric means over seeds", loc="left"
        )
        if drawn:
            axes.legend()
    return drawn


def limits(read: Sequence[Mechanism]) -> tuple[float, float]:
    """The faintest and the largest norm of all heat maps, which share their colours; (0, 0) without any."""
    norms = np.concatenate([flow.h[flow.h > 0] for each in read for _, flow in each.over_time] or [np.empty(0)])
    return (max(float(norms.min()), FAINTEST * float(norms.max())), float(norms.max())) if norms.size else (0.0, 0.0)


def over_training(contest: Contest, mechanism: Mechanism, limits: tuple[float, float], path: Path) -> bool:
    """A heat map: the norm of the loss's derivative by h_t, step of training against lag; False without data.

    limits: the norms that have the darkest and the brightest colour.
    """
    lines = [(step, flow) for step, flow in mechanism.over_time if len(flow.lag) == len(mechanism.over_time[0][1].lag)]
    if len(lines) < 2 or limits[1] <= 0:
        return False
    steps, lags = np.array([step for step, _ in lines]), lines[0][1].lag
    norms = np.array([flow.h for _, flow in lines]).T  # (lags, steps)
    logs = np.log10(np.maximum(norms, limits[0]))
    with frame(path, height=3.8) as (axes,):
        mesh = axes.pcolormesh(steps, lags, logs, cmap="viridis", shading="nearest", rasterized=True)
        mesh.set_clim(*np.log10(limits))
        axes.yaxis.get_major_locator().set_params(integer=True)
        bar = axes.figure.colorbar(mesh, ax=axes, format=lambda x, _: f"{10**x:.2g}")
        bar.set_label("|∂L/∂h|, relative to lag 0")
        axes.grid(visible=False)
        axes.set(xlabel="optimizer steps", ylabel="lag (steps back from the loss)")
        title = (
            f"{mechanism.model} on {contest.label}, seed {mechanism.seed}:\nhow far gradients reach back over training"
        )
        axes.set_title(title, loc="left")
    return True


def half_lives(read: Sequence[Mechanism]) -> "pd.DataFrame":
    """Each model's half-lives, the median over its seeds."""
    rows = [
        {
            "model": mechanism.model,
            "seeds": len(mechanism.found),
            "half-life by h_t": _told(mechanism, "h"),
            "half-life by c_t": _told(mechanism, "c"),
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


def _told(mechanism: Mechanism, of: str) -> str | None:
    """The median half-life in words; None for a model without this state."""
    flows = [flow for content in mechanism.found if (flow := _flow(content.get("gradient"))) is not None]
    if not flows or (of == "c" and all(flow.c is None for flow in flows)):
        return None
    half = _half_life(mechanism, of)
    return (
        f"{number(half)} steps" if math.isfinite(half) else f"more than {max(flow.lag[-1] for flow in flows):.0f} steps"
    )


def _half_life(mechanism: Mechanism, of: str) -> float:
    """The median over the runs; one in which nothing halves counts as endless."""
    lives = [content["half_life"].get(of) for content in mechanism.found if isinstance(content.get("half_life"), dict)]
    known = [finite(life) for life in lives]
    return float(np.median([math.inf if life is None else life for life in known])) if known else math.inf


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


def _lines(run: Run) -> list[tuple[int, Flow]]:
    """The usable lines of a run's mechanism.jsonl."""
    assert run.directory is not None
    try:
        lines = stored_lines(run.directory / LINES)[:MOST_LINES]
    except UserError:
        return []
    return [(line["step"], flow) for line in lines if (flow := _flow(line)) is not None]


def _flow(content: Any) -> Flow | None:
    if not isinstance(content, dict):
        return None
    lag, h, c = (_array(content.get(key)) for key in ("lag", "h", "c"))
    if lag is None or h is None or len(lag) != len(h) or not len(lag):
        return None
    if h[0] <= 0:
        return None
    return Flow(lag, h / h[0], c / h[0] if c is not None and len(c) == len(lag) else None)


def _array(values: Any) -> np.ndarray | None:
    if not isinstance(values, list):
        return None
    numbers = [finite(value) for value in values]
    return np.array([0.0 if value is None or math.isnan(value) else value for value in numbers])
