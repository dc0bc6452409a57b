"""Sweeps on a real Ray: twelve runs, killed workers, Ctrl-C, and nodes without a shared disk.

``python -m scripts.long.ray_cluster`` works in a network namespace that has no way out, since Ray may listen on every
address. What is disturbed has to end bit-identical to what is not.
"""

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from scripts.long.crowding import mlflow_server
from scripts.long.slurm import LONG, SHORT, Cluster, differing, ended, expect
from scripts.long.slurm_cluster import enter_namespace

RAY = ["hydra/launcher=ray", "hydra.launcher.n_jobs=2"]


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


def twelve(cluster: Cluster, folder: Path) -> list[str]:
    """A sweep of 12 runs."""
    wrong: list[str] = []
    words = [*SHORT, "model=rnn,lstm", "seed=range(6)"]
    code, out = cluster.sweep(*RAY, *words)
    expect(wrong, code == 0 and out.count("FINISHED") == 12, "12 finished jobs", out)
    return wrong + differing(cluster, folder, *words)


def killed(cluster: Cluster, folder: Path) -> list[str]:
    """A worker is killed: Ray starts its job again, which goes on from its last checkpoint."""
    wrong: list[str] = []
    words = [*LONG, "seed=0,1,2"]
    process = cluster.start(*RAY, *words)
    os.kill(worker(cluster), signal.SIGKILL)
    code, out = ended(process)
    expect(wrong, code == 0 and out.count("FINISHED") == 3 and "resumed" in out, "a resumed job", out)
    return wrong + differing(cluster, folder, *words)


def lost(cluster: Cluster, folder: Path) -> list[str]:
    """A worker is killed and may not be started again: the table names its job, and the same command completes it."""
    wrong: list[str] = []
    words = [*RAY, *LONG, "seed=0,1,2", "hydra.launcher.max_retries=0"]
    process = cluster.start(*words)
    os.kill(worker(cluster), signal.SIGKILL)
    code, out = ended(process)
    expect(wrong, code == 1 and out.count("FINISHED") == 2 and "Ray: its process was killed" in out, "it named", out)
    code, out = cluster.sweep(*words)
    expect(wrong, code == 0 and "resumed" in out, "the same command to go on", out)
    return wrong + differing(cluster, folder, *LONG, "seed=0,1,2")


def interrupted(cluster: Cluster, folder: Path) -> list[str]:
    """Ctrl-C stops all jobs, and the same command goes on."""
    wrong: list[str] = []
    words = [*LONG, "seed=range(4)"]
    process = cluster.start(*RAY, *words)
    worker(cluster)
    process.send_signal(signal.SIGINT)
    code, out = ended(process)
    expect(wrong, code == 130 and "were stopped and have saved" in out, "what was saved", out)
    code, out = cluster.sweep(*RAY, *words)
    expect(wrong, code == 0 and "resumed" in out, "the same command to go on", out)
    return wrong + differing(cluster, folder, *words)


def without_disk(cluster: Cluster, folder: Path) -> list[str]:
    """Nodes do not see the sweep's folder: runs come home through MLflow, where compare reads them, and none is done
    twice, though the nodes' disks are lost too."""
    wrong: list[str] = []
    scratch = folder / "scratch"
    words = [*SHORT, "model=rnn,lstm", "seed=range(3)", "hydra.launcher.shared_disk=false"]
    code, out = cluster.sweep(*RAY, *words, f"hydra.launcher.scratch={scratch}")
    expect(wrong, code == 2 and "MLflow server" in out, "a line that asks for a server", out)
    folder.mkdir()
    with mlflow_server(folder) as uri:
        words += ["tracking=mlflow", f"tracking.uri={uri}", f"hydra.launcher.scratch={scratch}"]
        code, out = cluster.sweep(*RAY, *words)
        expect(wrong, code == 0 and out.count("FINISHED") == 6, "6 finished jobs", out)
        expect(wrong, not list(cluster.folder.glob("runs/adding")), "no run in the sweep's own folder")
        command = [sys.executable, "-m", "seqexp.compare", "a=rnn", "b=lstm", "task=adding", f"tracking.uri={uri}"]
        done = subprocess.run(command, cwd=cluster.folder, env=cluster.variables, capture_output=True, text=True)
        expect(wrong, done.returncode == 0 and "3 seeds" in done.stdout, "a verdict", done.stdout + done.stderr)
        shutil.rmtree(scratch)
        code, out = cluster.sweep(*RAY, *words)
        expect(wrong, code == 0 and out.count("skipped") == 6, "6 skipped jobs", out)
    return wrong


CASES: dict[str, Callable[[Cluster, Path], list[str]]] = {
    "sweep": twelve,
    "killed": killed,
    "lost": lost,
    "interrupted": interrupted,
    "without_disk": without_disk,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.ray_cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=CASES, action="append")
    given = parser.parse_args()
    if reason := missing():
        sys.exit(f"skipped: {reason}")
    enter_namespace("scripts.long.ray_cluster", sys.argv[1:])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    folder = Path(tempfile.mkdtemp(prefix="ray_"))
    failed = False
    for name in given.only or CASES:
        started = time.monotonic()
        wrong = CASES[name](Cluster(folder / name, {}), folder / f"{name}_undisturbed")
        failed |= bool(wrong)
        seconds = time.monotonic() - started
        print(f"{name}: {len(wrong)} things wrong, {seconds:.0f} s", *wrong, sep="\n", flush=True)
    if not failed:
        shutil.rmtree(folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
