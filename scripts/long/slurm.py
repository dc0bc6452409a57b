"""Sweeps on a real Slurm: twelve runs, a tuned comparison, a cancelled job, a requeued one, one over its time limit.

``python -m scripts.long.slurm`` starts a Slurm of one node in a network namespace of its own, and stops it. ``--only
sweep`` does one of the cases. What is disturbed has to end bit-identical to what is not.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.long.crowding import environment
from scripts.long.slurm_cluster import enter_namespace, missing, slurm

TASK = ["task=adding", "model=rnn", "tracking=off", "training.epochs=3", "probes=false"]
SHORT = [*TASK, "task.steps_per_epoch=20"]
LONG = [*TASK, "task.steps_per_epoch=1500", "training.checkpoint_every=200"]  # some 15 s
SLURM = "hydra/launcher=submitit_slurm"


class Cluster:
    """A folder of runs beside a Slurm."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder, self.variables = folder, environment() | dict(variables)
        folder.mkdir()

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "seqexp", "-m", *words]
        out = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.folder, env=self.variables, stdout=out, stderr=subprocess.STDOUT, text=True
        )

    def sweep(self, *words: str) -> tuple[int, str]:
        return ended(self.start(*words))

    def slurm(self, *command: str) -> str:
        return subprocess.run(command, env=self.variables, capture_output=True, text=True, check=False).stdout

    def job(self, number: int, training: bool = True) -> str:
        """Slurm's name of a job, once it trains."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            rows = [line.split("|") for line in self.slurm("squeue", "--noheader", "--array", "--format=%i|%T").split()]
            for name, state in rows:
                started = any(self.folder.glob("runs/*/*/*/checkpoints/last*")) or not training
                mine = name.endswith(f"_{number}") or "_" not in name  # one job alone is no array
                if state == "RUNNING" and mine and started:
                    return name
            time.sleep(0.3)
        raise RuntimeError(f"job {number} did not start: {self.slurm('squeue')}")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, _ = process.communicate(timeout=600)
    return process.returncode, out


def content(folder: Path) -> dict[str, object]:
    """What a run of each signature came to: scores, the best weights' bytes and each logged line but for times."""
    found: dict[str, object] = {}
    for file in sorted(folder.glob("runs/adding/*/*/result.json")):
        lines = [json.loads(line) for line in (file.parent / "metrics.jsonl").read_text().splitlines()]
        kept = [{key: value for key, value in line.items() if "time" not in key} for line in lines]
        weights = (file.parent / "checkpoints" / "best.safetensors").read_bytes()
        found[file.parent.name] = (json.loads(file.read_text())["metrics"], kept, weights)
    return found


def differing(cluster: Cluster, folder: Path, *words: str) -> list[str]:
    """Runs that differ from those of the same words in one process of this machine."""
    undisturbed = Cluster(folder, cluster.variables)
    code, out = undisturbed.sweep(*words)
    mine, theirs = content(cluster.folder), content(folder)
    if code or not theirs:
        return [f"the undisturbed sweep failed: {out[-500:]}"]
    return [f"{name}: differs from the undisturbed run" for name in theirs if mine.get(name) != theirs[name]]


def expect(wrong: list[str], is_so: bool, what: str, out: str = "") -> None:
    if not is_so:
        wrong.append(f"expected {what}" + (f"; got {out[-1500:]}" if out else ""))


def short(cluster: Cluster, folder: Path) -> list[str]:
    """Two runs."""
    wrong: list[str] = []
    code, out = cluster.sweep(SLURM, *SHORT, "seed=0,1")
    expect(wrong, code == 0 and out.count("FINISHED") == 2, "2 finished jobs", out)
    return wrong


def twelve(cluster: Cluster, folder: Path) -> list[str]:
    """A sweep of 12 runs."""
    words = [*SHORT, "model=rnn,lstm", "seed=range(6)"]
    wrong: list[str] = []
    code, out = cluster.sweep(SLURM, *words)
    expect(wrong, code == 0 and out.count("FINISHED") == 12, "12 finished jobs", out)
    return wrong + differing(cluster, folder, *words)


def tuned(cluster: Cluster, folder: Path) -> list[str]:
    """A tuned comparison."""
    wrong: list[str] = []
    words = ["hydra/sweeper=optuna", "hydra.sweeper.trials=4", "hydra.sweeper.batch=2", "hydra.sweeper.seeds=3"]
    code, out = cluster.sweep(SLURM, *words, *SHORT, "model=rnn,lstm")
    expect(wrong, code == 0, "a tuned sweep", out)
    command = [sys.executable, "-m", "seqexp.compare", "a=rnn", "b=lstm", "task=adding", "tracking=off"]
    done = subprocess.run(
        command, cwd=cluster.folder, env=cluster.variables, capture_output=True, text=True, check=False
    )
    expect(wrong, done.returncode == 0 and "3 seeds" in done.stdout, "a verdict on 3 seeds", done.stdout + done.stderr)
    return wrong


