"""Runs in MLflow that hold others: a sweep's, a comparison's."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from seqexp.system.errors import UserError, masked
from seqexp.tracking.mlflow_store import TrackingSettings, connect, send_file, shorten, usable
from seqexp.tracking.tracker import LONGEST_TAG, MlflowTracker, existing_run, start_run

KINDS = ("sweep", "comparison")  # the tag "kind" of such runs

logger = logging.getLogger("seqexp")


def open_parent(settings: TrackingSettings, *, name: str, tags: Mapping[str, str], note: str) -> str | None:
    """Start a sweep's parent run and give its id (None when off); ``note`` is Markdown. UserError as open_tracker."""
    if settings.name == "off":
        return None
    client, experiment = connect(settings)
    return usable(settings, lambda: start_run(client, experiment, name, {**tags, "mlflow.note.content": note}, None))


def finish_parent(
    settings: TrackingSettings,
    run_id: str | None,
    status: Literal["FINISHED", "FAILED", "KILLED"],
    metrics: Mapping[str, float],
    tables: Mapping[str, str],
    note: str,
    figures: Sequence[Path] = (),
) -> None:
    """End a sweep's parent run: summary metrics, ``tables`` (file name -> text) and ``figures`` as files, ``note`` in
    Markdown.

    As with a Tracker trouble is a warning, a name or value that MLflow would refuse is made legal or left out, and a
    long note is cut.
    """
    if settings.name == "off" or run_id is None:
        return
    try:
        client, _ = connect(settings)
    except UserError as error:  # it could be opened at the sweep's start
        logger.warning("tracking: could not finish the sweep's parent run (%s)", error)
        return
    tracker = MlflowTracker(client, run_id, {})
    with TemporaryDirectory() as folder:
        for name, text in tables.items():
            table = Path(folder, name)
            table.write_text(text, encoding="utf-8")
            tracker.attempt("upload the tables", partial(send_file, client, run_id, table))
    for figure in figures:
        tracker.attempt("upload a figure", partial(send_file, client, run_id, figure))
    content = shorten(masked(note), LONGEST_TAG)
    tracker.attempt("set the note", lambda: client.set_tag(run_id, "mlflow.note.content", content))
    tracker.finish(status, metrics, None)


def end_killed_parent(settings: TrackingSettings, run_id: str) -> None:
    """Mark a parent run KILLED, if it is one and still counts as running. UserError as open_tracker."""
    if settings.name == "off":
        return
    client, _ = connect(settings)
    found = usable(settings, lambda: existing_run(client, run_id))
    if found is not None and found.data.tags.get("kind") in KINDS and found.info.status == "RUNNING":
        MlflowTracker(client, run_id, {}).finish("KILLED", {}, None)
