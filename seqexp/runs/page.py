"""What MLflow's pages say of a run besides its numbers: data set, model, floor, and a description for a person."""

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path

from seqexp.config.command_line import for_shell
from seqexp.config.differences import label, words_of
from seqexp.config.run_config import RunConfig
from seqexp.runs import description, serving
from seqexp.runs.directory import history, now
from seqexp.runs.result import RunResult
from seqexp.system.errors import UserError, masked
from seqexp.tasks import metrics
from seqexp.tracking.outputs import DataSet, log_data_set, log_model
from seqexp.tracking.tracker import MlflowTracker, Status, Tracker
from seqexp.tracking.views import FLOOR, GROUP, NOTE

FIGURES = ("learning_curve.png", "confusion.png")  # in a description, those that a run leaves
SOURCES = ("source", "val_source", "test_source", "split_column", "split_seed")


def first_tags(run_config: RunConfig) -> dict[str, str]:
    """The tag that runs share which differ by their seed alone."""
    return {GROUP: label(run_config)}


def note_data(tracker: Tracker, run_config: RunConfig, result: RunResult) -> None:
    """Say which data a run reads."""
    log_data_set(tracker, _data_set(run_config, result))


def _data_set(run_config: RunConfig, result: RunResult) -> DataSet:
    """Their name and hash, and the settings that they come from."""
    task = run_config.settings["task"]
    source = Path(str(task.get("source", ""))).name
    kept = {key: task[key] for key in SOURCES if key in task}
    known = result.files or result.data
    if known in (None, "generated"):  # what is drawn depends on the task's settings
        known = hashlib.sha256(json.dumps(task, sort_keys=True, default=str).encode()).hexdigest()
    return DataSet(f"{result.task}: {source}" if source else result.task, str(known), kept)


def floor(result: RunResult) -> dict[str, float | None]:
    """The score of the best method without memory, as a metric beside the run's own."""
    best = result.best_memoryless()
    return {} if best is None else {f"{FLOOR}{result.primary_metric.partition('/')[2]}": best[1]}


def finish(tracker: Tracker, run_config: RunConfig, result: RunResult, directory: Path) -> None:
    """End the run in MLflow: its files, its floor, its model, its description, and what it came to."""
    status: Status = "KILLED" if result.status == "RUNNING" else result.status
    tags = description.last_tags(result) | _page(tracker, run_config, result, directory)
    tracker.finish(status, floor(result), directory, ended=result.ended, tags=tags)


def _page(tracker: Tracker, run_config: RunConfig, result: RunResult, directory: Path) -> dict[str, str]:
    """Log the run's model, if its config asks for one, and give the description that names it."""
    model_id = None
    if tracker.run_id is None:
        return {}
    try:
        served = serving.wanted(run_config, result, directory)
    except UserError:  # a codec that cannot be read: the run is worth the same
        served = None
    if served is not None:
        scores = {name: value for name, value in result.metrics.items() if name.startswith("test/")}
        scored = [line["time"] for line in history(directory) if scores.keys() & line.keys()]
        served = replace(served, note=_verdict(result), data_set=_data_set(run_config, result))
        model_id = log_model(tracker, served, scores, scored[-1] if scored else now())
    return {NOTE: _note(run_config, result, directory, tracker, model_id)}


def _note(run_config: RunConfig, result: RunResult, directory: Path, tracker: Tracker, model_id: str | None) -> str:
    """Markdown: the score beside the floor, the pictures, the words that make this run again, and how to use it."""
    parts = [_verdict(result)]
    if result.error:
        parts.append(f"```\n{result.error}\n```")
    words = " ".join(map(for_shell, words_of(run_config)))
    parts.append(f"```sh\npython -m seqexp {words}\n```")  # before the pictures: the pages fold all but some lines
    parts += [_picture(str(tracker.run_id), name) for name in FIGURES if (directory / name).is_file()]
    if result.status == "FINISHED" and not result.is_trial:
        parts.append(_code("Why it scores as it does", f"python -m seqexp.explain {for_shell(str(directory))}"))
        parts.append(_code("Use it", f'python -m seqexp.predict {for_shell(str(directory))} "…"'))
    if model_id is not None and isinstance(tracker, MlflowTracker):
        uri = f"MLFLOW_TRACKING_URI={shlex.quote(masked(tracker.client.tracking_uri))}"
        serve = f"{uri} mlflow models serve -m models:/{model_id} --env-manager local --port 5001"
        parts.append(_code("Serve it, once its environment is active (`. .venv/bin/activate`)", serve))
    return "\n\n".join(parts)


def _verdict(result: RunResult) -> str:
    name, score, best = result.primary_metric, result.score(), result.best_memoryless()
    if score is None:
        return f"**{result.status.lower()}**"
    larger = metrics.lookup(name).direction == "max"
    said = f"**{name} {score:.4g}** ({'larger' if larger else 'smaller'} is better)"
    if best is None or best[1] is None:
        return said
    ahead = score > best[1] if larger else score < best[1]
    return f"{said}, {'better' if ahead else '**not better**'} than without memory: {best[1]:.4g} ({best[0]})"


def _picture(run_id: str, name: str) -> str:
    return f"![{name.removesuffix('.png').replace('_', ' ')}](get-artifact?path={name}&run_uuid={run_id})"


def _code(title: str, line: str) -> str:
    return f"{title}:\n\n```sh\n{line}\n```"
