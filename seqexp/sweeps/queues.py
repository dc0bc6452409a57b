"""A sweep's jobs in a scheduler's hands: given to it, waited for, cancelled; what it lost becomes a record too.

A job's own record (job_record.py) says what it came to. Only of a job that left none, or whose process was stopped,
the scheduler's word is taken.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Protocol

from annotated_types import Ge

from seqexp.config.schema import NO_DEFAULT, Fields, check_group
from seqexp.sweeps.job_record import JobRecord, has_record, read_record, read_records
from seqexp.sweeps.remote_job import RemoteJob
from seqexp.system.errors import masked
from seqexp.system.exit_codes import FAILED
from seqexp.system.paths import STOPPED
from seqexp.system.plurals import counted

logger = logging.getLogger("seqexp")

POLL = 0.5  # seconds between two looks at the jobs
PATIENCE = 45.0  # seconds for cancelled jobs to save: Slurm's own, KillWait, is 30
SAY = (60.0, 600.0)  # seconds after which it is told that no job runs, and then each time again

BESIDE_DATA = {"model", "optimizer", "training", "tracking", "seed", "data_seed", "dtype", "threads", "backend"}
BESIDE_DATA |= {"test", "figures", "probes"}

Positive = Annotated[int, Ge(1)]
NJobs = Annotated[int, Ge(-1)]  # -1: all cores
SUBMITIT: Fields = {
    "n_jobs": (NJobs, NO_DEFAULT),
    "timeout_min": (Positive, NO_DEFAULT),
    "max_num_timeout": (Annotated[int, Ge(0)], NO_DEFAULT),
    "signal_delay_s": (Annotated[int, Ge(0)], NO_DEFAULT),
    "setup": (list[str] | None, NO_DEFAULT),
}
WAIT: Fields = {"max_wait_min": (Annotated[float, Ge(0)] | None, NO_DEFAULT)}
TEXTS = ("partition", "qos", "account", "constraint", "exclude", "gres")
LEGAL: dict[str, Fields] = {
    "submitit_local": SUBMITIT,
    "submitit_slurm": {
        **SUBMITIT,
        **WAIT,
        "n_jobs": (Positive, NO_DEFAULT),
        "array_size": (Positive, NO_DEFAULT),
        "name": (str, NO_DEFAULT),
        "cpus_per_task": (Positive, NO_DEFAULT),
        "mem_gb": (Annotated[float, Ge(0.01)] | None, NO_DEFAULT),
        **dict.fromkeys(TEXTS, (str | None, NO_DEFAULT)),
        "additional_parameters": (dict[str, Any], NO_DEFAULT),
    },
    "ray": {
        **WAIT,
        "n_jobs": (NJobs, NO_DEFAULT),
        "address": (str | None, NO_DEFAULT),
        "cpus_per_job": (Positive, NO_DEFAULT),
        "max_retries": (Annotated[int, Ge(0)], NO_DEFAULT),
        "shared_disk": (bool, NO_DEFAULT),
        "scratch": (str, NO_DEFAULT),
    },
}


@dataclass(frozen=True)
class Ended:
    """A job that will not go on. lost: what became of it, where it did not end by itself. record: what it left, where
    its host could not write into the sweep's folder."""

    number: int
    lost: str = ""
    record: JobRecord | None = None


class Queue(Protocol):
    """A scheduler."""

    def submit(self, jobs: Sequence[RemoteJob]) -> None:
        """UserError where the scheduler refuses them; then none is left in it."""
        ...

    def ended(self) -> list[Ended]:
        """Those that have ended since the last call."""
        ...

    def waiting(self) -> str | None:
        """Why no job runs, in the scheduler's words; None where one does."""
        ...

    def cancel(self) -> list[int]:
        """Tell all jobs to save and end, without waiting for it. Gives the numbers of those that it has not begun and
        forgets; ``ended`` tells of the others."""
        ...

    def close(self) -> None:
        """The queue is needed no more."""
        ...


