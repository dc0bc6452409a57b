"""Run directories without the runs: what a comparison reads, with scores drawn from a normal distribution."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

SETTINGS: dict[str, Any] = {
    "seed": 0,
    "dtype": "float32",
    "threads": 1,
    "data_dir": None,
    "resume": None,
    "retry_failed": True,
    "model": {"name": "rnn", "hidden_size": 64, "param_budget": None, "embedding_size": 32, "dropout": 0.0},
    "task": {"name": "adding", "length": 50, "steps_per_epoch": 200, "examples": 2000, "split_seed": 0},
    "optimizer": {"name": "adam", "learning_rate": 0.001, "schedule": "constant"},
    "training": {"epochs": 20, "batch_size": 32, "clip_norm": 1.0, "patience": None, "max_seconds": None},
    "tracking": {"name": "off", "uri": None, "experiment_name": "seqexp"},
}
EPOCHS = 5

# Test errors of eight seeds each.
RNN = [0.120, 0.131, 0.118, 0.140, 0.125, 0.133, 0.129, 0.136]
LSTM = [0.030, 0.041, 0.025, 0.052, 0.033, 0.039, 0.036, 0.044]


def fabricate(
    root: Path,
    model: str,
    seed: int,
    score: float | None,
    *,
    settings: Mapping[str, Any] | None = None,
    result: Mapping[str, Any] | None = None,
    task: str = "adding",
) -> Path:
    """Write a run's directory below ``root``. ``score`` None: it has not finished; ``settings``: {"task.gap": 4};
    ``result``: what of result.json is to be other than usual."""
    config = {key: dict(value) if isinstance(value, dict) else value for key, value in SETTINGS.items()}
    config["seed"], config["model"]["name"], config["task"]["name"] = seed, model, task
    for key, value in (settings or {}).items():
        group, _, name = key.rpartition(".")
        (config[group] if group else config)[name] = value
    signature = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]
    folder = root / task / model / signature
    folder.mkdir(parents=True)
    content = {
        "status": "DIVERGED" if score is None else "FINISHED",
        "model": model,
        "task": task,
        "seed": seed,
        "signature": signature,
        "params": 4353,
        "embedding_params": 0,
        "hidden_size": config["model"]["hidden_size"],
        "params_per_unit": 133,
        "seconds": 12.5,
        "metrics": {} if score is None else {"test/mse": score, "test/loss": score},
        "primary_metric": "test/mse",
        "direction": "min",
        "baseline": {} if score is None else {"always 1": 1 / 6},
        "best_baseline": None if score is None else "always 1",
        "mlflow_run_id": None,
        "parent_run_id": None,
        "data": "generated",
        "started": 1.7e9 + seed,
        "git_sha": "4d062c5aed6bead9db54ad775543d0120c503a2a",
        "numpy": "2.4.6",
        "blas": "openblas 0.3.31 SkylakeX",
        "cpu": "a processor",
        **(result or {}),
    }
    (folder / "result.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "config.yaml").write_text(
        yaml.dump(config, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
    )
    if score is not None:
        lines = [
            {"step": 200 * e, "time": 1.7e9 + e, "val/loss": score + 0.1 / e, "val/mse": score + 0.1 / e}
            for e in range(1, EPOCHS + 1)
        ]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def two_models(root: Path, rnn: Sequence[float | None] = RNN, lstm: Sequence[float | None] = LSTM, **more: Any) -> None:
    """Runs of both models with these scores, seeds 0, 1, 2, …"""
    for model, scores in (("rnn", rnn), ("lstm", lstm)):
        for seed, score in enumerate(scores):
            fabricate(root, model, seed, score, **more)
