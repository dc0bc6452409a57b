"""What submitit leaves of a job in the sweep's folder: its pickles, and what it printed."""

import os
import pickle
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqexp.system.printable import printable

LONGEST = 200  # characters of a line


@dataclass(frozen=True)
class Submitted:
    """A job that submitit has been given. paths: submitit's, of its files."""

    number: int
    paths: Any

    def has_result(self) -> bool:
        """Whether the job's process has come to an end of its own."""
        return bool(self.paths.result_pickle.exists())

    def failure(self) -> str:
        """The error that ended the job's process; empty where it did what it should. What it printed, which the
        run has too, is then removed."""
        try:
            with open(self.paths.result_pickle, "rb") as file:
                outcome, value = pickle.load(file)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            return f"{type(error).__name__}: {error}"
        if outcome == "success":
            for log in (self.paths.stdout, self.paths.stderr):
                log.unlink(missing_ok=True)
            return ""
        lines = [line for line in str(value).splitlines() if line.strip()]
        line = printable(lines[-1])[:LONGEST] if lines else "no message"
        if "timed-out too many times" in line:
            return "over its time limit too often; give it longer with hydra.launcher.timeout_min, or more tries with \
hydra.launcher.max_num_timeout; the same command goes on"
        return line


@contextmanager
def submission(folder: Path) -> Iterator[None]:
    """For submitting: nobody else may read the folder, whose pickles have the whole config; and no Ctrl-C cuts a
    submission in half, or reaches, from the terminal, the processes that are started."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def last_line(file: Path) -> str:
    """The last line of what a job printed that has letters."""
    try:
        with open(file, "rb") as text:
            text.seek(max(0, os.fstat(text.fileno()).st_size - 4_000))
            lines = text.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.strip() for line in lines if line.strip() and "submitit WARNING" not in line]
    return printable(said[-1])[:LONGEST] if said else ""


def tidy(folder: Path) -> None:
    """Remove submitit's pickles and scripts, and the logs of jobs that printed nothing."""
    for file in folder.glob("*"):
        with suppress(OSError):
            if file.suffix in (".pkl", ".sh") or file.stat().st_size == 0:
                file.unlink()
    with suppress(OSError):
        folder.rmdir()
