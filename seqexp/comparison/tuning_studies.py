"""Tuning studies as their files tell of them: which configurations won, and how much tuning each model had."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqexp.system.json_files import finite, read_object
from seqexp.system.paths import TUNING
from seqexp.system.regular_files import Unreadable


@dataclass(frozen=True)
class Study:
    """One model's study on one task. ``scores``: of the trials in their order, None for one that has none."""

    path: Path
    task: str
    model: str
    space: Mapping[str, str]
    trials: int
    sampler: str
    metric: str
    direction: str
    scores: Sequence[float | None]
    signatures: frozenset[str]
    best: Mapping[str, Any] = field(default_factory=dict)  # the winning values; none of a study without a winner
    edges: Mapping[str, str] = field(default_factory=dict)  # those of them that no trial lies beyond: smallest, largest

    @property
    def words(self) -> dict[str, str]:
        """The winning values as words of a command line."""
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in self.best.items()}


def find(root: Path, task: str, models: Sequence[str]) -> tuple[dict[str, list[Study]], list[str]]:
    """Each model's studies below ``root``/tuning, the newest first; and the files that are none, a line each."""
    found: dict[str, list[Study]] = {}
    broken = []
    for model in models:
        files = sorted((root / TUNING / task / model).glob("*.json"), key=_age)
        for path in files:
            study = _study(path, task, model)
            if study is None:
                broken.append(f"{path}: expected a tuning study")
            else:
                found.setdefault(model, []).append(study)
    return found, broken


def winner(studies: Sequence[Study], signatures: frozenset[str]) -> Study | None:
    """The study whose winner is among the runs."""
    return next((study for study in studies if study.signatures & signatures), None)


def _study(path: Path, task: str, model: str) -> Study | None:
    try:
        content: Any = read_object(path)
        scores = [finite(trial["score"]) for trial in content["scores"]]
        if content["task"] != task or content["model"] != model or content["direction"] not in ("min", "max"):
            return None
        return Study(
            path,
            task,
            model,
            {str(key): str(text) for key, text in content["space"].items()},
            int(content["trials"]),
            str(content["sampler"]),
            str(content["metric"]),
            content["direction"],
            scores,
            frozenset(str(signature) for signature in content.get("signatures") or []),
            best := dict(content.get("best") or {}),
            _edges(best, content["scores"]),
        )
    except (OSError, Unreadable, ValueError, KeyError, TypeError, AttributeError):
        return None


def _edges(best: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The best values that are the smallest or the largest of all that were tried."""
    found = {}
    for key, value in best.items():
        tried = [number for trial in trials if (number := finite((trial.get("values") or {}).get(key))) is not None]
        if finite(value) is not None and len(set(tried)) > 2 and value in (min(tried), max(tried)):
            found[key] = "smallest" if value == min(tried) else "largest"
    return found


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0
