"""Which process works on a run: a lock that ends with its process."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from seqexp.system.errors import UserError
from seqexp.system.paths import LOCK
from seqexp.system.regular_files import opened_to_append, refuse_linked

POLL = 0.2  # seconds


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold the run directory, which is created; False where another process does and ``wait`` is not wanted.

    The lock ends with the process, however that ends. UserError where the directory cannot be written.
    """
    try:
        file = _hold(path, wait)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield file is not None
    finally:
        if file is not None:
            with suppress(OSError):
                (path / LOCK).unlink()
            file.close()


def _hold(path: Path, wait: bool) -> IO[bytes] | None:
    while True:
        path.mkdir(parents=True, exist_ok=True)
        refuse_linked(path)
        try:
            file = opened_to_append(path / LOCK)
        except FileNotFoundError:  # another process has just removed the empty directory
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path / LOCK)):
                return file
        except FileNotFoundError:  # removed likewise
            pass
        except BlockingIOError:
            if not wait:
                file.close()
                return None
            time.sleep(POLL)
        file.close()


def cannot_write(path: Path, error: OSError) -> UserError:
    return UserError(
        f"run directory {path}: cannot be written ({error.strerror or error}); start from a writable folder, "
        "or name one with hydra.run.dir=<folder>"
    )
