"""A sweep's parent run in MLflow, under which its runs are nested: started by its first job, ended with the sweep."""

import json
import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any, Literal

from filelock import FileLock

from seqexp.runs.location import Location
from seqexp.runs.lock import locked
from seqexp.runs.recovery import mark_killed
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError, masked
from seqexp.system.json_files import read_object
from seqexp.system.paths import MULTIRUN, PARENT, PARENT_LOCK, SWEEPS
from seqexp.system.regular_files import Unreadable
from seqexp.tracking.mlflow_store import TrackingSettings, connect, unmasked
from seqexp.tracking.tracker import finish_parent, open_parent

logger = logging.getLogger("seqexp")

_uri: str | None = None  # of the sweep that this process leads, with its password


def parent_run(sweep_dir: Path, tracking: Mapping[str, Any]) -> str | None:
    """The id of the sweep's parent run in MLflow, which the first job that asks starts; None when tracking is off."""
    file = sweep_dir / PARENT
    with FileLock(sweep_dir / PARENT_LOCK, timeout=600):
        if file.exists():
            found: str | None = read_object(file)["run_id"]
            return found
        _mark_killed(sweep_dir, TrackingSettings(**tracking))
        _hide_passwords(sweep_dir / MULTIRUN)
        name = f"sweep {sweep_dir.name}"
        run_id = open_parent(TrackingSettings(**tracking), name=name, tags={"kind": "sweep"}, note=typed_command())
        kept = dict(tracking) | {"uri": masked(tracking["uri"] or "")}
        write_text(file, json.dumps({"run_id": run_id, "tracking": kept}))
        return run_id


def _hide_passwords(file: Path) -> None:
    """In what Hydra has written of the sweep."""
    with suppress(FileNotFoundError):
        text = file.read_text(encoding="utf-8")
        if masked(text) != text:
            write_text(file, masked(text))


def _parent_settings(parent: Mapping[str, Any], uri: str | None) -> TrackingSettings:
    return unmasked(TrackingSettings(**parent["tracking"]), uri)


def _mark_killed(sweep_dir: Path, own: TrackingSettings) -> None:
    """Runs and sweeps that were killed before this one started are marked so; of sweeps those that were kept where this
    one is, since a file below runs/ may be a stranger's."""
    mark_killed(Location.root, own)
    for file in (Location.root / SWEEPS).glob(f"*/{PARENT}"):
        if file.parent.name == sweep_dir.name:
            continue
        with locked(file.parent, wait=False) as held, suppress(OSError, Unreadable, KeyError, TypeError, UserError):
            if held:
                parent = read_object(file)
                if masked(parent["tracking"]["uri"] or "") == masked(own.uri or ""):
                    finish_parent(own, parent["run_id"], "KILLED", {}, {}, "")
                file.unlink()


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
    return f"```sh\n{shlex.join(['python', '-m', 'seqexp', *map(masked, sys.argv[1:])])}\n```\n"
