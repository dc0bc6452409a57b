"""What a run says about itself: result.json's content, MLflow's tags, the first log lines, figures and samples."""

import logging
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.config.build import count, counted_with
from seqexp.config.run_config import RunConfig
from seqexp.networks import Network
from seqexp.runs.directory import RunDirectory, now
from seqexp.system import blas
from seqexp.system.json_files import finite
from seqexp.tasks import Task, solves
from seqexp.tasks.artifacts import TextSamples
from seqexp.training.trainer import Outcome

logger = logging.getLogger("seqexp")


def about(run_config: RunConfig, task: Task, network: Network) -> dict[str, Any]:
    """result.json as far as it is known before the first step."""
    sizes, one_more = count(network), network.core.hidden_size + 1
    return {
        "status": "FAILED",
        "model": run_config.name("model"),
        "task": run_config.name("task"),
        "seed": run_config.settings["seed"],
        "signature": run_config.signature,
        "params": sizes["counted"] + sizes["embedding"],
        "embedding_params": sizes["embedding"],
        "hidden_size": network.core.hidden_size,
        "params_per_unit": counted_with(run_config.settings["model"], task.shape, one_more) - sizes["counted"],
        "seconds": 0.0,
        "metrics": {},
        "primary_metric": f"{'val' if run_config.is_trial else 'test'}/{task.primary_metric}",
        "direction": task.direction,
        "baseline": {},
        "best_baseline": None,
        "solved": None if run_config.is_trial else solves(task, None),
        "distance": f"task.{task.distance}" if task.distance else None,
        "mlflow_run_id": None,
        "data": task.fingerprint(),
        "started": round(now(), 3),
        **machine(),
    }


def scores(task: Task, outcome: Outcome, test: bool) -> dict[str, Any]:
    """result.json's scores; without those that need no memory where there is no ``test``, on which they stand."""
    baselines = task.baselines() if test else {}
    best = (max if task.direction == "max" else min)(baselines, key=lambda name: baselines[name], default=None)
    return {
        "metrics": {name: finite(value) for name, value in outcome.metrics.items()},
        "baseline": baselines,
        "best_baseline": best,
        "solved": solves(task, outcome.metrics[f"test/{task.primary_metric}"]) if test else None,
        "best_step": outcome.best_step,
    }


def draw(directory: RunDirectory, outcome: Outcome, result: Mapping[str, Any], clip_norm: float | None) -> None:
    """The run's figures and samples."""
    from seqexp.plots import artifacts, training

    history, path = directory.history(), directory.path
    training.learning_curve(
        history,
        path / "learning_curve.png",
        primary=result["primary_metric"],
        direction=result["direction"],
        baseline=result["baseline"],
    )
    training.gradient_norm(history, path / "gradient_norm.png", clip_norm=clip_norm)
    for artifact in outcome.artifacts:
        drawn = artifacts.draw(artifact, path / artifact.name)
        if isinstance(artifact, TextSamples):
            logger.info("%s\n%s", artifact.name, drawn.read_text(encoding="utf-8").rstrip())


def announce(result: Mapping[str, Any], network: Network) -> None:
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
    logger.info("%s; numpy %s", blas.kernels(), np.__version__)
    warning = blas.held_below()
    if warning:
        logger.warning("%s", warning)


def tags(result: Mapping[str, Any]) -> dict[str, str]:
    return {
        **{key: str(result[key]) for key in ("model", "task", "signature", "primary_metric")},
        **kind(result),
        **{key: text for key, text in machine().items() if key != "cpu"},
    }


def kind(result: Mapping[str, Any]) -> dict[str, str]:
    """The tag that tells a trial, which has no test scores, from other runs."""
    return {"kind": "trial"} if str(result["primary_metric"]).startswith("val/") else {}


def params(run_config: RunConfig, result: Mapping[str, Any]) -> dict[str, Any]:
    """MLflow's params: every key of the config, and how many parameters the network has."""
    sizes = {"params": result.get("params"), "params.embedding": result.get("embedding_params")}
    return run_config.flattened() | sizes


def run_name(result: Mapping[str, Any]) -> str:
    """As MLflow shows it."""
    last = f"trial {result['signature']}" if kind(result) else f"seed {result.get('seed')}"
    return f"{result['model']} {result['task']} {last}"


@cache
def machine() -> dict[str, str]:
    """The code and what it ran on: scores may differ between two of them."""
    return {"git_sha": git_sha(), "numpy": np.__version__, "blas": blas.kernels(), "cpu": blas.cpu()}


def git_sha() -> str:
    """The commit of the code that runs, with "+" where the tree differs from it; empty outside a checkout."""
    here = Path(__file__).resolve().parent
    try:
        git = ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*"]
        return subprocess.run(git, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
