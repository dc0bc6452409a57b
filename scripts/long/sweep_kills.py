"""Kill a sweep, all of its processes at once, and run it again until it is done: each job finishes exactly once.

``python -m scripts.long.sweep_kills --jobs 30 --kills 3``; results from before a kill must be unchanged.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from scripts.long.crowding import WORDS, environment
from scripts.long.killing import doubled_or_missing

LONGER = ["task.steps_per_epoch=100", "training.checkpoint_every=50"]


def finished(folder: Path) -> dict[Path, bytes]:
    """The results of finished runs, as bytes."""
    contents = {file: file.read_bytes() for file in folder.glob("runs/adding/rnn/*/result.json")}
    return {file: content for file, content in contents.items() if json.loads(content)["status"] == "FINISHED"}


class Command(Protocol):
    """What of subprocess.Popen is needed here, of a process in a session of its own."""

    pid: int

    @property
    def returncode(self) -> int | None: ...
    def communicate(self, *, timeout: float) -> tuple[str, str]: ...


def started(folder: Path, module: str, *words: str) -> Any:
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def kill_sweep(
    folder: Path, jobs: int, kills: int, seed: int, *more: str, start: Callable[..., Command] = started
) -> list[str]:
    """What went wrong; nothing if each job finished exactly once."""
    rng = random.Random(seed)
    words = [*WORDS, *LONGER, *more, f"seed=range({jobs})"]
    wrong: list[str] = []
    kept: dict[Path, bytes] = {}
    for number in range(kills):
        process, begun = start(folder, "seqexp", "-m", *words), time.monotonic()
        target = len(kept) + max(1, jobs // (kills + 1))
        while len(finished(folder)) < target and time.monotonic() - begun < 300:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        wrong += [f"kill {number + 1}: {file} changed" for file in kept if file.read_bytes() != kept[file]]
        kept = finished(folder)
        print(f"killed with {len(kept)} of {jobs} jobs finished", flush=True)
    for _ in range(2):  # to the end, and once more with nothing left to do
        process = start(folder, "seqexp", "-m", *words)
        out, _ = process.communicate(timeout=1200)
        if process.returncode:
            wrong.append(f"exit code {process.returncode}: {out[-300:]}")
        wrong += [f"{file} changed" for file in kept if file.read_bytes() != kept[file]]
        kept = finished(folder)
    if out.count("skipped") != jobs:
        wrong.append(f"the last time {out.count('skipped')} of {jobs} jobs were skipped")
    if len(kept) != jobs or len(list(folder.glob("runs/adding/rnn/*"))) != jobs:
        wrong.append(f"{len(kept)} of {jobs} jobs finished, in {len(list(folder.glob('runs/adding/rnn/*')))} folders")
    if "tracking=off" not in more:
        points = sum(doubled_or_missing(file.parent, f"sqlite:///{folder}/runs/mlflow.db") for file in kept)
        wrong += [f"{points} points of MLflow missing or doubled"] if points else []
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.sweep_kills", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sweep_kills_"))
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    wrong = kill_sweep(folder, given.jobs, given.kills, given.seed, *launcher)
    shutil.rmtree(folder)
    print(*wrong, f"{given.jobs} jobs, {given.kills} kills: {len(wrong)} things wrong", sep="\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
