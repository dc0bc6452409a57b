"""What a run leaves in its directory: config.yaml, metrics.jsonl, result.json, run.log. The local truth about a run.

Until a run is completed, its directory also has run.json, which holds what result.json cannot say yet; a lock tells
whether a process works on it.
"""

import errno
import json
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from seqexp.runs.lock import cannot_write
from seqexp.runs.result import StartedRun
from seqexp.system.atomic_files import remove_leftovers, write_text
from seqexp.system.errors import UserError
from seqexp.system.json_files import finite, read_lines, whole_lines
from seqexp.system.paths import CONFIG, LOCK, METRICS, RESULT, STARTED
from seqexp.system.regular_files import Unreadable, opened_to_append

GONE = "it was deleted or moved while the run went on"
logger = logging.getLogger("seqexp")

Line = dict[str, Any]  # {"step": 100, "time": 1730000000.1, "train/loss": 0.3, …}


class RunDirectory:
    """One run's directory, which exists, and in which no other process works.

    A run that was cut off may have logged lines after its checkpoint. As it comes by their steps again, each such line
    stands as it is, with its time, so that what was sent to a tracker already is sent again unchanged.
    """

    def __init__(self, path: Path, after: int = 0) -> None:
        """``after``: bytes of metrics.jsonl that the checkpoint knows; 0 where there is none."""
        self.path = path
        remove_leftovers(path)
        try:
            self._metrics: IO[bytes] = opened_to_append(path / METRICS)  # closed by close()
            lines, self._whole = whole_lines(self._metrics, _is_whole)
            self._metrics.truncate(self._whole[-1])  # without the line that was being written
        except OSError as error:
            raise cannot_write(path, error) from error
        if after not in self._whole:
            self._metrics.close()
            raise UserError(
                f"{path / METRICS}: expected the {after:,} bytes that the checkpoint knows, ending with a line; "
                "restore the file, or delete the run's directory to start over"
            )
        known = self._whole.index(after)
        self.known, self._ahead = lines[:known], deque(zip(self._whole[known:], lines[known:], strict=False))

    def write(self, name: str, text: str) -> None:
        """Write a text file, complete or not at all."""
        write_text(self.path / name, text)

    def log(self, step: int, metrics: Mapping[str, float], now: float) -> Line:
        """The line that metrics.jsonl now has for these metrics; nan and inf, which JSON lacks, become null."""
        if not self._is_there():
            raise FileNotFoundError(errno.ENOENT, GONE, str(self.path / METRICS))
        line = {"step": step, "time": now, **{name: finite(value) for name, value in metrics.items()}}
        if self._ahead:
            start, logged = self._ahead.popleft()
            if _timeless(logged) == _timeless(line):
                return logged
            self._ahead.clear()  # it was another machine's
            self._metrics.truncate(start)
        self._metrics.write(json.dumps(line).encode() + b"\n")
        self._metrics.flush()
        return line

    def _is_there(self) -> bool:
        """Whether the file has its place yet: a file that was deleted can be written to, and nobody would see it."""
        try:
            return os.path.samestat(os.fstat(self._metrics.fileno()), os.stat(self.path / METRICS))
        except OSError:
            return False

    def logged(self) -> int:
        """The bytes of metrics.jsonl that the run has come by, brought to the disk."""
        os.fsync(self._metrics.fileno())
        return self._ahead[0][0] if self._ahead else os.fstat(self._metrics.fileno()).st_size

    def history(self) -> list[Line]:
        """The lines of metrics.jsonl."""
        return history(self.path)

    def started(self, run: StartedRun) -> None:
        """The run goes on from here until ``wrapped_up``."""
        run.write(self.path)
        (self.path / RESULT).unlink(missing_ok=True)

    def wrapped_up(self) -> None:
        """Nothing about the run is left to do."""
        (self.path / STARTED).unlink(missing_ok=True)

    def close(self) -> None:
        self._metrics.close()


def numbers(line: Line) -> dict[str, float | None]:
    """The metrics of a logged line: what in it is a number, or null, but its step and time."""
    kept = {name: value for name, value in line.items() if name not in ("step", "time")}
    return {name: value for name, value in kept.items() if value is None or type(value) in (int, float)}


def history(path: Path) -> list[Line]:
    """The whole lines of a run directory's metrics.jsonl. UserError where it cannot be read."""
    try:
        return read_lines(path / METRICS, _is_whole)
    except (FileNotFoundError, Unreadable) as error:
        why = "there is none" if isinstance(error, FileNotFoundError) else f"it {error}"
        raise UserError(
            f"{path / METRICS}: expected a run's logged lines; {why}; is {path} a run's directory?"
        ) from error


def _is_whole(line: Any) -> bool:
    return isinstance(line, dict) and _is_step(line.get("step")) and _is_time(line.get("time"))


def _is_step(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 62


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11


def _timeless(line: Line) -> Line:
    return {name: value for name, value in line.items() if name != "time" and not name.startswith("time/")}


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """The run's log lines go to its own file too."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        path.unlink()  # it was not the run that put it there
    handler = logging.StreamHandler(TextIOWrapper(opened_to_append(path), encoding="utf-8", write_through=True))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        with suppress(OSError):  # a full disk was reported already
            handler.stream.close()


def leave_nothing(path: Path, *, config: bool = False) -> None:
    """Remove the directory of a run that has logged nothing, and the parents that only it was in.

    config: the config.yaml in it is the run's own, in a directory that may be the user's.
    """
    own = {STARTED, CONFIG} if config else {STARTED}
    try:
        files = list(path.iterdir())
        if all(file.name in own or (file.name in (LOCK, METRICS) and not file.stat().st_size) for file in files):
            for file in files:
                file.unlink()
        for folder in (path, *path.parents[:3]):
            folder.rmdir()
    except OSError:
        return


def fresh_directory(base: Path) -> Path:
    """The first of ``base.1``, ``base.2``, … that no run has; taken by creating it, so two processes never share one.

    UserError where it cannot be created.
    """
    n = 1
    while True:
        path = base.with_name(f"{base.name}.{n}")
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            n += 1
        except OSError as error:
            raise cannot_write(path, error) from error


def now() -> float:
    """Seconds since the epoch."""
    return time.time()
