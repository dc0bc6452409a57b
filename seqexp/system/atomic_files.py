"""Files that are on the disk when they seem to be: written beside, flushed, and then moved into place."""

import os
from contextlib import suppress
from pathlib import Path


def write_beside(path: Path, data: bytes) -> Path:
    """The bytes on the disk in a file beside ``path``, to be moved there; no file where they do not fit."""
    beside = beside_of(path)
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    return beside


def write_text(path: Path, text: str) -> None:
    """Write a text file, complete or not at all."""
    os.replace(write_beside(path, text.encode()), path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring to the disk which files the folder has."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def beside_of(path: Path) -> Path:
    """Where a file is written before it is moved to ``path``."""
    return path.with_name(f"{path.name}.tmp")
