"""Kill runs with SIGKILL at random moments, resume them, and compare what they leave with an uninterrupted run.

``scripts/long/kill_test`` kills at least 200 times and prints a table; the tests kill a few times. Runs are forked
after all imports, and report through shared memory how far they are; the package itself has no code for this. With
``--log`` each run's row goes to a file, and the same command continues after the last row.
"""

import argparse
import json
import mmap
import os
import random
import signal
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

STEP, SAVING, FLUSHING, LAST = range(4)  # what a run tells: its last step, and whether it is in a save or a flush


class Told:
    """Four numbers that a killed process leaves."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 32)

    def __getitem__(self, place: int) -> int:
        return int(struct.unpack_from("q", self._memory, 8 * place)[0])

    def __setitem__(self, place: int, value: int) -> None:
        struct.pack_into("q", self._memory, 8 * place, value)


def composed(words: Sequence[str]) -> Any:
    from seqexp import config

    config.register_resolvers()
    return config.check(config.composed(list(words)))


def without_times(value: Any) -> Any:
    """Without what may differ between two runs of the same experiment."""
    if isinstance(value, list):
        return [without_times(item) for item in value]
    if isinstance(value, dict):
        times = ("time", "seconds", "started", "ended", "directory", "how", "mlflow_run_id")
        return {k: without_times(v) for k, v in value.items() if k not in times and not k.startswith("time/")}
    return value


def left(path: Path) -> Any:
    """What a run leaves that has to be equal: the best weights' bytes, metrics and result without times."""
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    result = json.loads((path / "result.json").read_text())
    return (path / "checkpoints" / "best.safetensors").read_bytes(), without_times(lines), without_times(result)


def doubled_or_missing(path: Path, uri: str) -> int:
    """How many points of MLflow and metrics.jsonl are not in both exactly once, and how many runs are not FINISHED."""
    import mlflow

    from seqexp.tracking.tracker import ONCE
    from seqexp.tracking.views import FLOOR

    client = mlflow.MlflowClient(tracking_uri=uri)
    result = json.loads((path / "result.json").read_text())
    experiment = client.get_experiment_by_name("seqexp").experiment_id
    runs = client.search_runs([experiment], f"tags.signature = '{result['signature']}'")
    if [run.info.run_id for run in runs if run.info.status == "FINISHED"] != [result["mlflow_run_id"]]:
        return 1_000
    here: Counter[Any] = Counter()
    for line in map(json.loads, (path / "metrics.jsonl").read_text().splitlines()):
        for name, value in line.items():
            if name not in ("step", "time") and value is not None:
                here[name, 0 if name.startswith(ONCE) else line["step"], value, round(line["time"] * 1000)] += 1
    history = {name: client.get_metric_history(result["mlflow_run_id"], name) for name in runs[0].data.metrics}
    floor = [len(points) - 1 for name, points in history.items() if name.startswith(FLOOR)]  # in MLflow alone, once
    there = Counter(
        (name, point.step, point.value, point.timestamp)
        for name, points in history.items()
        if not name.startswith(FLOOR)
        for point in points
    )
    return sum(((here - there) + (there - here)).values()) + sum(floor) + abs(len(floor) - 1) + len(runs) - 1


