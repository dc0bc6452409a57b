"""One run from a checked config to a finished directory: build, train, test, record, draw."""

import logging
import subprocess
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seqexp import threads
from seqexp.build import build_network, build_optimizer, build_task, count
from seqexp.checkpoint import save_weights
from seqexp.config import Experiment
from seqexp.errors import Diverged, UserError
from seqexp.mlflow_store import TrackingSettings
from seqexp.networks import Network
from seqexp.progress import Progress
from seqexp.records import RunDirectory, finite, fresh_directory, now, stored_result
from seqexp.tasks import Task
from seqexp.tasks.artifacts import TextSamples
from seqexp.tracking import Tracker, open_tracker
from seqexp.train import Outcome, Trainer, Training

logger = logging.getLogger("seqexp")
Status = Literal["FINISHED", "FAILED", "KILLED", "DIVERGED"]
LEFT_BY_A_RUN = ("metrics.jsonl", "result.json", "traceback.txt", "run.log")


@dataclass(frozen=True)
class Place:
    """Where a run goes: a directory the user named, or None for ``root/<task>/<model>/<signature>``.

    A single run takes a fresh ``<signature>.<n>``, a sweep's run the plain one.
    """

    directory: Path | None = None
    root: Path = Path("runs")
    in_sweep: bool = False
    parent_run_id: str | None = None


class Recorder:
    """Hands each logged step to metrics.jsonl, the tracker and the terminal, in this order of importance."""

    def __init__(self, directory: RunDirectory, tracker: Tracker, progress: Progress) -> None:
        self._directory, self._tracker, self._progress = directory, tracker, progress
        self.on_step = progress.on_step

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        at = round(now(), 3)  # as the file keeps it: sent again from there, a metric must have the same time
        self._directory.log(step, metrics, at)
        self._tracker.log(step, metrics, at)
        self._tracker.flush()
        self._progress.on_metrics(step, metrics)


def run(experiment: Experiment, place: Place) -> dict[str, Any]:
    """Train, test and record one run; gives result.json's content, with the run's directory under "directory".

    UserError before anything is written where the data or the directory cannot be used. A run that started leaves a
    result.json whatever happens to it: divergence and failures are in its ``status``; what stops the process
    (KeyboardInterrupt, SystemExit) is passed on after the run is marked KILLED.
    """
    settings = experiment.settings
    if place.in_sweep and place.directory is None:
        path = place.root / experiment.name("task") / experiment.name("model") / experiment.signature
        found = stored_result(path)
        if found is not None and found.get("status") == "FINISHED":
            logger.info("finished before: %s", path)
            return found | {"directory": str(path), "skipped": True}
    task = build_task(settings["task"], settings["data_dir"])
    network = build_network(settings["model"], task.shape)
    path = _take_directory(experiment, place)
    tracking = TrackingSettings(**settings["tracking"])
    result = _about(experiment, task, network)
    try:
        tracker = open_tracker(
            tracking,
            name=f"{result['model']} {result['task']} seed {result['seed']}",
            params=experiment.flattened()
            | {"params": result["params"], "params.embedding": result["embedding_params"]},
            tags=_tags(experiment, task),
            parent_run_id=place.parent_run_id,
        )
    except BaseException:
        leave_nothing(path)
        raise
    directory = RunDirectory(path)
    log_file = logging.FileHandler(path / "run.log", encoding="utf-8")
    log_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(log_file)
    try:
        directory.write("config.yaml", experiment.as_yaml())
        result |= {"mlflow_run_id": tracker.run_id}
        return _train(experiment, task, network, directory, tracker, result, bar=not place.in_sweep)
    finally:
        logger.removeHandler(log_file)
        log_file.close()
        directory.close()


def _train(
    experiment: Experiment,
    task: Task,
    network: Network,
    directory: RunDirectory,
    tracker: Tracker,
    result: dict[str, Any],
    bar: bool,
) -> dict[str, Any]:
    settings = experiment.settings
    status: Status = "FAILED"
    outcome: Outcome | None = None
    trainer = None
    start = now()
    try:
        with threads.limited(settings["threads"]), Progress(task.primary_metric, bar) as progress:
            trainer = Trainer(
                network,
                task,
                build_optimizer(settings["optimizer"]),
                Training(**experiment.group("training")),
                seed=settings["seed"],
                dtype=np.dtype(settings["dtype"]).type,
            )
            _announce(result, network)
            outcome = trainer.fit(Recorder(directory, tracker, progress))
        result |= _scores(task, outcome)
        save_weights(
            directory.path / "checkpoints" / "best.safetensors", outcome.best, {"step": str(outcome.best_step)}
        )
        _show(directory, task, outcome, settings)
        status = "FINISHED"
    except Diverged as error:
        status = "DIVERGED"
        result["error"] = str(error)
        logger.error("diverged: %s", error)
    except Exception as error:
        result["error"] = f"{type(error).__name__}: {error}"
        logger.error("failed: %s", result["error"])
        logger.debug("%s", traceback.format_exc())
        directory.write("traceback.txt", traceback.format_exc())
    except BaseException as error:  # Ctrl-C, SIGTERM: the run is marked, and the signal goes on
        status = "KILLED"
        result["error"] = f"stopped by {type(error).__name__}"
        raise
    finally:
        result |= {"status": status, "seconds": round(outcome.seconds if outcome else now() - start, 3)}
        if trainer is not None:
            result["steps"] = trainer.step
        directory.result(result)
        tracker.finish(status, {k: v for k, v in result["metrics"].items() if v is not None}, directory.path)
        result["directory"] = str(directory.path)
    return result