def check(launcher: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The launcher's settings. UserError names the key at fault."""
    return check_group("hydra.launcher", settings, LEGAL[launcher])


@dataclass
class _Watched:
    """The jobs of one launch. left: the numbers of those that have not ended."""

    queue: Queue
    sweep_dir: Path
    left: set[int]
    idle_since: float = field(default_factory=time.monotonic)
    told: int = 0  # how often it was said that no job runs
    cancelled: bool = False

    def look(self) -> None:
        """Note which jobs have ended, and how."""
        for each in self.queue.ended():
            self.left.discard(each.number)
            if each.record is not None:
                each.record.write(self.sweep_dir)
            found = read_record(self.sweep_dir, each.number)
            recorded = has_record(self.sweep_dir, each.number)
            if each.lost and not self.cancelled and (not recorded or (found.status == "KILLED" and not found.error)):
                status = found.status if recorded else "KILLED"
                replace(found, status=status, error=masked(each.lost)).write(self.sweep_dir)
                logger.error("#%d: %s", each.number, each.lost)

    def complain(self, limit: float | None) -> None:
        """Say from time to time that no job runs. RuntimeError after ``limit`` minutes of it."""
        why = self.queue.waiting()
        if why is None:
            self.idle_since, self.told = time.monotonic(), 0
            return
        waited = time.monotonic() - self.idle_since
        if limit is not None and waited > 60 * limit:
            raise RuntimeError(
                f"hydra.launcher.max_wait_min: no job ran for {waited / 60:.2g} minutes ({why}); all are cancelled; "
                "the same command goes on with those that have not ended"
            )
        if waited > SAY[0] + self.told * SAY[1]:
            self.told += 1
            logger.warning("%s waiting, none runs: %s", counted(len(self.left), "job"), why)


def run_all(queue: Queue, jobs: Sequence[RemoteJob], sweep_dir: Path, settings: Mapping[str, Any]) -> None:
    """Have the jobs done. Each has a record when this returns.

    Where this process is to stop, or the sweep's file STOPPED appears, all jobs are cancelled: those that run save.
    UserError where the scheduler takes no job, RuntimeError where it runs none for too long.
    """
    watched = _Watched(queue, sweep_dir, {job.number for job in jobs})
    submitted = False
    try:
        queue.submit(jobs)
        submitted = True
        stop = (sweep_dir / STOPPED).absolute()
        logger.info("%s submitted; to stop them from any host: touch %s", counted(len(jobs), "job"), stop)
        while True:
            watched.look()
            if not watched.left:
                refuse_other_data(sweep_dir, [job.number for job in jobs])
                return
            if (sweep_dir / STOPPED).exists():
                raise SystemExit(FAILED)
            watched.complain(settings.get("max_wait_min"))
            time.sleep(POLL)
    except BaseException:
        if submitted:
            _cancel(watched, jobs)
        raise
    finally:
        queue.close()


def refuse_other_data(sweep_dir: Path, numbers: Sequence[int]) -> None:
    """Mark the jobs whose host had other data than that of the first job of the same task, so that they are no part of
    the sweep's means."""
    first: dict[tuple[object, ...], JobRecord] = {}
    for record in (read_record(sweep_dir, number) for number in numbers):
        if record.result is None or record.result.data is None:
            continue
        deciding = [(key, word) for key, word in record.overrides.items() if key.partition(".")[0] not in BESIDE_DATA]
        like = first.setdefault((record.task, *sorted(deciding)), record)
        if like.result is not None and record.result.data != like.result.data:
            error = f"its data are not those of job {like.job} (another hash); bring its host's data_dir up to date"
            replace(record, status="BAD_INPUT", result=None, error=error).write(sweep_dir)
            logger.error("#%d: %s", record.job, error)


def _cancel(watched: _Watched, jobs: Sequence[RemoteJob]) -> None:
    """Cancel the jobs, wait until they have saved, and say what came of them."""
    (watched.sweep_dir / STOPPED).touch()
    watched.cancelled = True
    watched.left.difference_update(watched.queue.cancel())
    deadline = time.monotonic() + PATIENCE
    with suppress(Exception):  # the scheduler itself may be what is gone
        while watched.left and time.monotonic() < deadline:
            watched.look()
            time.sleep(POLL)
    numbers = {job.number for job in jobs}
    left = [record.status for record in read_records(watched.sweep_dir) if record.job in numbers]
    stopped, missing = left.count("KILLED"), len(jobs) - len(left)
    ended = len(left) - stopped
    logger.warning(
        "cancelled: of %s %d had ended, %d were stopped and have saved their last step, %d had not begun",
        *(counted(len(jobs), "job"), ended, stopped, missing),
    )
