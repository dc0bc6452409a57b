"""Sweeps and comparisons one after the other, in joblib's processes, and with and without the cache: the same bytes.

``python -m scripts.long.parallel_order`` compares weights, metrics and results of every run, without the times in them.
More processes than cores make runs end in another order than they began. ``--only verdict`` does one of the cases.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from scripts.long.scheduled import Cluster, content

JOBLIB = ["hydra/launcher=joblib"]
WAYS = {
    "one process": ["hydra/launcher=basic"],
    "joblib": JOBLIB,
    "joblib, five processes": [*JOBLIB, "hydra.launcher.n_jobs=5"],
    "joblib, no cache": [*JOBLIB, "cache=false"],
    "one process, no cache": ["hydra/launcher=basic", "cache=false"],
}
FEW = ["training.epochs=2", "tracking=off"]
CASES = {  # the words of a sweep, or of a comparison
    "digits": ["model=rnn,lstm,gru", "task=digits", "seed=range(3)", *FEW],
    "sentiment": ["model=rnn,lstm", "task=sentiment", "task.source=generated", "seed=range(3)", *FEW],
    "adding": ["model=rnn,lstm", "task=adding", "task.steps_per_epoch=50", "task.length=10,20", "seed=0,1", *FEW],
    "verdict": ["a=rnn", "b=lstm", "task=digits", "trials=4", "max_seeds=8", "first_seed=20000", "training.epochs=8"],
    "three": ["models=rnn,lstm,gru", "task=digits", "tuned=false", "max_seeds=10", "first_seed=20000", *FEW],
}
CASES["verdict"].append("tracking=off")


def made(folder: Path, words: list[str], way: list[str]) -> tuple[dict[str, object], str]:
    """What each run came to, and what was printed of every seed. SystemExit where the command fails."""
    place = Cluster(folder, way, {})
    sweep = any(word.startswith("seed=") for word in words)
    code, out = place.sweep(*words) if sweep else place.compare(*words)
    if code:
        sys.exit(f"{' '.join([*words, *way])}\n{out[-2000:]}")
    return content(folder), "\n".join(line for line in out.splitlines() if line.startswith(("seed ", "tuned ")))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.parallel_order", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=CASES, action="append")
    given = parser.parse_args()
    folder, wrong = Path(tempfile.mkdtemp(prefix="parallel_order_")), 0
    for name in given.only or CASES:
        first: tuple[dict[str, object], str] | None = None
        for number, (way, words) in enumerate(WAYS.items()):
            begun = time.monotonic()
            found = made(folder / f"{name}{number}", CASES[name], words)
            first = first or found
            # What one process never began, since the verdict was there, others may have done: it counts nowhere.
            differing = sum(found[0].get(run) != content for run, content in first[0].items())
            said = _without_seconds(found[1]) != _without_seconds(first[1])
            wrong += differing + said
            print(
                f"{name}, {way}: {len(found[0])} runs, {differing} differ from those of one process, "
                f"{'other' if said else 'the same'} lines, {time.monotonic() - begun:.0f} s",
                flush=True,
            )
    shutil.rmtree(folder)
    sys.exit(1 if wrong else 0)


def _without_seconds(lines: str) -> list[str]:
    return [line.rpartition(", ")[0] if line.startswith("tuned ") else line for line in lines.splitlines()]


if __name__ == "__main__":
    main()
