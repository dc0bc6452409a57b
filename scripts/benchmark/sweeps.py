"""Whole sweeps against what one would write without seqexp: PyTorch, Hydra and MLflow (scripts/benchmark/minimal).

    python -m scripts.benchmark.sweeps --peer-python ~/torch/bin/python [--epochs 20] [--rounds 3] [--backend compiled]

rnn and lstm on adding, length 20, five seeds each: with and without MLflow, one after the other and in as many
processes as cores. The interpreter needs torch, hydra-core, hydra-joblib-launcher and mlflow. The two sides take turns.
With other work on the machine only the CPU seconds mean something.

Each side is given MLflow's database empty, and its making is not timed: the minimal script's processes would all make
it at once, and fail.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from scripts.benchmark import children

MINIMAL = Path(__file__).parent / "minimal" / "train.py"
SEEDS = "seed=0,1,2,3,4"
BUSY = 1.5  # of load, from which on wall times are not shown


@dataclass(frozen=True)
class Case:
    tracking: str  # off or mlflow
    launcher: str  # basic or joblib

    def ours(self, epochs: int, backend: str) -> list[str]:
        words = ["task=adding", "task.length=20", f"training.epochs={epochs}"]
        words += [f"tracking={self.tracking}", f"backend={backend}"]
        return ["-m", "seqexp", "-m", "model=rnn,lstm", SEEDS, *words, f"hydra/launcher={self.launcher}"]

    def minimal(self, epochs: int) -> list[str]:
        tracking = str(self.tracking == "mlflow").lower()
        words = ["length=20", f"epochs={epochs}", f"tracking={tracking}", f"hydra/launcher={self.launcher}"]
        return [str(MINIMAL), "-m", "model=rnn,lstm", SEEDS, *words]


# For each side's own interpreter: makes MLflow's database in the current folder.
OUR_DATABASE = """
from pathlib import Path
from seqexp.config import tracking_defaults
from seqexp.tracking.mlflow_store import TrackingSettings, connect
Path("runs").mkdir()
connect(TrackingSettings(**tracking_defaults()))
"""
MINIMAL_DATABASE = """
from pathlib import Path
import mlflow
mlflow.set_tracking_uri(f"sqlite:///{Path.cwd()}/mlflow.db")
mlflow.set_experiment("minimal")
"""
CASES = [Case(tracking, launcher) for tracking in ("off", "mlflow") for launcher in ("basic", "joblib")]


def timed(command: list[str], before: str = "") -> tuple[float, float]:
    """Wall and CPU seconds of a command in a fresh folder, in which its interpreter has done ``before``. SystemExit
    with its last words where it fails."""
    environment = children.clean_environment(1) | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    if "PYTHONPATH" in os.environ:  # where the peer's packages lie
        environment["PYTHONPATH"] += os.pathsep + os.environ["PYTHONPATH"]
    with tempfile.TemporaryDirectory() as folder:
        if before:
            _do([command[0], "-c", before], folder, environment)
        start, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        _do(command, folder, environment)
        wall, end = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def _do(command: list[str], folder: str, environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-2000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark.sweeps", description=__doc__.partition("\n")[0])
    parser.add_argument("--peer-python", required=True, metavar="PATH", help="an interpreter that has torch and hydra")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backend", choices=("numpy", "compiled"), default="numpy", help="seqexp's")
    parser.add_argument("--only", default="", help="of off, mlflow, basic and joblib, with commas between")
    options = parser.parse_args()
    named = set(filter(None, options.only.split(",")))
    if unknown := named - {"off", "mlflow", "basic", "joblib"}:
        parser.error(f"--only: expected some of off, mlflow, basic, joblib; got {', '.join(sorted(unknown))}")
    cases = [case for case in CASES if named <= {case.tracking, case.launcher}]
    table = Table(
        "MLflow", "launcher", "load", "seqexp wall", "minimal wall", "ratio", "seqexp CPU", "minimal CPU", "ratio"
    )
    for case in cases:
        ours, minimal, load = [], [], os.getloadavg()[0]
        databases = (OUR_DATABASE, MINIMAL_DATABASE) if case.tracking == "mlflow" else ("", "")
        for _ in range(options.rounds):
            ours.append(timed([sys.executable, *case.ours(options.epochs, options.backend)], databases[0]))
            minimal.append(timed([options.peer_python, *case.minimal(options.epochs)], databases[1]))
        columns = []
        for kind in (0, 1):
            one, other = [run[kind] for run in ours], [run[kind] for run in minimal]
            ratio = median(a / b for a, b in zip(one, other, strict=True))
            columns += [f"{median(one):.1f}", f"{median(other):.1f}", f"{ratio:.2f}"]
        if load > BUSY:
            columns[:3] = ["-"] * 3
        table.add_row(case.tracking, case.launcher, f"{load:.1f}", *columns)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
