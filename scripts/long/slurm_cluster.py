"""A Slurm of one node for tests: munged, slurmctld and slurmd, in a network namespace that has no way out.

Slurm listens on every address and looks for none that is a loopback; so the namespace gets one of its own, which exists
nowhere else.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ADDRESS = "10.255.0.1"
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "srun", "squeue", "scontrol", "unshare", "ip")
CONFIG = """
ClusterName=test
SlurmctldHost={host}({address})
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/slurmctld
SlurmdSpoolDir={folder}/slurmd
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1000
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
KillWait=15
SchedulerParameters=bf_interval=2,sched_min_interval=200000
NodeName={host} NodeAddr={address} CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP
"""


def missing() -> str | None:
    """Why there can be no Slurm here."""
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    if lacking:
        return f"Slurm is not installed ({', '.join(lacking)}): apt-get install slurm-wlm munge"
    return None if os.geteuid() == 0 else "a network namespace needs root"


def enter_namespace(module: str, words: Sequence[str]) -> None:
    """Start ``python -m module words`` again where no other host can be reached, unless this is there."""
    if os.environ.get("SEQEXP_NAMESPACE"):
        return
    command = ["unshare", "-n", sys.executable, "-m", module, *words]
    os.execvpe(command[0], command, os.environ | {"SEQEXP_NAMESPACE": "1"})


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """The variables with which Slurm's commands find it. Its processes end with the block."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "addr", "add", f"{ADDRESS}/32", "dev", "lo"], check=False, capture_output=True)
    for name in ("slurmctld", "slurmd", "munge"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    (folder / "munge").chmod(0o700)
    config = folder / "slurm.conf"
    config.write_text(CONFIG.format(host=socket.gethostname(), address=ADDRESS, folder=folder))
    variables = {"SLURM_CONF": str(config)}
    munge = ["munged", "--force", "--foreground", "--key-file", str(key), "--socket", f"{folder}/munge.sock"]
    for name in ("log", "pid", "seed"):
        munge += [f"--{name}-file", str(folder / "munge" / name)]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in (munge, ["slurmctld", "-D", "-f", str(config)], ["slurmd", "-D", "-f", str(config)]):
            with open(folder / f"{command[0]}.out", "wb") as out:
                started.append(subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | variables))
            time.sleep(0.5)
        _wait_for_node(variables)
        yield variables
    finally:
        with suppress(Exception):
            subprocess.run(["scancel", "--user=root"], env=os.environ | variables, timeout=20, capture_output=True)
            time.sleep(1)
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)


def _wait_for_node(variables: dict[str, str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        command = ["sinfo", "--noheader", "--format=%T"]
        said = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False).stdout
        if "idle" in said:
            return
        time.sleep(0.3)
    raise RuntimeError("Slurm did not start")