def child(work: Callable[[], object]) -> int:
    """Fork a process that does the work; its id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        work()
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(code)


def attempt(experiment: Any, root: Path, told: Told, plan: tuple[str, int, float] | None) -> None:
    """Go on with the run; with a plan ("save", n, seconds) kill this process so long after its nth save began."""
    from seqexp.runs import run as running
    from seqexp.runs.location import Location
    from seqexp.runs.recorder import Recorder
    from seqexp.runs.recovery import mark_killed
    from seqexp.tracking.mlflow_store import TrackingSettings
    from seqexp.tracking.tracker import MlflowTracker
    from seqexp.training.checkpoints import Checkpoints

    begun: Counter[str] = Counter()

    def hooked(own: Any, kind: str, place: int) -> Any:
        def call(*words: Any) -> Any:
            begun[kind] += 1
            told[place] = 1
            if plan is not None and plan[:2] == (kind, begun[kind]):
                threading.Thread(target=kill_after, args=[plan[2]], daemon=True).start()
            try:
                return own(*words)
            finally:
                told[place] = 0

        return call

    def boundary(self: Any, trainer: Any, own: Any = Recorder.on_boundary) -> None:
        told[STEP], told[LAST] = trainer.step, trainer.total_steps
        own(self, trainer)

    Checkpoints.save = hooked(Checkpoints.save, "save", SAVING)  # type: ignore[method-assign]
    MlflowTracker._send = hooked(MlflowTracker._send, "flush", FLUSHING)  # type: ignore[method-assign]
    Recorder.on_boundary = boundary  # type: ignore[method-assign]
    vars(running)["draw"] = lambda *words: None  # most of a small run's time
    mark_killed(root, TrackingSettings(**experiment.settings["tracking"]))
    result = running.run(experiment, Location(root=root, in_sweep=True))
    assert result.result.status == "FINISHED", result.result.error


def kill_after(seconds: float) -> None:
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


def kill(experiment: Any, root: Path, told: Told, rng: random.Random, kind: str) -> list[str]:
    """Start or go on with the run and kill it; what it was in then: a "save", a "flush", and "between" the first and
    the last step, or "before or after". Nothing: it ended."""
    for place in range(4):
        told[place] = 0
    plan = None if kind == "time" else (kind, rng.randint(1, 3), rng.uniform(0, 0.002 if kind == "save" else 0.02))
    process = child(lambda: attempt(experiment, root, told, plan))
    if plan is None:
        deadline = time.monotonic() + 60
        while not told[STEP] and time.monotonic() < deadline:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                ended_well(status)
                return []
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.2))
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if not os.WIFSIGNALED(status):
        ended_well(status)
        return []
    hit = ["kills", "between" if 0 < told[STEP] < told[LAST] else "before or after"]
    return [*hit, *(["save"] if told[SAVING] else []), *(["flush"] if told[FLUSHING] else [])]


def ended_well(status: int) -> None:
    """A run that was not killed has to have succeeded."""
    assert os.WIFEXITED(status), status
    assert os.WEXITSTATUS(status) == 0, "a run that went on did not finish; its error is above"


def kill_runs(words: Sequence[str], folder: Path, kinds: Sequence[str], seed: int) -> tuple[Counter[str], int, int]:
    """Run once whole, then with kills of these kinds, then to the end.

    Gives where the kills hit, how many of the three things that have to be equal differ, and how many points MLflow has
    twice or not at all.
    """
    rng = random.Random(seed)
    uri = f"sqlite:///{folder}/mlflow.db"
    experiment = composed([*words, f"tracking.uri={uri}"])
    told, where = Told(), Counter[str]()
    whole, killed = folder / "whole", folder / "killed"
    _, status = os.waitpid(child(lambda: attempt(experiment, whole, told, None)), 0)
    ended_well(status)
    before = next(whole.glob("*/*/*/result.json")).parent
    # Compared apart: in MLflow a signature has one run.
    import mlflow

    mlflow.MlflowClient(tracking_uri=uri).delete_run(json.loads((before / "result.json").read_text())["mlflow_run_id"])
    for kind in kinds:
        where.update(kill(experiment, killed, told, rng, kind))
    _, status = os.waitpid(child(lambda: attempt(experiment, killed, told, None)), 0)
    ended_well(status)
    after = next(killed.glob("*/*/*/result.json")).parent
    differing = sum(one != other for one, other in zip(left(before), left(after), strict=True))
    return where, differing, doubled_or_missing(after, uri)


def sizes(task: str) -> list[str]:
    """Words that make the task's run last about a second."""
    from seqexp import config

    own = yaml.safe_load((config.conf_directory() / "task" / f"{task}.yaml").read_text())["task"]
    words = ["training.epochs=20", "training.checkpoint_every=15", "model.hidden_size=24"]
    slow = {
        "digits": ["training.batch_size=72"],
        "forecast": ["training.batch_size=32", "task.steps=500"],
        "one_to_many": ["training.epochs=3", "training.batch_size=8"],
        "video": ["training.epochs=6", "training.batch_size=8", "task.examples=128"],  # validating takes most of it
    }
    if task in slow:
        return words + slow[task]
    words += ["task.train_length=10", "task.test_lengths=[12,14]"] if task == "formal" else []
    words += ["training.batch_size=8", *(["task.steps_per_epoch=20"] if "steps_per_epoch" in own else [])]
    return words + (["task.examples=128"] if "examples" in own else [])


