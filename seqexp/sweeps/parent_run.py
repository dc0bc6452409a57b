"""A sweep's parent run in MLflow, under which its runs are nested: started by its first job, ended with the sweep."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any, Literal

from filelock import FileLock

from seqexp.config.command_line import typed
from seqexp.runs.directory import fresh_directory
from seqexp.runs.location import Location
from seqexp.runs.lock import locked
from seqexp.runs.recovery import mark_killed
from seqexp.sweeps import workers
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError, masked
from seqexp.system.json_files import read_object
from seqexp.system.paths import MULTIRUN, PARENT, PARENT_LOCK, SWEEPS
from seqexp.system.regular_files import Unreadable
from seqexp.tracking.mlflow_store import TrackingSettings, connect, unmasked
from seqexp.tracking.parents import end_killed_parent, finish_parent, open_parent

logger = logging.getLogger("seqexp")

COMPARISON = "comparison"  # the name of its folder among the sweeps', without the number

_uri: str | None = None  # of the sweep that this process leads, with its password


def parent_run(sweep_dir: Path, tracking: Mapping[str, Any]) -> str | None:
    """The id of the sweep's parent run in MLflow, which the first job that asks starts; None when tracking is off."""
    file = sweep_dir / PARENT
    with FileLock(sweep_dir / PARENT_LOCK, timeout=600):
        if file.exists():
            found: str | None = read_object(file)["run_id"]
            return found
        mark_all_killed(TrackingSettings(**tracking))
        _hide_passwords(sweep_dir / MULTIRUN)
        name = f"sweep {sweep_dir.name}"
        run_id = open_parent(TrackingSettings(**tracking), name=name, tags={"kind": "sweep"}, note=typed_command())
        _register(sweep_dir, run_id, TrackingSettings(**tracking))
        return run_id


def _hide_passwords(file: Path) -> None:
    """In what Hydra has written of the sweep."""
    with suppress(FileNotFoundError):
        text = file.read_text(encoding="utf-8")
        if masked(text) != text:
            write_text(file, masked(text))


def _parent_settings(parent: Mapping[str, Any], uri: str | None) -> TrackingSettings:
    return unmasked(TrackingSettings(**parent["tracking"]), uri)


def mark_all_killed(own: TrackingSettings) -> None:
    """Runs, sweeps and comparisons that were killed before this process started are marked so: in MLflow where ``own``,
    this process's, is where they are kept, since a file below runs/ may be a stranger's."""
    mark_killed(Location.root, own)
    for file in sorted((Location.root / SWEEPS).glob(f"*/{PARENT}")):
        if file.parent.is_symlink():
            continue
        try:
            with locked(file.parent, wait=False) as held:
                if held:
                    _end_killed(file, own)
                    if file.parent.name.startswith(f"{COMPARISON}.") and not file.exists():
                        workers.forget(file.parent)
        except (UserError, OSError) as error:
            logger.warning("a sweep whose process was killed could not be marked: %s", error)
        _remove_empty(file.parent)


def _end_killed(file: Path, own: TrackingSettings) -> None:
    """Mark the parent run of a sweep that no process leads, where it is kept as ``own`` are, and forget it. Another is
    left to a start that keeps its runs there."""
    with suppress(Unreadable, KeyError, TypeError):
        parent = read_object(file)
        if own.name != "off" and masked(parent["tracking"]["uri"] or "") == masked(own.uri or ""):
            end_killed_parent(own, str(parent["run_id"]))
            file.unlink()


@contextmanager
def comparison(run_id: str | None, tracking: TrackingSettings) -> Iterator[Path]:
    """A folder for the jobs of a comparison, which this process leads as it would a sweep: within the block a start
    that finds the process gone ends the parent run. Afterwards only the runs are left."""
    folder = fresh_directory(Location.root / SWEEPS / COMPARISON)
    workers.lead(folder)
    try:
        _register(folder, run_id, tracking)
        yield folder
    finally:
        workers.end()
        workers.forget(folder)
        _remove_empty(folder)


def _register(folder: Path, run_id: str | None, tracking: TrackingSettings) -> None:
    """Note the parent run in the directory that its process holds, for whoever finds the process gone."""
    kept = replace(tracking, uri=masked(tracking.uri or ""))
    write_text(folder / PARENT, json.dumps({"run_id": run_id, "tracking": asdict(kept)}))


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        for each in (folder, *folder.parents[:2]):
            each.rmdir()


def end_parent(
    sweep_dir: Path,
    status: Literal["FINISHED", "FAILED", "KILLED"],
    metrics: Mapping[str, float],
    texts: Mapping[str, str],
    note: str,
    figures: Sequence[Path] = (),
) -> TrackingSettings | None:
    """End the sweep's parent run; gives where it is kept, if there is one."""
    file = sweep_dir / PARENT
    if not file.exists():
        return None
    parent = read_object(file)
    try:
        settings = _parent_settings(parent, _uri)
    except UserError as error:
        logger.warning("tracking: could not finish the sweep's parent run (%s)", error)
        return None
    finish_parent(settings, parent["run_id"], status, metrics, texts, note, figures)
    file.unlink()
    return settings


def prepare_to_end(sweep_dir: Path, uri: str | None) -> None:
    """Import MLflow while the leader waits for its workers: once it is told to stop there is no time for that.

    uri: the address of this sweep's runs, with the password that is stored nowhere.
    """
    global _uri
    _uri = uri
    Thread(target=_connect_early, args=[sweep_dir / PARENT], daemon=True).start()


def _connect_early(parent: Path) -> None:
    while not parent.exists():  # which a job creates that MLflow is to keep
        sleep(0.2)
    with suppress(Exception):
        connect(_parent_settings(read_object(parent), _uri))


def typed_command() -> str:
    """The command line, as Markdown."""
    return f"```sh\n{typed()}\n```\n"
