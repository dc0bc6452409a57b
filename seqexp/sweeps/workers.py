"""The processes of a sweep: the leader, which was started as the sweep, and those in which a launcher runs its jobs.

A launcher kills its processes when the leader is stopped. So the leader tells them first, through files and signals,
and gives them the time to finish their step and save. A process of another host is told by the file STOPPED alone,
never by its id: the same number is a stranger's process here.
"""

import json
import os
import shutil
import signal
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from types import FrameType

from seqexp.system import signals
from seqexp.system.atomic_files import write_text
from seqexp.system.json_files import read_object
from seqexp.system.paths import JOBS, PARENT, PARENT_LOCK, SCHEDULER, STOPPED, STUDIES, WORKERS
from seqexp.system.processes import Process, this_process
from seqexp.system.regular_files import Unreadable

PATIENCE = 1.2  # seconds
LOOK = 1.0  # seconds after which a scheduler's job looks again whether it has to stop

_sweep: Path | None = None  # that this process leads
_heeded: Collection[int] | None = None  # the signals that stop this process, where a scheduler has started it
_has_disk = True
_lock = ExitStack()


def lead(sweep_dir: Path) -> None:
    """This process leads the sweep; its lock tells others whether it still does. UserError where it cannot."""
    from seqexp.runs.lock import locked

    global _sweep
    _lock.enter_context(locked(sweep_dir, wait=False))
    _sweep = sweep_dir
    forget(sweep_dir)  # an earlier sweep, in a folder that the user has named


def forget(sweep_dir: Path) -> None:
    """Remove the records of a sweep, and nothing else: the folder may be one in which the user has more."""
    for name in (PARENT, PARENT_LOCK, STOPPED, STUDIES):
        (sweep_dir / name).unlink(missing_ok=True)
    for name in (JOBS, WORKERS):
        _remove_records(sweep_dir / name)
    shutil.rmtree(sweep_dir / SCHEDULER, ignore_errors=True)


def _remove_records(folder: Path) -> None:
    for file in folder.glob("*[0-9].json"):  # a job's number, or a worker's host and process
        file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def leading() -> Path | None:
    """The sweep that this process leads."""
    return _sweep


def any_job() -> bool:
    """Whether a job of the sweep that this process leads has started."""
    return _sweep is not None and any((_sweep / name).exists() for name in (JOBS, WORKERS))


def end() -> None:
    """The sweep is over."""
    global _sweep
    if _sweep is not None:
        _remove_records(_sweep / WORKERS)
    _sweep = None
    _lock.close()


def scheduled() -> bool:
    """Whether a scheduler has started this process for one job: then a stop has to reach the scheduler too."""
    return _heeded is not None


def has_disk() -> bool:
    """Whether this process sees the runs of the sweep's other processes."""
    return _has_disk


@contextmanager
def serving(sweep_dir: Path, heeded: Collection[int], has_disk: bool = True) -> Iterator[None]:
    """Within the block this process does one job of a sweep for a scheduler: the signals ``heeded`` stop it, and so
    does the file STOPPED, whichever host writes it. Afterwards it is as it was, for its next job."""
    global _heeded, _has_disk
    before = {number: signal.getsignal(number) for number in signals.SIGNALS}
    _heeded, _has_disk, over = heeded, has_disk, Event()
    Thread(target=_watch, args=[sweep_dir / STOPPED, over], daemon=True).start()
    try:
        yield
    finally:
        over.set()
        _heeded, _has_disk, signals.asked = None, True, None
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(file: Path, over: Event) -> None:
    while not over.wait(LOOK):
        if file.exists():
            os.kill(os.getpid(), signal.SIGTERM)
            return


def begin_job(sweep_dir: Path) -> bool:
    """Called as a job starts: from now on the leader, and no terminal, decides when this process has to stop. False
    where the leader was told to stop already, so that no job may start."""
    if _sweep is None:
        for each in signals.SIGNALS:
            signal.signal(each, signals.stop if each in (_heeded or {signal.SIGTERM}) else signal.SIG_IGN)
        _own_file(sweep_dir).parent.mkdir(parents=True, exist_ok=True)
        write_text(_own_file(sweep_dir), json.dumps(this_process().as_json()))
    return not called_off(sweep_dir)


def called_off(sweep_dir: Path) -> bool:
    """Whether no job of the sweep may start any more."""
    return (sweep_dir / STOPPED).exists()


def end_job(sweep_dir: Path) -> None:
    """Called as a job ends."""
    if _sweep is None:
        _own_file(sweep_dir).unlink(missing_ok=True)


def stop(number: int, frame: FrameType | None) -> None:
    """The answer to a signal: workers finish their step and save, then this process ends. Asked again while it waits,
    it ends at once."""
    for each in signals.SIGNALS:
        signal.signal(each, signals.stop)
    if _sweep is not None and (_sweep / WORKERS).is_dir():
        told = call_off(_sweep)
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline and any(file.exists() for file in told):
            sleep(0.02)
    signals.stop(number)


def call_off(sweep_dir: Path) -> list[Path]:
    """No further job of the sweep starts, and those that run in other processes are told to save and end. The files of
    the processes that were told, which go as they end."""
    (sweep_dir / STOPPED).touch()
    return [file for file in (sweep_dir / WORKERS).glob("*.json") if _terminate(file)]


def start_over() -> None:
    """Called as a job may start: a worker that was told to end, since jobs before were called off, is no longer."""
    if _sweep is None and _heeded is None:
        signals.asked = None


def allow(sweep_dir: Path) -> None:
    """Jobs may start again, after those of a launch were called off."""
    (sweep_dir / STOPPED).unlink(missing_ok=True)


def _own_file(sweep_dir: Path) -> Path:
    me = this_process()
    return sweep_dir / WORKERS / f"{me.host}-{me.pid}.json"


def _terminate(file: Path) -> bool:
    """Tell the process of a worker's file to end. False where it is none, has ended, or is another host's: such a
    worker reads the file STOPPED before its next job."""
    try:
        process = Process.parse(read_object(file))
    except (FileNotFoundError, Unreadable):
        return False
    return process is not None and process.terminate()
