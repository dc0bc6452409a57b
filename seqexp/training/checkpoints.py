"""Saved weights and run states: safetensors with JSON in the header, checked by SHA-256. Never pickle, which runs code.

A file is written beside its place, brought to the disk, and then moved. So a file is either complete or the old one.
"""

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.numerics.params import Layout, Params
from seqexp.system.atomic_files import remove_leftovers, sync_folder, write_beside
from seqexp.system.errors import UserError
from seqexp.system.regular_files import Unreadable, read_file

logger = logging.getLogger("seqexp")

NEWEST, BEFORE = "last.safetensors", "previous.safetensors"
HEADER = 1 << 20  # bytes, at most, that a file has besides its arrays
SHARE = 50  # a save by the clock waits this many times as long as the last one took: at most 2 % of the time


@dataclass
class Snapshot:
    """Everything that the next step of a run depends on.

    numbers: values that JSON can hold, such as the step and the counters; about: which run this is, and its data.
    """

    arrays: dict[str, np.ndarray]
    numbers: dict[str, Any]
    about: dict[str, Any] = field(default_factory=dict)

    def bytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())


class Damaged(Exception):
    """A file that differs from what was saved."""


class Checkpoints:
    """The two newest snapshots of a run in ``folder``: if one is damaged, the other is still there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.newest, self.before = folder / NEWEST, folder / BEFORE

    def save(self, snapshot: Snapshot) -> None:
        """Save a snapshot. OSError if it cannot be written; the earlier snapshots are then unchanged."""
        from safetensors.numpy import save

        text = json.dumps({"numbers": snapshot.numbers, "about": snapshot.about})
        header = {"seqexp": text, "sha256": _digest(text, snapshot.arrays)}
        data = save({name: np.ascontiguousarray(array) for name, array in snapshot.arrays.items()}, metadata=header)
        self.folder.mkdir(parents=True, exist_ok=True)
        # All bytes are on the disk before anything moves: a full disk leaves both generations. A kill between the two
        # moves leaves no newest file, and ``load`` takes the one before.
        beside = write_beside(self.newest, data)
        if self.newest.exists():
            os.replace(self.newest, self.before)
        os.replace(beside, self.newest)
        sync_folder(self.folder)

    def load(self, limit: int) -> Snapshot | None:
        """The newest undamaged snapshot, or None if nothing was saved. UserError if all of them are damaged.

        limit: bytes that a snapshot's arrays may have; a larger file is not read.
        """
        damage = []
        for path in (self.newest, self.before):
            try:
                snapshot = _read(path, limit)
            except FileNotFoundError:
                continue
            except Damaged as error:
                damage.append(f"{path}: {error}")
                continue
            for line in damage:
                logger.warning("checkpoint damaged, resuming from %s: %s", path.name, line)
            return snapshot
        if damage:
            raise UserError(
                f"{'; '.join(damage)}; no checkpoint is usable: restore one, or delete {self.folder} to start over"
            )
        return None

    def discard(self) -> None:
        """Remove the snapshots: a finished run no longer needs them."""
        for path in (self.newest, self.before):
            path.unlink(missing_ok=True)
        remove_leftovers(self.folder)


def _read(path: Path, limit: int) -> Snapshot:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = read_file(path, limit + HEADER)
        length = int.from_bytes(data[:8], "little")  # the format begins with its header's length
        if length > HEADER:
            raise Damaged("its header is too long")
        arrays = load(data)
        header = json.loads(data[8 : 8 + length])["__metadata__"]  # SafetensorError above where it is no JSON
        text = header["seqexp"]
        if header["sha256"] != _digest(text, arrays):
            raise Damaged("its SHA-256 differs from the one it was saved with")
        content = json.loads(text)
        snapshot = Snapshot(arrays, dict(content["numbers"]), dict(content["about"]))
    except FileNotFoundError:
        raise
    except Unreadable as error:
        raise Damaged(f"it {error}") from error
    except (SafetensorError, KeyError, ValueError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise Damaged(f"expected a checkpoint of this project ({_brief(error)})") from error
    return snapshot


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    # Names, types and shapes count too: two arrays that changed places would have the same bytes.
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"\0{name} {array.dtype.str} {array.shape}\0".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def _brief(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:120]


class Schedule:
    """When to save: ``checkpoint_every`` in steps (500), in seconds ("30s"), or None for never.

    UserError where it is none of these. ``clock`` gives the time in seconds; only differences of it count.
    """

    def __init__(self, every: int | str | None, clock: Callable[[], float] = time.perf_counter) -> None:
        text = str(every)
        if every is not None and not re.fullmatch(r"[1-9][0-9]{0,11}|[0-9]{1,9}(\.[0-9]{1,9})?s", text):
            raise UserError(
                "training.checkpoint_every: expected steps, such as 500, seconds, such as 30s, or null; "
                f"got {text[:50]!r}"
            )
        self._steps = int(text) if every is not None and not text.endswith("s") else None
        self._seconds = float(text[:-1]) if text.endswith("s") else None
        self._clock = clock
        self._last, self._cost = clock(), 0.0
        self._last_step: int | None = None

    def due(self, step: int) -> bool:
        if self._seconds is not None:
            return self._clock() - self._last >= max(self._seconds, SHARE * self._cost)
        if self._steps is None:
            return False
        if self._last_step is None:
            self._last_step = step - 1 if step else 0  # the first call follows a step; resumed runs begin later
        return step - self._last_step >= self._steps

    def saved(self, step: int, cost: float) -> None:
        """``cost`` in seconds."""
        self._last, self._last_step, self._cost = self._clock(), step, cost


# -- weights ---------------------------------------------------------------------------------------------------------


def save_weights(path: Path, p: Params, about: dict[str, str]) -> None:
    """Write every named parameter of ``p``; ``about`` is kept in the file's header."""
    from safetensors.numpy import save

    path.parent.mkdir(parents=True, exist_ok=True)
    data = save({name: np.ascontiguousarray(view) for name, view in p.items()}, metadata=about)
    os.replace(write_beside(path, data), path)
    sync_folder(path.parent)


def load_weights(path: Path, layout: Layout) -> Params:
    """The parameters in ``path``, in the given layout. UserError if names or shapes differ."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(read_file(path, layout.size * np.dtype(np.float64).itemsize + HEADER))
    except Unreadable as error:
        raise UserError(f"{path}: expected the network's {layout.size:,} weights; the file {error}") from error
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: expected a checkpoint of this project; {_brief(error)}") from error
    dtype = next(iter(arrays.values())).dtype if arrays else np.dtype(np.float32)
    if dtype not in (np.float32, np.float64):
        raise UserError(f"{path}: expected weights in float32 or float64; got {dtype}")
    p = Params.zeros(layout, dtype)
    want = {name: view.shape for name, view in p.items()}
    got = {name: array.shape for name, array in arrays.items()}
    if want != got:
        differing = sorted(set(want.items()) ^ set(got.items()))
        raise UserError(f"{path}: expected this network's weights; they differ in {differing[0][0]}")
    for name, view in p.items():
        view[...] = arrays[name]
    return p
