"""What a run leaves in its directory: config.yaml, metrics.jsonl, result.json, run.log. The local truth about a run."""

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqexp.errors import UserError

Line = dict[str, Any]  # {"step": 100, "time": 1730000000.1, "train/loss": 0.3, …}


class RunDirectory:
    """One run's directory. Creating it is the first thing a run does; UserError where it cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._metrics = open(path / "metrics.jsonl", "a", encoding="utf-8")  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise UserError(
                f"run directory {path}: cannot be written ({error.strerror}); run from a folder that can be, "
                "or name one with hydra.run.dir=<folder>"
            ) from error

    def write(self, name: str, text: str) -> None:
        """Write a text file, complete or not at all."""
        beside = self.path / f"{name}.tmp"
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, self.path / name)

    def log(self, step: int, metrics: Mapping[str, float], now: float) -> None:
        """Append one line to metrics.jsonl; nan and inf, which JSON lacks, become null."""
        line = {"step": step, "time": now, **{name: finite(value) for name, value in metrics.items()}}
        self._metrics.write(json.dumps(line) + "\n")
        self._metrics.flush()

    def history(self) -> list[Line]:
        """The lines of metrics.jsonl."""
        with open(self.path / "metrics.jsonl", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def result(self, result: Mapping[str, Any]) -> None:
        """Write result.json."""
        self.write("result.json", json.dumps(result, indent=2) + "\n")

    def close(self) -> None:
        self._metrics.close()


def finite(value: float) -> float | None:
    """The number, or None where JSON has none for it."""
    return float(value) if math.isfinite(value) else None


def stored_result(path: Path) -> dict[str, Any] | None:
    """The content of a run directory's result.json; None where there is none, {} where it cannot be read."""
    try:
        result = json.loads((path / "result.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return result if isinstance(result, dict) else {}


def fresh_directory(base: Path) -> Path:
    """The first of ``base.1``, ``base.2``, … that no run has; taken by creating it, so two processes never share one.

    UserError where it cannot be created.
    """
    n = 1
    while True:
        path = base.with_name(f"{base.name}.{n}")
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            n += 1
        except OSError as error:
            raise UserError(
                f"run directory {path}: cannot be created ({error.strerror}); run from a folder that can be written, "
                "or name one with hydra.run.dir=<folder>"
            ) from error


def now() -> float:
    """Seconds since the epoch."""
    return time.time()
