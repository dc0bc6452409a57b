"""What a run says of itself: its result as it comes to be known, MLflow's words for it, log lines, figures, samples."""

import json
import logging
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.config.build import count, counted_with
from seqexp.config.run_config import RunConfig
from seqexp.kernels import library
from seqexp.numerics import squashing
from seqexp.runs.directory import GONE, Line, now
from seqexp.runs.parts import Parts
from seqexp.runs.result import RunResult
from seqexp.system import blas
from seqexp.system.errors import UserError, masked
from seqexp.system.json_files import finite
from seqexp.tasks import Metrics, Task, metrics, solves
from seqexp.tasks.artifacts import Artifact, TextSamples
from seqexp.training.trainer import Outcome

logger = logging.getLogger("seqexp")

WHAT_RUNS = ("seqexp", "conf", "hydra_plugins")


def about(run_config: RunConfig, parts: Parts) -> RunResult:
    """The result as far as it is known before the first step. UserError where nobody knows the primary metric."""
    task, network, model = parts.task, parts.network, run_config.settings["model"]
    sizes, one_more = count(network), network.core.hidden_size + 1
    more = None if parts.is_own else counted_with(model, task.shape, one_more) - sizes["counted"]
    split = "val" if run_config.is_trial else "test"
    known = metrics.lookup(task.primary_metric)
    if known.direction != task.direction:
        raise UserError(
            f"task {run_config.name('task')}: {known.name} is better {known.direction}; it says {task.direction}"
        )
    if run_config.settings.get("predictions") and task.codec() is None:
        raise UserError(f"predictions: expected a task with a codec (Task.codec); {run_config.name('task')} has none")
    return RunResult(
        status="FAILED",
        model=run_config.name("model"),
        task=run_config.name("task"),
        seed=run_config.settings["seed"],
        signature=run_config.signature,
        params=sizes["counted"] + sizes["embedding"],
        embedding_params=sizes["embedding"],
        hidden_size=network.core.hidden_size,
        params_per_unit=more,
        primary_metric=f"{split}/{task.primary_metric}",
        direction=task.direction,
        solved=None if run_config.is_trial else solves(task, None),
        distance=f"task.{task.distance}" if task.distance else None,
        data=task.fingerprint(),
        files=run_config.files,
        started=round(now(), 3),
        git_sha=git_sha(),
        numpy=np.__version__,
        blas=blas.kernels() + _beside_blas(run_config.settings.get("backend")),
        cpu=blas.cpu(),
    )


def scored(result: RunResult, task: Task, outcome: Outcome, baselines: Metrics) -> RunResult:
    """The result with the outcome's scores; a trial has no test set, and so no baselines."""
    result = result.but(
        metrics={name: finite(value) for name, value in outcome.metrics.items()},
        directions={name: metrics.lookup(name).direction for name in outcome.metrics},
        baseline=baselines,
        best_step=outcome.best_step,
        epochs=outcome.epochs,
        stop=outcome.stop,
    )
    best = result.best_memoryless()
    solved = None if result.is_trial else solves(task, outcome.metrics[result.primary_metric])
    return result.but(best_baseline=best[0] if best else None, solved=solved)


def draw(
    lines: Sequence[Line], folder: Path, shown: Sequence[Artifact], result: RunResult, clip_norm: float | None
) -> list[Path]:
    """A run's figures: of its logged lines, and what its task shows."""
    from seqexp.plots import artifacts, training

    curve, norm = folder / "learning_curve.png", folder / "gradient_norm.png"
    training.learning_curve(
        lines, curve, primary=result.primary_metric, direction=result.direction, baseline=result.best_memoryless()
    )
    training.gradient_norm(lines, norm, clip_norm=clip_norm)
    pictures = [each for each in shown if isinstance(each, artifacts.PICTURES)]
    return [curve, norm, *(artifacts.draw(each, folder / each.name) for each in pictures)]


def write_samples(folder: Path, shown: Sequence[Artifact], log: bool = True) -> None:
    """What a run's task shows that is no picture: texts, which are logged too, and notes."""
    from seqexp.plots import artifacts

    for each in shown:
        if isinstance(each, artifacts.PICTURES):
            continue
        written = artifacts.draw(each, folder / each.name)
        if log and isinstance(each, TextSamples):
            logger.info("%s\n%s", each.name, written.read_text(encoding="utf-8").rstrip())


def announce(result: RunResult) -> None:
    _say_kernels()
    logger.info(
        "%s on %s, seed %d: %s parameters%s, %d hidden units, signature %s",
        result.model,
        result.task,
        result.seed,
        f"{result.counted_params:,}",
        f" + {result.embedding_params:,} in the embedding" if result.embedding_params else "",
        result.hidden_size,
        result.signature,
    )


def _beside_blas(backend: str | None) -> str:
    """What else of this CPU decides a result's last bits."""
    gates = ", gates by exp" if squashing.SLOW_TANH else ""
    return f", compiled for {library.vector_bits()} bits" if backend == "compiled" else gates


@cache
def _say_kernels() -> None:
    """Once a process: which BLAS computes, and what may hold it back."""
    logger.info("%s; numpy %s%s", blas.kernels(), np.__version__, _beside_blas(None))
    warning = blas.held_below()
    if warning:
        logger.warning("%s", warning)


def tags(result: RunResult) -> dict[str, str]:
    """MLflow's tags of a run that starts. ``kind`` tells a trial, which has no test scores, from other runs."""
    own = {"model": result.model, "task": result.task, "signature": result.signature}
    code = {"git_sha": result.git_sha, "numpy": result.numpy, "blas": result.blas}
    return own | {"primary_metric": result.primary_metric} | ({"kind": "trial"} if result.is_trial else {}) | code


def last_tags(result: RunResult) -> dict[str, str]:
    """The tag by which a run that only MLflow has is known again: its result, but for the metrics, which MLflow has."""
    return {"result": json.dumps({key: value for key, value in result.as_json().items() if key != "metrics"})}


def params(run_config: RunConfig, result: RunResult) -> dict[str, Any]:
    """MLflow's params: every key of the config, and how many parameters the network has."""
    return run_config.flattened() | {"params": result.params, "params.embedding": result.embedding_params}


def run_name(result: RunResult) -> str:
    """As MLflow shows it."""
    last = f"trial {result.signature}" if result.is_trial else f"seed {result.seed}"
    return f"{result.model} {result.task} {last}"


@cache
def git_sha() -> str:
    """The commit of the code that runs, with "+" where code or settings differ from it; empty outside a checkout.

    No run reads the other files of a checkout, so a change of docs is no change of the code.
    """
    root = Path(__file__).resolve().parents[2]
    git = ["git", "-C", str(root)]
    where = [*git, "rev-parse", "--show-toplevel", "HEAD"]
    try:
        top, sha = subprocess.run(where, capture_output=True, text=True, timeout=5, check=True).stdout.splitlines()
        if not root.samefile(top):  # installed below somebody's own repository
            return ""
        differs = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", *WHAT_RUNS], timeout=5, check=False)
        return sha + ("+" if differs.returncode else "")
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""


def described(error: Exception) -> str:
    """An error in one line; of a full disk or a vanished folder it says that nothing saved is lost."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        if error.strerror == GONE:
            return f"{where}{GONE}; start it again"
        return f"{where}{error.strerror}; the last checkpoint is kept: make room, and go on with resume=<run directory>"
    return str(error) if isinstance(error, UserError) else masked(f"{type(error).__name__}: {error}")
