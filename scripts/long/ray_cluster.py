"""Sweeps on a real Ray: twelve runs, tuned comparisons, killed workers, Ctrl-C, and nodes without a shared disk.

``python -m scripts.long.ray_cluster`` works in a network namespace that has no way out, since Ray may listen on every
address. ``--only sweep`` does one of the cases.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from scripts.long.crowding import mlflow_server
from scripts.long.scheduled import (
    LONG,
    SHORT,
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
from scripts.long.slurm_cluster import enter_namespace

MODULE = "scripts.long.ray_cluster"


def missing() -> str | None:
    """Why there can be no Ray here."""
    if importlib.util.find_spec("ray") is None:
        return "Ray is not installed: pip install ray"
    if shutil.which("unshare") is None or os.geteuid() != 0:
        return "a network namespace needs unshare and root"
    return None


def worker(cluster: Cluster) -> int:
    """The id of a process of this Ray that trains, once one has a checkpoint."""
    import psutil

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if any(cluster.folder.glob("runs/*/*/*/checkpoints/last*")):
            for file in cluster.folder.glob("runs/sweeps/*/workers/*.json"):
                found = int(file.stem.rpartition("-")[2])
                if psutil.pid_exists(found):
                    return found
        time.sleep(0.2)
    raise RuntimeError("no worker trains")


def killed(cluster: Cluster) -> list[str]:
    """A worker is killed: Ray starts its job again, which goes on from its last checkpoint."""
    wrong: list[str] = []
    words = [*LONG, "seed=0,1,2"]
    process = cluster.start(*words)
    os.kill(worker(cluster), signal.SIGKILL)
    code, out = ended(process)
    expect(wrong, code == 0 and out.count("FINISHED") == 3 and "resumed" in out, "a resumed job", out)
    return wrong + differing(cluster, *words)


def lost(cluster: Cluster) -> list[str]:
    """A worker is killed and may not be started again: the table names its job, and the same command completes it."""
    wrong: list[str] = []
    words = [*LONG, "seed=0,1,2", "hydra.launcher.max_retries=0"]
    process = cluster.start(*words)
    os.kill(worker(cluster), signal.SIGKILL)
    code, out = ended(process)
    expect(wrong, code == 1 and out.count("FINISHED") == 2 and "Ray: its process was killed" in out, "it named", out)
    code, out = cluster.sweep(*words)
    expect(wrong, code == 0 and "resumed" in out, "the same command to go on", out)
    return wrong + differing(cluster, *LONG, "seed=0,1,2")


def interrupted(cluster: Cluster) -> list[str]:
    """Ctrl-C stops all jobs, and the same command goes on."""
    wrong: list[str] = []
    words = [*LONG, "seed=range(4)"]
    process = cluster.start(*words)
    worker(cluster)
    process.send_signal(signal.SIGINT)
    code, out = ended(process)
    expect(wrong, code == 130 and "were stopped and have saved" in out, "what was saved", out)
    code, out = cluster.sweep(*words)
    expect(wrong, code == 0 and "resumed" in out, "the same command to go on", out)
    return wrong + differing(cluster, *words)


def without_disk(cluster: Cluster) -> list[str]:
    """Nodes do not see the sweep's folder: runs come home through MLflow, where compare reads them, and none is done
    twice, though the nodes' disks are lost too."""
    wrong: list[str] = []
    folder = cluster.folder.with_name("nodes")
    scratch = folder / "scratch"
    words = [*SHORT, "model=rnn,lstm", "seed=range(3)", "hydra.launcher.shared_disk=false"]
    code, out = cluster.sweep(*words, f"hydra.launcher.scratch={scratch}")
    expect(wrong, code == 2 and "MLflow server" in out, "a line that asks for a server", out)
    folder.mkdir()
    with mlflow_server(folder) as uri:
        words += ["tracking=mlflow", f"tracking.uri={uri}", f"hydra.launcher.scratch={scratch}"]
        code, out = cluster.sweep(*words)
        expect(wrong, code == 0 and out.count("FINISHED") == 6, "6 finished jobs", out)
        expect(wrong, not list(cluster.folder.glob("runs/adding")), "no run in the sweep's own folder")
        code, out = cluster.here("seqexp.compare", "a=rnn", "b=lstm", "task=adding", f"tracking.uri={uri}")
        expect(wrong, code == 0 and "3 seeds" in out, "a verdict", out)
        shutil.rmtree(scratch)
        code, out = cluster.sweep(*words)
        expect(wrong, code == 0 and out.count("skipped") == 6, "6 skipped jobs", out)
    return wrong


CASES: dict[str, Case] = {
    "sweep": twelve,
    "tuned": tuned_sweep,
    "verdict": verdict,
    "killed": killed,
    "lost": lost,
    "interrupted": interrupted,
    "without_disk": without_disk,
}


@contextmanager
def loopback(folder: Path) -> Iterator[Mapping[str, str]]:
    """All that a Ray needs which each command starts for itself."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    yield {}


def main() -> None:
    about, launcher = (__doc__ or "").splitlines()[0], ["hydra/launcher=ray", "hydra.launcher.n_jobs=2"]
    enter = partial(enter_namespace, MODULE, sys.argv[1:])
    run_cases(MODULE, about, CASES, launcher, loopback, missing(), enter)


if __name__ == "__main__":
    main()