def every_pair(only: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Each model with each task that carries its data (of ``only`` those), neighbours differing in both."""
    from seqexp import config, tasks
    from seqexp.config.build import models_for
    from seqexp.data import sources

    def source(task: str) -> str:
        text = (config.conf_directory() / "task" / f"{task}.yaml").read_text()
        return str(yaml.safe_load(text)["task"].get("source"))

    carried = [task for task in only or tasks.names() if source(task) not in sources.FILES]
    readers = {task: models_for(task) for task in carried}
    turns = range(max(map(len, readers.values())))
    return [(readers[task][(k + turn) % len(readers[task])], task) for turn in turns for k, task in enumerate(carried)]


def one_run(number: int, seed: int, only: Sequence[str], more: Sequence[str]) -> dict[str, Any]:
    """The table's row of the run with this number."""
    pairs = every_pair(only)
    model, task = pairs[number % len(pairs)]
    kinds = ["time", "save", "flush", "time", "save", "flush", "time"]
    words = [f"model={model}", f"task={task}", f"seed={number}", *sizes(task), *more]
    with tempfile.TemporaryDirectory(prefix="kill_test_") as folder:
        where, differing, points = kill_runs(words, Path(folder), kinds, seed + number)
    return {"task": task, "model": model, **where, "differ": differing, "points": points}


COLUMNS = ("kills", "between", "before or after", "save", "flush", "differ", "points")


def enough(total: Counter[str], given: argparse.Namespace) -> bool:
    if given.runs:
        return total["runs"] >= int(given.runs)
    if total["kills"] < given.kills or total["runs"] < len(every_pair(given.tasks)):
        return False
    return total["between"] >= total["kills"] / 2 and min(total["save"], total["flush"]) >= 30


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/long/kill_test", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="at least this many kills, over every task and model")
    parser.add_argument("--runs", type=int, help="this many runs, whatever the number of kills")
    parser.add_argument("--minutes", type=float, default=45, help="start no run after this time")
    parser.add_argument("--log", type=Path, help="a file of rows; runs that it has already are not repeated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tasks", nargs="*", default=(), help="these tasks alone")
    parser.add_argument("--words", nargs="*", default=(), help="more overrides of each run, such as task.source=scenes")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.log.read_text().splitlines()] if given.log and given.log.exists() else []
    deadline = time.monotonic() + 60 * given.minutes
    total: Counter[str] = Counter()
    print("| task | model | " + " | ".join(COLUMNS) + " |", "|---|---|" + "--:|" * len(COLUMNS), sep="\n")
    number = 0
    while not enough(total, given) and (number < len(rows) or time.monotonic() < deadline):
        row = rows[number] if number < len(rows) else one_run(number, given.seed, given.tasks, given.words)
        if given.log and number >= len(rows):
            with given.log.open("a") as file:
                file.write(json.dumps(row) + "\n")
        counts = {name: row.get(name, 0) for name in COLUMNS}
        total.update(counts | {"runs": 1, "exceptions": int(bool(row["differ"] or row["points"]))})
        print(f"| {row['task']} | {row['model']} | " + " | ".join(map(str, counts.values())) + " |", flush=True)
        number += 1
    print("| all | | " + " | ".join(str(total[name]) for name in COLUMNS) + " |")
    print(f"{total['exceptions']} exceptions in {total['runs']} runs, {total['kills']} kills")
    sys.exit(0 if enough(total, given) and not total["exceptions"] else 1)


if __name__ == "__main__":
    main()
