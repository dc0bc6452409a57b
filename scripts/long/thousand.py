"""A sweep of a thousand tiny runs with MLflow: seconds, memory and bytes, and what comes after it: the leaderboard's
query, ``compare``, and the same sweep once more.

``python -m scripts.long.thousand --runs 1000`` also tells the second half of the runs from the first: what grows shows.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from threading import Event, Thread

import psutil

from scripts.long.crowding import environment

TINY = [
    "task=adding",
    "task.length=5",
    "task.examples=50",
    "task.steps_per_epoch=5",
    "training.epochs=2",
    "probes=false",
]


def peaks(pid: int, over: Event) -> dict[str, float]:
    """MB of the command's own process and of its largest other one, at their peaks, until it is over."""
    most = {"leader": 0.0, "largest worker": 0.0}
    while not over.wait(0.5):
        try:
            leader = psutil.Process(pid)
            most["leader"] = max(most["leader"], leader.memory_info().rss / 1e6)
            for worker in leader.children(recursive=True):
                most["largest worker"] = max(most["largest worker"], worker.memory_info().rss / 1e6)
        except psutil.Error:
            continue
    return most


def timed(folder: Path, *words: str) -> tuple[str, str]:
    """What a command took, in words, and what it printed. SystemExit where it fails."""
    start, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    over, found = Event(), dict[str, float]()
    watcher = Thread(target=lambda: found.update(peaks(process.pid, over)))
    watcher.start()
    out, said = process.communicate()
    wall, end = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    over.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(words)}\n{out[-1000:]}\n{said[-2000:]}")
    cpu = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
    memory = ", ".join(f"{name} {megabytes:.0f} MB" for name, megabytes in found.items())
    return f"{wall:.1f} s, {cpu:.1f} CPU s; {memory}", out


def pace(folder: Path) -> str:
    """The median seconds between the ends of runs, in the first and the last fifth of the sweep."""
    ended = sorted(json.loads(file.read_text())["ended"] for file in folder.glob("runs/adding/*/*/result.json"))
    between = [after - before for before, after in pairwise(ended)]
    part = max(1, len(between) // 5)
    return f"{median(between[:part]):.3f} s in the first fifth, {median(between[-part:]):.3f} s in the last"


def leaderboard(folder: Path) -> str:
    """What MLflow's pages ask for: runs ranked by their test score, a hundred at a time."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder}/runs/mlflow.db")
    experiment = client.get_experiment_by_name("seqexp").experiment_id
    begin = time.monotonic()
    page = client.search_runs([experiment], max_results=100, order_by=["metrics.`test/mse` ASC"])
    first = time.monotonic() - begin
    return f"the first {len(page)} of the leaderboard in {first:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.thousand", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--tracking", choices=("mlflow", "off"), default="mlflow")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="thousand_") as name:
        folder = Path(name)
        tracking = f"tracking={given.tracking}"
        sweep = ["-m", "model=rnn,lstm", f"seed=range({given.runs // 2})", *TINY, tracking, "hydra/launcher=joblib"]
        told, _ = timed(folder, "seqexp", *sweep)
        print(f"{given.runs} runs: {told}; load {os.getloadavg()[0]:.1f}", flush=True)
        print(f"from end to end: {pace(folder)}", flush=True)
        if given.tracking == "mlflow":
            print(f"mlflow.db: {(folder / 'runs' / 'mlflow.db').stat().st_size / 1e6:.1f} MB", flush=True)
            print(leaderboard(folder), flush=True)
        files = [file for file in folder.rglob("*") if file.is_file()]
        print(f"{len(files)} files, {sum(file.stat().st_blocks for file in files) * 512 / 1e6:.0f} MB on the disk")
        told, out = timed(folder, "seqexp.compare", "a=rnn", "b=lstm", "task=adding", tracking)
        print(f"compare: {told}; {'verdict' if 'report:' in out else 'no report'}", flush=True)
        told, out = timed(folder, "seqexp", *sweep)
        print(f"once more: {told}; {out.count('skipped')} skipped", flush=True)


if __name__ == "__main__":
    main()
