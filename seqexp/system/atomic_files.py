"""Files that survive a crash: written beside their place, brought to the disk, and then moved into place."""

import glob
import os
import secrets
from contextlib import suppress
from pathlib import Path

from seqexp.system.regular_files import refuse_linked

SUFFIX = ".tmp"  # of a file that is being written; a killed process may leave one


def name_beside(path: Path) -> Path:
    """A name beside ``path`` that nobody can foresee, for what will be moved there once it is whole."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}{SUFFIX}")


def write_beside(path: Path, data: bytes) -> Path:
    """Write the bytes to the disk, in a new file beside ``path`` that the caller moves there. No file stays if they do
    not fit."""
    refuse_linked(path.parent)
    # No file or link of that name: else a link could lead the bytes elsewhere.
    beside = name_beside(path)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()  # empties Python's buffer, fsync the kernel's: a rename may reach the disk before the data
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    return beside


def write_text(path: Path, text: str) -> None:
    """Write a text file, complete or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, complete or not at all. A link of its name is replaced, and what it leads to is left alone."""
    os.replace(write_beside(path, data), path)
    sync_folder(path.parent)  # the new name is an entry of the folder, which is a file of its own


def sync_folder(folder: Path) -> None:
    """Bring the folder's list of files to the disk. Windows has no handle of a folder, and does so by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove what killed processes were writing, of one file if it is named. Nobody else may write it now."""
    for file in folder.glob(f".{glob.escape(name)}*{SUFFIX}*" if name else f".*{SUFFIX}"):  # SQLite adds its own ending
        file.unlink(missing_ok=True)
