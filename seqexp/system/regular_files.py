"""Files that may be a stranger's: opened only where they are regular ones, through no link, and read up to a limit.

A directory that was copied or unzipped may hold a FIFO, which stops its reader for ever, a link to a file elsewhere, or
a file that is larger than it says.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from seqexp.system.paths import RUNS

# A link is refused, and opening a FIFO does not wait for its other end. Windows has none of these but O_BINARY.
SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


class Unreadable(Exception):
    """A file that is there and cannot be used; the message says why, without the file's name."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A regular file, to be read. FileNotFoundError where there is none; Unreadable where it is anything else."""
    try:
        handle = os.open(path, os.O_RDONLY | SAFE)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        raise Unreadable("is a link" if path.is_symlink() else _told(error)) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):  # a folder too can be opened
        os.close(handle)
        raise Unreadable("is no regular file")
    with os.fdopen(handle, "rb") as file:
        yield file


def opened_to_append(path: Path) -> IO[bytes]:
    """A regular file, which is created where there is none, to be read and added to. OSError where it is a link."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | SAFE, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "it is no regular file", str(path))
    return os.fdopen(handle, "a+b")


def refuse_linked(folder: Path) -> None:
    """OSError where the folder is reached through a link below runs/, which may lead out of it. runs/ may be a link."""
    parts = folder.parts
    begin = len(parts) - parts[::-1].index(RUNS) if RUNS in parts else len(parts)  # behind the last runs/
    for end in range(begin + 1, len(parts) + 1):
        if (linked := Path(*parts[:end])).is_symlink():
            raise OSError(errno.ELOOP, "a link below runs/; link runs/ as a whole, or move the folder", str(linked))


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a file of at most ``limit`` bytes. Errors as ``opened``.

    The limit is enforced while reading: a growing file holds more than its size says.
    """
    with opened(path) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise Unreadable(_told(error)) from error
    if len(content) > limit:
        raise Unreadable(f"has more than {limit:,} bytes")
    return content


def _told(error: Exception) -> str:
    return f"cannot be read ({getattr(error, 'strerror', None) or error})"
