"""The processes of a sweep: the leader, which was started as the sweep, and those in which a launcher runs its jobs.

A launcher kills its processes when the leader is stopped. So the leader tells them first, through files and signals,
and gives them the time to finish their step and save.
"""

import os
import shutil
import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic, sleep
from types import FrameType

from seqexp.system import signals
from seqexp.system.paths import JOBS, PARENT, STOPPED, STUDIES, WORKERS

PATIENCE = 1.2  # seconds

_sweep: Path | None = None  # that this process leads
_lock = ExitStack()


def lead(sweep_dir: Path) -> None:
    """This process leads the sweep; its lock tells others whether it still does. UserError where it cannot."""
    from seqexp.runs.lock import locked

    global _sweep
    _lock.enter_context(locked(sweep_dir, wait=False))
    _sweep = sweep_dir
    for name in (PARENT, STOPPED, STUDIES):  # of an earlier sweep, in a folder that the user has named
        (sweep_dir / name).unlink(missing_ok=True)
    for name in (JOBS, WORKERS):
        shutil.rmtree(sweep_dir / name, ignore_errors=True)


def leading() -> Path | None:
    """The sweep that this process leads."""
    return _sweep


def any_job() -> bool:
    """Whether a job of the sweep that this process leads has started."""
    return _sweep is not None and any((_sweep / name).exists() for name in (JOBS, WORKERS))


def end() -> None:
    """The sweep is over."""
    shutil.rmtree(_sweep / WORKERS, ignore_errors=True) if _sweep else None
    _lock.close()


def begin_job(sweep_dir: Path) -> bool:
    """Called as a job starts: from now on the leader, and no terminal, decides when this process has to stop. False
    where the leader was told to stop already, so that no job may start."""
    if _sweep is None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signals.stop)
        (sweep_dir / WORKERS).mkdir(parents=True, exist_ok=True)
        (sweep_dir / WORKERS / str(os.getpid())).touch()
    return not (sweep_dir / STOPPED).exists()


def end_job(sweep_dir: Path) -> None:
    """Called as a job ends."""
    if _sweep is None:
        (sweep_dir / WORKERS / str(os.getpid())).unlink(missing_ok=True)


def stop(number: int, frame: FrameType | None) -> None:
    """The answer to a signal: workers finish their step and save, then this process ends. Asked again while it waits,
    it ends at once."""
    for each in signals.SIGNALS:
        signal.signal(each, signals.stop)
    if _sweep is not None and (_sweep / WORKERS).is_dir():
        (_sweep / STOPPED).touch()
        for file in (_sweep / WORKERS).iterdir():
            with suppress(ProcessLookupError):
                os.kill(int(file.name), signal.SIGTERM)
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline and any((_sweep / WORKERS).iterdir()):
            sleep(0.02)
    signals.stop(number)