def cancelled(cluster: Cluster, folder: Path) -> list[str]:
    """A job cancelled with scancel: the table names it, and the same command completes it."""
    wrong: list[str] = []
    words = [SLURM, *LONG, "seed=0,1,2"]
    process = cluster.start(*words)
    cluster.slurm("scancel", cluster.job(1))
    code, out = ended(process)
    expect(wrong, code == 1 and out.count("FINISHED") == 2 and "job 1: Slurm job" in out, "job 1 named", out)
    code, out = cluster.sweep(*words)
    expect(wrong, code == 0 and "resumed" in out, "the same command to go on", out)
    return wrong + differing(cluster, folder, *words[1:])


def requeued(cluster: Cluster, folder: Path) -> list[str]:
    """A job requeued by the scheduler goes on from its last step."""
    wrong: list[str] = []
    words = [SLURM, *LONG, "seed=0,1"]
    process = cluster.start(*words)
    cluster.slurm("scontrol", "requeue", cluster.job(0))
    code, out = ended(process)
    expect(wrong, code == 0 and out.count("FINISHED") == 2 and "resumed" in out, "a resumed job", out)
    return wrong + differing(cluster, folder, *words[1:])


def over_time(cluster: Cluster, folder: Path) -> list[str]:
    """A job over its time limit saves, is queued again and ends; where it may not be, the table says why."""
    wrong: list[str] = []
    longer = [*TASK, "task.steps_per_epoch=9000", "training.checkpoint_every=1000"]
    limit = ["hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=20", "seed=0"]
    code, out = cluster.sweep(SLURM, *longer, *limit, "hydra.launcher.max_num_timeout=0")
    expect(wrong, code == 1 and "over its time limit" in out, "a line on the time limit", out)
    code, out = cluster.sweep(SLURM, *longer, *limit, "hydra.launcher.max_num_timeout=5")
    expect(wrong, code == 0 and "resumed" in out, "a job that goes on", out)
    return wrong + differing(cluster, folder, *longer, "seed=0")


def interrupted(cluster: Cluster, folder: Path) -> list[str]:
    """Ctrl-C at the terminal cancels all jobs, and the same command goes on."""
    wrong: list[str] = []
    words = [SLURM, *LONG, "seed=range(4)"]
    process = cluster.start(*words)
    cluster.job(1)
    process.send_signal(signal.SIGINT)
    code, out = ended(process)
    expect(wrong, code == 130 and "2 were stopped and have saved" in out and "goes on" in out, "what was saved", out)
    left = cluster.slurm("squeue", "--noheader")
    expect(wrong, not left.strip(), "no job left in the queue", left)
    code, out = cluster.sweep(*words)
    expect(wrong, code == 0 and "resumed" in out, "the same command to go on", out)
    return wrong + differing(cluster, folder, *words[1:])


def refused(cluster: Cluster, folder: Path) -> list[str]:
    """No such partition, no memory, a queue that never starts, a node that vanishes."""
    wrong: list[str] = []
    code, out = cluster.sweep(SLURM, *SHORT, "hydra.launcher.partition=nosuch")
    expect(wrong, code == 2 and "this cluster has main" in out, "the partitions there are", out)
    code, out = cluster.sweep(SLURM, *LONG, "hydra.launcher.mem_gb=0.05")
    expect(wrong, code == 1 and "job 0: Slurm job" in out, "a line on the memory", out)
    cluster.slurm("scontrol", "update", "PartitionName=main", "State=DOWN")
    code, out = cluster.sweep(SLURM, *SHORT, "hydra.launcher.max_wait_min=0.1")
    expect(wrong, code == 2 and "PartitionDown" in out, "why no job runs", out)
    cluster.slurm("scontrol", "update", "PartitionName=main", "State=UP")
    process = cluster.start(SLURM, *LONG)
    cluster.job(0)
    node = cluster.slurm("sinfo", "--noheader", "--format=%n").strip()
    cluster.slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    time.sleep(3)
    cluster.slurm("scontrol", "update", f"NodeName={node}", "State=RESUME")
    code, out = ended(process)
    expect(wrong, code == 0, "the job on another node, or this one again", out)
    return wrong


CASES: dict[str, Callable[[Cluster, Path], list[str]]] = {
    "short": short,
    "sweep": twelve,
    "tuned": tuned,
    "cancelled": cancelled,
    "requeued": requeued,
    "over_time": over_time,
    "interrupted": interrupted,
    "refused": refused,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.slurm", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=CASES, action="append")
    given = parser.parse_args()
    if reason := missing():
        sys.exit(f"skipped: {reason}")
    enter_namespace("scripts.long.slurm", sys.argv[1:])
    folder = Path(tempfile.mkdtemp(prefix="slurm_"))
    failed = False
    with slurm(folder / "cluster") as variables:
        for name in given.only or CASES:
            started = time.monotonic()
            wrong = CASES[name](Cluster(folder / name, variables), folder / f"{name}_undisturbed")
            failed |= bool(wrong)
            print(
                f"{name}: {len(wrong)} things wrong, {time.monotonic() - started:.0f} s", *wrong, sep="\n", flush=True
            )
    if not failed:
        shutil.rmtree(folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
