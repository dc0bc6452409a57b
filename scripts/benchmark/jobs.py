"""Whole jobs with each backend and in PyTorch, start-up, validation and test included.

    python -m scripts.benchmark.jobs --peer-python ~/torch/bin/python [--rounds 3] [--only adding,sentiment]

The sides take turns, each in a process and a folder of its own, without figures, probes and MLflow. With other work on
the machine only the CPU seconds mean something. tinyshakespeare is read from SEQEXP_DATA_DIR or downloaded.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from statistics import median

import numpy as np

from scripts.benchmark.report import console, table
from scripts.benchmark.sweeps import timed

JOBS = {
    "tinyshakespeare": ["experiment=tinyshakespeare", "model=lstm", "training.epochs=1", "training.max_seconds=null"],
    "adding": ["task=adding", "model=lstm", "training.epochs=10"],
    "sentiment": ["task=sentiment", "model=lstm", "training.epochs=5", "training.stop_when_solved=false"],
}
PLAIN = ["tracking=off", "figures=none", "probes=false", "optimizer.schedule=constant"]
SIDES = ("numpy", "compiled", "torch")


def command(side: str, words: Sequence[str], peer_python: str | None) -> list[str]:
    if side == "torch":
        return [str(peer_python), "-m", "scripts.benchmark.torch_job", *words]
    return [sys.executable, "-m", "seqexp", *words, f"backend={side}"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark.jobs", description=__doc__.partition("\n")[0])
    parser.add_argument("--peer-python", metavar="PATH", help="an interpreter of this Python's version that has torch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help=f"of {', '.join(JOBS)}, with commas between")
    options = parser.parse_args()
    named = [name for name in options.only.split(",") if name] or list(JOBS)
    if unknown := set(named) - JOBS.keys():
        parser.error(f"--only: expected some of {', '.join(JOBS)}; got {', '.join(sorted(unknown))}")
    sides = [side for side in SIDES if side != "torch" or options.peer_python]
    # The peer's interpreter has torch, and gets the packages that this one has.
    os.environ["PYTHONPATH"] = os.path.dirname(os.path.dirname(np.__file__))
    rows = []
    for name in named:
        words = [*JOBS[name], *PLAIN]
        times: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
        for index in range(options.rounds):
            for side in sides if index % 2 == 0 else sides[::-1]:
                times[side].append(timed(command(side, words, options.peer_python)))
        for kind, clock in enumerate(("wall", "CPU")):
            seconds = {side: [run[kind] for run in runs] for side, runs in times.items()}
            best = [f"{min(seconds[side]):.1f}" for side in sides]
            ratios = [median(a / b for a, b in zip(seconds["compiled"], seconds[side], strict=True)) for side in sides]
            rows.append([name, clock, *best, *(f"{ratio:.2f}" for ratio in ratios if ratio != 1)])
    console.print(f"load {os.getloadavg()[0]:.1f}")
    table(
        f"Whole jobs: the best of {options.rounds} runs in seconds, and compiled's median over each other side's",
        ["job", "clock", *sides, *(f"compiled / {side}" for side in sides if side != "compiled")],
        rows,
        left=2,
    )


if __name__ == "__main__":
    main()