def _about(experiment: Experiment, task: Task, network: Network) -> dict[str, Any]:
    """result.json as far as it is known before the first step."""
    sizes = count(network)
    return {
        "status": "FAILED",
        "model": experiment.name("model"),
        "task": experiment.name("task"),
        "seed": experiment.settings["seed"],
        "signature": experiment.signature,
        "params": sizes["counted"] + sizes["embedding"],
        "embedding_params": sizes["embedding"],
        "hidden_size": network.core.hidden_size,
        "seconds": 0.0,
        "metrics": {},
        "primary_metric": f"test/{task.primary_metric}",
        "direction": task.direction,
        "baseline": {},
        "best_baseline": None,
        "mlflow_run_id": None,
        "data": task.fingerprint(),
    }


def _scores(task: Task, outcome: Outcome) -> dict[str, Any]:
    baselines = task.baselines()
    best = (max if task.direction == "max" else min)(baselines, key=lambda name: baselines[name])
    return {
        "metrics": {name: finite(value) for name, value in outcome.metrics.items()},
        "baseline": baselines,
        "best_baseline": best,
        "best_step": outcome.best_step,
    }


def _show(directory: RunDirectory, task: Task, outcome: Outcome, settings: Mapping[str, Any]) -> None:
    """The run's figures and samples."""
    from seqexp.analysis import figures

    baselines = task.baselines()
    history, path = directory.history(), directory.path
    figures.learning_curve(
        history, path / "learning_curve.png", primary=task.primary_metric, direction=task.direction, baseline=baselines
    )
    figures.gradient_norm(history, path / "gradient_norm.png", clip_norm=settings["training"]["clip_norm"])
    for artifact in outcome.artifacts:
        drawn = figures.draw(artifact, path / artifact.name)
        if isinstance(artifact, TextSamples):
            logger.info("%s\n%s", artifact.name, drawn.read_text(encoding="utf-8").rstrip())


def _announce(result: Mapping[str, Any], network: Network) -> None:
    _say_kernels()
    logger.info(
        "%s on %s, seed %d: %s parameters%s, %d hidden units, signature %s",
        result["model"],
        result["task"],
        result["seed"],
        f"{result['params'] - result['embedding_params']:,}",
        f" + {result['embedding_params']:,} in the embedding" if result["embedding_params"] else "",
        network.core.hidden_size,
        result["signature"],
    )


@cache
def _say_kernels() -> None:
    """Once a process: which BLAS computes, and what may hold it back."""
    logger.info("%s; numpy %s", threads.kernels(), np.__version__)
    warning = threads.held_below()
    if warning:
        logger.warning("%s", warning)


def _take_directory(experiment: Experiment, place: Place) -> Path:
    base = place.root / experiment.name("task") / experiment.name("model") / experiment.signature
    if place.directory is None and not place.in_sweep:
        return fresh_directory(base)
    path = place.directory or base
    found = stored_result(path)
    if place.directory is not None and found is not None:
        whose = "this run" if found.get("signature") == experiment.signature else "another run"
        raise UserError(
            f"hydra.run.dir: expected a directory without a run; {path} holds {whose} "
            f"(signature {found.get('signature')}); name another one"
        )
    for name in LEFT_BY_A_RUN if found is not None else ():  # a sweep's run that did not finish starts over
        (path / name).unlink(missing_ok=True)
    return path


def leave_nothing(path: Path) -> None:
    """Remove the still empty directory, and the parents that only it was in."""
    for folder in (path, *path.parents[:3]):
        try:
            folder.rmdir()
        except OSError:
            return


def _tags(experiment: Experiment, task: Task) -> dict[str, str]:
    return {
        "model": experiment.name("model"),
        "task": experiment.name("task"),
        "signature": experiment.signature,
        "primary_metric": f"test/{task.primary_metric}",
        "git_sha": _git_sha(),
        "numpy": np.__version__,
        "blas": threads.kernels(),
    }


def _git_sha() -> str:
    """The commit of the code that runs, with "+" where the tree differs from it; empty outside a checkout."""
    here = Path(__file__).resolve().parent
    try:
        git = ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*"]
        return subprocess.run(git, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
