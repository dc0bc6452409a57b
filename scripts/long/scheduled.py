"""What the scripts for Slurm and Ray share: a folder of runs beside a scheduler, and cases that each has to pass.

What is disturbed has to end bit-identical to what is not.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from scripts.long.crowding import environment
from scripts.long.killing import left

TASK = ["task=adding", "model=rnn", "tracking=off", "training.epochs=3", "probes=false"]
SHORT = [*TASK, "task.steps_per_epoch=20"]
LONG = [*TASK, "task.steps_per_epoch=1500", "training.checkpoint_every=200"]  # some 15 s


class Cluster:
    """A folder of runs beside a scheduler. launcher: the words that choose it; variables: with which it is found."""

    def __init__(self, folder: Path, launcher: Sequence[str], variables: Mapping[str, str]) -> None:
        self.folder, self.launcher, self.variables = folder, launcher, environment() | dict(variables)
        folder.mkdir(parents=True)

    def start(self, *words: str, module: str = "seqexp", flags: Sequence[str] = ("-m",)) -> subprocess.Popen[str]:
        """A sweep through the scheduler."""
        return self._start([module, *flags, *self.launcher, *words])

    def _start(self, words: Sequence[str]) -> subprocess.Popen[str]:
        out = subprocess.PIPE
        command = [sys.executable, "-m", *words]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.variables, stdout=out, stderr=subprocess.STDOUT, text=True
        )

    def sweep(self, *words: str) -> tuple[int, str]:
        return ended(self.start(*words))

    def compare(self, *words: str) -> tuple[int, str]:
        """``run=true`` through the scheduler."""
        return ended(self.start("run=true", *words, module="seqexp.compare", flags=()))

    def here(self, module: str, *words: str) -> tuple[int, str]:
        """A command that knows of no scheduler."""
        return ended(self._start([module, *words]))


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, _ = process.communicate(timeout=1800)
    return process.returncode, out


def content(folder: Path) -> dict[str, object]:
    """What the finished run of each signature left that has to be equal."""
    finished = [
        file.parent
        for file in sorted(folder.glob("runs/**/result.json"))
        if json.loads(file.read_text())["status"] == "FINISHED"
    ]
    return {path.name: left(path) for path in finished}


def differing(cluster: Cluster, *words: str, module: str = "seqexp", flags: Sequence[str] = ("-m",)) -> list[str]:
    """Runs that differ from those of the same words without a scheduler, one after the other."""
    folder = cluster.folder.with_name(f"{cluster.folder.name}_undisturbed")
    undisturbed = Cluster(folder, [], {})
    code, out = undisturbed.here(module, *flags, *words)
    mine, theirs = content(cluster.folder), content(folder)
    if code or not theirs:
        return [f"the undisturbed command failed: {out[-500:]}"]
    return [f"{name}: differs from the undisturbed run" for name in theirs if mine.get(name) != theirs[name]]


def expect(wrong: list[str], is_so: bool, what: str, out: str = "") -> None:
    if not is_so:
        wrong.append(f"expected {what}" + (f"; got {out[-1500:]}" if out else ""))


# -- cases of any scheduler ------------------------------------------------------------------------------------------


def twelve(cluster: Cluster) -> list[str]:
    """A sweep of 12 runs."""
    words = [*SHORT, "model=rnn,lstm", "seed=range(6)"]
    wrong: list[str] = []
    code, out = cluster.sweep(*words)
    expect(wrong, code == 0 and out.count("FINISHED") == 12, "12 finished jobs", out)
    return wrong + differing(cluster, *words)


def tuned_sweep(cluster: Cluster) -> list[str]:
    """Two models tuned by Optuna, and compared."""
    wrong: list[str] = []
    words = ["hydra/sweeper=optuna", "hydra.sweeper.trials=4", "hydra.sweeper.batch=2", "hydra.sweeper.seeds=3"]
    code, out = cluster.sweep(*words, *SHORT, "model=rnn,lstm")
    expect(wrong, code == 0, "a tuned sweep", out)
    code, out = cluster.here("seqexp.compare", "a=rnn", "b=lstm", "task=adding", "tracking=off")
    expect(wrong, code == 0 and "3 seeds" in out, "a verdict on 3 seeds", out)
    return wrong


def verdict(cluster: Cluster) -> list[str]:
    """``compare run=true``, tuned: the same searches, the same runs and the same verdict as in one process."""
    wrong: list[str] = []
    words = ["a=rnn", "b=lstm", "task=adding", "training.epochs=4", "task.steps_per_epoch=20", "tracking=off"]
    words += ["trials=4", "level=0.8", "max_seeds=8", "first_seed=20000"]
    code, out = cluster.compare(*words)
    expect(wrong, code == 0 and "tuned lstm" in out and "report:" in out, "a tuned verdict", out)
    code, out = cluster.compare(*words)
    expect(wrong, code == 0 and "registered before" in out, "the same command to find it all done", out)
    return wrong + differing(cluster, "run=true", *words, "hydra/launcher=basic", module="seqexp.compare", flags=())


# -- the scripts -----------------------------------------------------------------------------------------------------

Case = Callable[[Cluster], list[str]]


def run_cases(
    module: str,
    about: str,
    cases: Mapping[str, Case],
    launcher: Sequence[str],
    scheduler: Callable[[Path], AbstractContextManager[Mapping[str, str]]],
    missing: str | None,
    enter: Callable[[], None],
) -> None:
    """The command line of a script: all of its cases, or those that --only names. Exits with 1 where one is wrong.

    scheduler: starts one in a folder, and gives its variables. missing: why there can be none here. enter: goes where
    no other host can be reached.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("--only", choices=cases, action="append")
    given = parser.parse_args()
    if missing:
        sys.exit(f"skipped: {missing}")
    enter()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it starts in the background ignore it
    folder = Path(tempfile.mkdtemp(prefix=f"{module.rpartition('.')[2]}_"))
    failed = False
    with scheduler(folder / "cluster") as variables:
        for name in given.only or cases:
            started = time.monotonic()
            wrong = cases[name](Cluster(folder / name, launcher, variables))
            failed |= bool(wrong)
            seconds = time.monotonic() - started
            print(f"{name}: {len(wrong)} things wrong, {seconds:.0f} s", *wrong, sep="\n", flush=True)
    if not failed:
        shutil.rmtree(folder)
    sys.exit(1 if failed else 0)
