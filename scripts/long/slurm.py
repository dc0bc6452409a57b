"""Sweeps on a real Slurm: twelve runs, tuned comparisons, a cancelled job, a requeued one, one over its time limit.

``python -m scripts.long.slurm`` starts a Slurm of one node in a network namespace of its own, and stops it. ``--only
sweep`` does one of the cases.
"""

import signal
import subprocess
import sys
import time
from functools import partial

from scripts.long import slurm_cluster
from scripts.long.scheduled import (
    LONG,
    SHORT,
    TASK,
    Case,
    Cluster,
    differing,
    ended,
    expect,
    run_cases,
    tuned_sweep,
    twelve,
    verdict,
)

MODULE = "scripts.long.slurm"


def slurm(cluster: Cluster, *command: str) -> str:
    return subprocess.run(command, env=cluster.variables, capture_output=True, text=True, check=False).stdout


def job(cluster: Cluster, number: int) -> str:
    """Slurm's name of a job, once it trains."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        rows = [line.split("|") for line in slurm(cluster, "squeue", "--noheader", "--array", "--format=%i|%T").split()]
        for name, state in rows:
            mine = name.endswith(f"_{number}") or "_" not in name  # one job alone is no array
            if state == "RUNNING" and mine and any(cluster.folder.glob("runs/*/*/*/checkpoints/last*")):
                return name
        time.sleep(0.3)
    raise RuntimeError(f"job {number} did not start: {slurm(cluster, 'squeue')}")


def short(cluster: Cluster) -> list[str]:
    """Two runs."""
    wrong: list[str] = []
    code, out = cluster.sweep(*SHORT, "seed=0,1")
    expect(wrong, code == 0 and out.count("FINISHED") == 2, "2 finished jobs", out)
    return wrong


def cancelled(cluster: Cluster) -> list[str]:
    """A job cancelled with scancel: the table names it, and the same command completes it."""
    wrong: list[str] = []
    words = [*LONG, "seed=0,1,2"]
    process = cluster.start(*words)
    slurm(cluster, "scancel", job(cluster, 1))
    code, out = ended(process)
    expect(wrong, code == 1 and out.count("FINISHED") == 2 and "job 1: Slurm job" in out, "job 1 named", out)
    code, out = cluster.sweep(*words)
    expect(wrong, code == 0 and "resumed" in out, "the same command to go on", out)
    return wrong + differing(cluster, *words)


def requeued(cluster: Cluster) -> list[str]:
    """A job requeued by the scheduler goes on from its last step."""
    wrong: list[str] = []
    words = [*LONG, "seed=0,1"]
    process = cluster.start(*words)
    slurm(cluster, "scontrol", "requeue", job(cluster, 0))
    code, out = ended(process)
    expect(wrong, code == 0 and out.count("FINISHED") == 2 and "resumed" in out, "a resumed job", out)
    return wrong + differing(cluster, *words)


def over_time(cluster: Cluster) -> list[str]:
    """A job over its time limit saves, is queued again and ends; where it may not be, the table says why."""
    wrong: list[str] = []
    longer = [*TASK, "task.steps_per_epoch=9000", "training.checkpoint_every=1000"]
    limit = ["hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=20", "seed=0"]
    code, out = cluster.sweep(*longer, *limit, "hydra.launcher.max_num_timeout=0")
    expect(wrong, code == 1 and "over its time limit" in out, "a line on the time limit", out)
    code, out = cluster.sweep(*longer, *limit, "hydra.launcher.max_num_timeout=5")
    expect(wrong, code == 0 and "resumed" in out, "a job that goes on", out)
    return wrong + differing(cluster, *longer, "seed=0")


def interrupted(cluster: Cluster) -> list[str]:
    """Ctrl-C at the terminal cancels all jobs, and the same command goes on."""
    wrong: list[str] = []
    words = [*LONG, "seed=range(4)"]
    process = cluster.start(*words)
    job(cluster, 1)
    process.send_signal(signal.SIGINT)
    code, out = ended(process)
    expect(wrong, code == 130 and "2 were stopped and have saved" in out and "goes on" in out, "what was saved", out)
    left = slurm(cluster, "squeue", "--noheader")
    expect(wrong, not left.strip(), "no job left in the queue", left)
    code, out = cluster.sweep(*words)
    expect(wrong, code == 0 and "resumed" in out, "the same command to go on", out)
    return wrong + differing(cluster, *words)


def refused(cluster: Cluster) -> list[str]:
    """No such partition, no memory, a queue that never starts, a node that vanishes."""
    wrong: list[str] = []
    code, out = cluster.sweep(*SHORT, "hydra.launcher.partition=nosuch")
    expect(wrong, code == 2 and "this cluster has main" in out, "the partitions there are", out)
    code, out = cluster.sweep(*LONG, "hydra.launcher.mem_gb=0.05")
    expect(wrong, code == 1 and "job 0: Slurm job" in out, "a line on the memory", out)
    slurm(cluster, "scontrol", "update", "PartitionName=main", "State=DOWN")
    code, out = cluster.sweep(*SHORT, "hydra.launcher.max_wait_min=0.1")
    expect(wrong, code == 2 and "PartitionDown" in out, "why no job runs", out)
    slurm(cluster, "scontrol", "update", "PartitionName=main", "State=UP")
    process = cluster.start(*LONG)
    job(cluster, 0)
    node = slurm(cluster, "sinfo", "--noheader", "--format=%n").strip()
    slurm(cluster, "scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    time.sleep(3)
    slurm(cluster, "scontrol", "update", f"NodeName={node}", "State=RESUME")
    code, out = ended(process)
    expect(wrong, code == 0, "the job on another node, or this one again", out)
    return wrong


CASES: dict[str, Case] = {
    "short": short,
    "sweep": twelve,
    "tuned": tuned_sweep,
    "verdict": verdict,
    "cancelled": cancelled,
    "requeued": requeued,
    "over_time": over_time,
    "interrupted": interrupted,
    "refused": refused,
}


def main() -> None:
    about, launcher = (__doc__ or "").splitlines()[0], ["hydra/launcher=submitit_slurm"]
    enter = partial(slurm_cluster.enter_namespace, MODULE, sys.argv[1:])
    run_cases(MODULE, about, CASES, launcher, slurm_cluster.slurm, slurm_cluster.missing(), enter)


if __name__ == "__main__":
    main()
