"""Slurm's jobs through submitit: arrays of one job a run, what Slurm says of them, and scancel."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Any

from seqexp.sweeps.queues import TEXTS, Ended
from seqexp.sweeps.remote_job import RemoteJob
from seqexp.sweeps.submitted import Submitted, last_line, submission, tidy
from seqexp.system.errors import UserError, masked
from seqexp.system.paths import SCHEDULER

ASK = 5.0  # seconds between two questions to Slurm, which serves a whole cluster
SETTLE = 20.0  # seconds for what an ended job has written to appear on this host
ALIVE = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT"}
ALIVE |= {"PREEMPTED", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
MEANT = {  # what a user can do about it
    "OUT_OF_MEMORY": "; give a job more with hydra.launcher.mem_gb",
    "TIMEOUT": "; give a job longer with hydra.launcher.timeout_min",
    "NODE_FAIL": ": its node was lost; the same command goes on",
    "CANCELLED": "; the same command goes on",
}
KILLED = "; if it was for its memory, give a job more with hydra.launcher.mem_gb"  # where Slurm does not say so itself


class SlurmQueue:
    """Jobs on a Slurm cluster. Nothing is asked of sacct where squeue knows: small clusters keep no accounts."""

    def __init__(self, sweep_dir: Path, settings: Mapping[str, Any]) -> None:
        if shutil.which("sbatch") is None or shutil.which("squeue") is None:
            raise UserError(
                "hydra/launcher=submitit_slurm: expected Slurm's sbatch and squeue on this host; found none; type the "
                "command on a cluster's login node, or try hydra/launcher=submitit_local"
            )
        self._folder, self._settings = (sweep_dir / SCHEDULER).absolute(), settings
        self._left: dict[str, Submitted] = {}  # by Slurm's number, 12_3
        self._gone: dict[str, float] = {}  # since when a job is not in the queue
        self._said: dict[str, tuple[str, str]] = {}  # state and reason
        self._asked = 0.0

    def submit(self, jobs: Sequence[RemoteJob]) -> None:
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        given, size = self._settings, self._settings["array_size"]
        for start in range(0, len(jobs), size):
            part = jobs[start : start + size]
            with submission(self._folder):
                executor = SlurmExecutor(self._folder, max_num_timeout=given["max_num_timeout"])
                executor.update_parameters(**self._parameters())
                try:
                    # submitit copies what sbatch says of a fault; it is told in the line below.
                    with redirect_stderr(StringIO()), executor.batch():
                        made = [executor.submit(job) for job in part]
                except (FailedJobError, FailedSubmissionError, OSError) as error:
                    self.cancel()
                    raise UserError(_refused(error, given["partition"])) from None
            for each, job in zip(made, part, strict=True):
                self._left[each.job_id] = Submitted(job.number, each.paths)

    def _parameters(self) -> dict[str, Any]:
        given = self._settings
        named = {name: given[name] for name in (*TEXTS, "setup", "cpus_per_task", "signal_delay_s")}
        named |= {"job_name": given["name"], "time": given["timeout_min"], "array_parallelism": given["n_jobs"]}
        if given["mem_gb"] is not None:
            named["mem"] = f"{round(given['mem_gb'] * 1024)}MB"
        return {key: value for key, value in named.items() if value is not None} | {
            "additional_parameters": {"requeue": True, **given["additional_parameters"]}
        }

    def ended(self) -> list[Ended]:
        found = []
        for name, job in list(self._left.items()):
            if job.has_result():
                found.append(Ended(job.number, job.failure()))
                del self._left[name]
        if monotonic() - self._asked > ASK:
            self._said, self._asked = _states(self._left), monotonic()
            found += list(self._lost())
        return found

    def _lost(self) -> Iterator[Ended]:
        """Those that Slurm runs no more, and that have not written what ends a job."""
        for name, job in list(self._left.items()):
            state, _ = self._said.get(name, ("", ""))
            if state in ALIVE:
                self._gone.pop(name, None)
                continue
            since = self._gone.setdefault(name, monotonic())
            if monotonic() - since < (ASK if state and state != "COMPLETED" else SETTLE):
                continue
            if not job.has_result():
                state = state or "not in the queue any more"
                line = last_line(job.paths.stderr)
                meant = KILLED if state == "FAILED" and "killed" in line.lower() else MEANT.get(state, "")
                said = f" ({line})" if line and state not in ("CANCELLED", "PREEMPTED") else ""
                yield Ended(job.number, f"Slurm job {name}: {state.lower()}{meant}{said}")
                del self._left[name]

    def waiting(self) -> str | None:
        if not self._said or any(state != "PENDING" for state, _ in self._said.values()):
            return None
        return ", ".join(sorted({reason for _, reason in self._said.values()}))

    def cancel(self) -> list[int]:
        numbers = sorted({name.partition("_")[0] for name in self._left})
        if numbers:
            subprocess.run(["scancel", *numbers], capture_output=True, check=False)
        self._asked = 0.0
        return []  # squeue tells of those that wait too

    def close(self) -> None:
        tidy(self._folder)


def _states(names: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Slurm's state and reason of each job that it still knows. Nothing where Slurm does not answer."""
    numbers = sorted({name.partition("_")[0] for name in names})
    if not numbers:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(numbers), 100):  # one question for each array: several fail where one is forgotten
        for number in numbers[start : start + 100]:
            text = _asked("squeue", "--noheader", "--array", "--states=all", "--jobs", number, "--format=%i|%T|%r")
            found |= {name: (state, reason) for name, state, reason in _rows(text)}
    unknown = sorted({name.partition("_")[0] for name in names if name not in found})
    if unknown and shutil.which("sacct"):
        text = _asked("sacct", "-nPX", "--array", "-o", "JobID,State,Reason", "-j", ",".join(unknown))
        found = {name: (state.split()[0], reason) for name, state, reason in _rows(text)} | found
    return {name: said for name, said in found.items() if name in names}


def _rows(text: str) -> list[tuple[str, str, str]]:
    rows = [line.strip().split("|", 2) for line in text.splitlines()]
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3 and row[1]]


def _asked(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _refused(error: Exception, partition: str | None) -> str:
    """Why sbatch takes no job, in a line."""
    text = " ".join(re.findall(r"(?:sbatch: )?error: (.*)", str(error))) or str(error).strip().splitlines()[-1]
    line = f"hydra/launcher=submitit_slurm: Slurm refused the jobs: {masked(text)}"
    if "partition" in text.lower():
        known = _asked("sinfo", "--noheader", "--format=%R").split()
        line += f"; hydra.launcher.partition={partition}; this cluster has {', '.join(dict.fromkeys(known))}"
    return line
