"""What is saved of a run's weights and state: safetensors with JSON in the header, checked by SHA-256. Never pickle.

A file is written beside its place, brought to the disk, and moved there, so it is complete or the old one.
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
from seqexp.system.atomic_files import beside_of, sync_folder, write_beside
from seqexp.system.errors import UserError

logger = logging.getLogger("seqexp")

NEWEST, BEFORE = "last.safetensors", "previous.safetensors"
HEADER = 1 << 20  # bytes that a file may have besides its arrays
SHARE = 50  # saving by the clock waits until this many times what the last save took has passed: 2 % of the time


@dataclass
class Snapshot:
    """All that the next step of a run depends on.

    numbers: JSON's, such as the step and the counters; about: whose state it is and what goes with it.
    """

    arrays: dict[str, np.ndarray]
    numbers: dict[str, Any]
    about: dict[str, Any] = field(default_factory=dict)

    def bytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())


class Damaged(Exception):
    """A file that is not what was once saved."""


class Checkpoints:
    """The two newest snapshots of a run in ``folder``, so that one survives whatever happens to the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.newest, self.before = folder / NEWEST, folder / BEFORE

    def save(self, snapshot: Snapshot) -> None:
        """OSError where it cannot be written; the earlier ones are then as they were."""
        from safetensors.numpy import save

        text = json.dumps({"numbers": snapshot.numbers, "about": snapshot.about}, sort_keys=True)
        header = {"seqexp": text, "sha256": _digest(text, snapshot.arrays)}
        data = save({name: np.ascontiguousarray(array) for name, array in snapshot.arrays.items()}, metadata=header)
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = write_beside(self.newest, data)
        if self.newest.exists():
            os.replace(self.newest, self.before)
        os.replace(beside, self.newest)
        sync_folder(self.folder)

    def load(self, limit: int) -> Snapshot | None:
        """The newest that is whole; None where nothing was saved. UserError where none of those saved is whole.

        limit: bytes of the largest file worth reading.
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
                logger.warning("checkpoint damaged, going on from %s: %s", path.name, line)
            return snapshot
        if damage:
            raise UserError(
                f"{'; '.join(damage)}; no checkpoint is usable: restore one, or delete {self.folder} to start over"
            )
        return None

    def discard(self) -> None:
        """Remove them: a finished run needs them no more."""
        for path in (self.newest, self.before, beside_of(self.newest)):
            path.unlink(missing_ok=True)


def _read(path: Path, limit: int) -> Snapshot:
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load

    try:
        size = path.stat().st_size
        if size > limit + HEADER:
            raise Damaged(f"its {size:,} bytes are more than this network's {limit:,}")
        data = path.read_bytes()
        if int.from_bytes(data[:8], "little") > HEADER:
            raise Damaged("its header is too long")
        arrays = load(data)
        with safe_open(path, "np") as file:
            header = file.metadata() or {}
        text = header["seqexp"]
        if header["sha256"] != _digest(text, arrays):
            raise Damaged("its SHA-256 is not the one it was saved with")
        content = json.loads(text)
        snapshot = Snapshot(arrays, dict(content["numbers"]), dict(content["about"]))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from error
    except (SafetensorError, KeyError, ValueError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise Damaged(f"expected a checkpoint of this project ({_brief(error)})") from error
    return snapshot


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
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
            self._last_step = step - 1 if step else 0  # the first step that was seen
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
    """The parameters in ``path``, laid out as ``layout`` says. UserError where names or shapes differ."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        if path.stat().st_size > layout.size * np.dtype(np.float64).itemsize + HEADER:
            raise UserError(f"{path}: this file is larger than the network's {layout.size:,} weights")
        arrays = load(path.read_bytes())
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
        raise UserError(f"{path}: these weights are another network's; they differ in {differing[0][0]}")
    for name, view in p.items():
        view[...] = arrays[name]
    return p
