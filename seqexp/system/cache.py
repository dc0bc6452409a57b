"""Values that many runs would work out anew, kept in files: what is not there, or is damaged, is worked out.

The files lie below runs/, so they may be a stranger's: each is JSON of bounded size, and never code. A name is a hash
of all that decides the value, so a file is never out of date. It is written whole or not at all; two processes that
work out the same value write the same file.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from seqexp.system.atomic_files import write_text
from seqexp.system.json_files import read_json
from seqexp.system.regular_files import Unreadable, refuse_linked

T = TypeVar("T")

MOST_FILES, MOST_BYTES = 500, 100_000_000  # of all that is kept; the oldest go first

_folder: Path | None = None  # None: nothing is kept


@contextmanager
def keeping(folder: Path | None) -> Iterator[None]:
    """Inside the block values are kept in this folder; None: nowhere."""
    global _folder
    before, _folder = _folder, folder
    try:
        yield
    finally:
        _folder = before


def kept(kind: str, about: object, make: Callable[[], T], fits: Callable[[object], bool]) -> T:
    """The value that ``make`` gives, from a file where there is one. It has to survive JSON unchanged.

    kind:  the first part of the file's name.
    about: all that decides the value, in JSON's types.
    fits:  whether what a file holds can be such a value.
    """
    if _folder is None:
        return make()
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
    file = _folder / f"{kind}_{name}.json"
    with suppress(OSError, Unreadable):
        refuse_linked(_folder)
        found = read_json(file)
        if fits(found):
            os.utime(file)  # in use
            return found
    value = make()
    if fits(value):
        with suppress(OSError, ValueError):  # of a full disk or a folder that cannot be written: it was worked out
            text = json.dumps(value, allow_nan=False)
            _folder.mkdir(exist_ok=True)  # not without runs/: a run in a folder that the user has named makes none
            refuse_linked(_folder)
            write_text(file, text)
            _remove_oldest(_folder)
    return value


def _remove_oldest(folder: Path) -> None:
    with os.scandir(folder) as entries:
        stats = [(entry.stat(follow_symlinks=False), entry.path) for entry in entries if entry.name.endswith(".json")]
    ages = sorted((stat.st_mtime_ns, stat.st_size, path) for stat, path in stats)
    files, size = len(ages), sum(stat.st_size for stat, _ in stats)
    for _, bytes_, path in ages[:-1]:  # not what has just been written
        if files <= MOST_FILES and size <= MOST_BYTES:
            return
        Path(path).unlink(missing_ok=True)
        files, size = files - 1, size - bytes_
