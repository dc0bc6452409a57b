"""Which process works on a run: a lock that ends with its process."""

import errno
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from seqexp.system.errors import UserError
from seqexp.system.mounts import private_locks
from seqexp.system.paths import LOCK
from seqexp.system.regular_files import opened_to_append, refuse_linked

if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:  # how Windows says that another process has it
            raise BlockingIOError(error.errno, error.strerror) from error
else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


POLL = 0.2  # seconds
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}  # of a file system without them

logger = logging.getLogger("seqexp")


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold the run directory, which is created; False where another process does and ``wait`` is not wanted.

    The lock ends with the process, however that ends. On a file system without locks, or with such as other hosts do
    not see, there is a warning, and the directory counts as held. UserError where the directory cannot be written.
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
        if private := private_locks(path.parent):
            _warn_once(f"{private}: locks hold on this host only")
        try:
            file = opened_to_append(path / LOCK)
        except FileNotFoundError:  # another process has just removed the empty directory
            continue
        try:
            _flock(file)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path / LOCK)):
                return file
        except FileNotFoundError:  # removed likewise
            pass
        except BlockingIOError:
            if not wait:
                file.close()
                return None
            time.sleep(POLL)
        except OSError:
            file.close()
            raise
        file.close()


def _flock(file: IO[bytes]) -> None:
    """Take the lock. BlockingIOError where another process has it."""
    try:
        _take(file)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        _warn_once(f"no locks: flock: {error.strerror}")


@cache
def _warn_once(cause: str) -> None:
    logger.warning(
        "this file system cannot tell two processes on the same run apart (%s): do not start the same command twice",
        cause,
    )


def cannot_write(path: Path, error: OSError) -> UserError:
    return UserError(
        f"run directory {path}: cannot be written ({error.strerror or error}); start from a writable folder, "
        "or name one with hydra.run.dir=<folder>"
    )
