"""Files that survive a crash: written beside their place, brought to the disk, and then moved into place."""

import os
from contextlib import suppress
from pathlib import Path


def write_beside(path: Path, data: bytes) -> Path:
    """Write the bytes to the disk, in a file beside ``path`` that the caller moves there. No file stays if they do not
    fit."""
    beside = beside_of(path)
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()  # empties Python's buffer, fsync the kernel's: a rename may reach the disk before the data
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    return beside


def write_text(path: Path, text: str) -> None:
    """Write a text file, complete or not at all."""
    os.replace(write_beside(path, text.encode()), path)
    sync_folder(path.parent)  # the new name is an entry of the folder, which is a file of its own


def sync_folder(folder: Path) -> None:
    """Bring the folder's list of files to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def beside_of(path: Path) -> Path:
    """Where a file is written before it is moved to ``path``."""
    return path.with_name(f"{path.name}.tmp")
