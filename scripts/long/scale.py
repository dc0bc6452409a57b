"""What grows with size: each command at a quarter of a size and at the whole, in seconds and peak memory.

python -m scripts.long.scale                 # all; about half an hour
python -m scripts.long.scale compare rows    # some
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.tables.fabricate import fabricate

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("model=rnn", "model.hidden_size=4", "tracking=off", "probes=false")


@dataclass(frozen=True)
class Measure:
    """A command and what has to be there before it, for a size n."""

    what: str
    size: int
    prepare: Callable[[Path, int], None]
    command: Callable[[int], Sequence[str]]


def run_directories(folder: Path, n: int) -> None:
    for number in range(n // 2):
        for model, score in (("rnn", 0.2), ("lstm", 0.1)):
            fabricate(folder / "runs", model, number, score + random.Random(number).uniform(0, 0.05))


def many_words(folder: Path, n: int) -> None:
    """n rows of four words that occur nowhere else, and of one of forty."""
    rows = [f"{' '.join(f'w{row}x{k}' for k in range(4))} often{row % 40},{'ab'[row % 2]}\n" for row in range(n)]
    (folder / "own.csv").write_text("text,label\n" + "".join(rows))


def nothing(folder: Path, n: int) -> None:
    pass


PAIR = ("a=rnn", "b=lstm", "task=adding")
SHORT = ("task=adding", "task.length=2", "task.examples=64", "training.batch_size=1")
ROWS = ("task=sentiment", "task.source=own.csv", "training.epochs=1", "training.batch_size=256")
MEASURES = {
    "compare": Measure(
        "compare, run directories",
        5_000,
        run_directories,
        lambda n: ("seqexp.compare", "a=rnn", "b=lstm", "task=adding"),
    ),
    "sweep": Measure(
        "a sweep, jobs of two steps",
        300,
        nothing,
        lambda n: (
            "seqexp",
            "-m",
            "task=hello",
            *QUICK,
            "training.epochs=1",
            "task.steps_per_epoch=2",
            f"seed=range({n})",
        ),
    ),
    "steps": Measure(
        "a run, steps of one example",
        200_000,
        nothing,
        lambda n: ("seqexp", *SHORT, *QUICK, "training.epochs=100", f"task.steps_per_epoch={n // 100}"),
    ),
    "rows": Measure("a CSV, rows of four new words each", 100_000, many_words, lambda n: ("seqexp", *ROWS, *QUICK)),
}


def measured(measure: Measure, n: int) -> tuple[float, float, float]:
    """(seconds, processor seconds, MB at the peak) of the command at this size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure.prepare(folder, n)
        begun, begin = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-c", PEAK, *measure.command(n)]
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode:
            sys.exit(
                f"{measure.what}, {n}: exit code {ended.returncode}\n{ended.stdout[-500:]}\n{ended.stderr[-1500:]}"
            )
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        peak = float(ended.stderr.rstrip().rpartition("\n")[2])
    return time.monotonic() - begun, end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime, peak


# Each command tells its own peak: that of all children would be the largest so far.
PEAK = """
import atexit, resource, runpy, sys
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr))
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.scale", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(MEASURES))
    parser.add_argument("--part", type=float, default=1.0, help="of the sizes, for a first look")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in MEASURES]:
        parser.error(f"expected some of {', '.join(MEASURES)}; got {unknown[0]}")
    print("| what | size | seconds | CPU seconds | peak MB | for four times the size: CPU | memory |")
    print("|---|--:|--:|--:|--:|--:|--:|", flush=True)
    for name in given.names or MEASURES:
        measure = MEASURES[name]
        size = int(measure.size * given.part)
        small, whole = (measured(measure, n) for n in (size // 4, size))
        for n, (seconds, cpu, peak), grown in (
            (size // 4, small, ""),
            (size, whole, f"{whole[1] / small[1]:.1f} times"),
        ):
            more = f"{whole[2] / small[2]:.1f} times" if grown else ""
            print(f"| {measure.what} | {n:,} | {seconds:.1f} | {cpu:.1f} | {peak:.0f} | {grown} | {more} |", flush=True)


if __name__ == "__main__":
    main()
