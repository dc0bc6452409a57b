"""Runs in MLflow, in the words it has for them; where they are kept is mlflow_store's to know.

Metrics are buffered and sent in batches. What a run directory holds is the truth and MLflow its copy, so trouble here
is a warning and never stops training.
"""

import json
import logging
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from getpass import getuser
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from time import monotonic
from time import time as clock
from typing import Any, Literal, Protocol

from seqexp.system.errors import masked
from seqexp.system.paths import BEST, CHECKPOINTS, STARTED
from seqexp.system.regular_files import Unreadable, opened
from seqexp.tracking.mlflow_store import (
    TrackingSettings,
    cause_of,
    connect,
    legal,
    retried,
    send_file,
    shorten,
    usable,
)
from seqexp.tracking.views import FLOOR

Status = Literal["FINISHED", "FAILED", "KILLED", "DIVERGED"]

PAUSE = 100.0  # times what sending took: it may take 1 % of a run
LONGEST_PARAM, LONGEST_TAG = 6_000, 8_000  # characters; MLflow's limits
PARAMS_A_BATCH, METRICS_A_BATCH = 100, 1_000  # likewise
UPLOADED = {".yaml", ".json", ".jsonl", ".png", ".txt", ".log", ".md", ".csv"}  # of a run directory's own files
ONCE = ("test/", FLOOR)  # the beginnings of metrics of which a run has one value
OWN = {STARTED}  # says that a run goes on, which no copy of it does

logger = logging.getLogger("seqexp")


class Tracker(Protocol):
    """One run's record. No method raises for trouble with MLflow: it is retried, then reported once as a warning."""

    run_id: str | None
    troubled: bool  # whether something could not be sent
    points: int  # values of metrics, and
    files: int  # files that were sent

    def log(self, step: int, metrics: Mapping[str, float | None], time: float) -> None:
        """Keep the metrics for the next flush; ``time`` in seconds since the epoch. Logging it again is harmless.

        What is not finite, or None, is left out.
        """
        ...

    def flush(self, *, now: bool = False) -> None:
        """Send what is kept; unless ``now``, only where the sending costs at most about 1 % of the time."""
        ...

    def finish(
        self,
        status: Status,
        metrics: Mapping[str, float | None],
        directory: Path | None,
        *,
        ended: float | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Send what is kept, the final ``metrics`` and the run directory's files, and set the true status.

        DIVERGED is FAILED in MLflow; the tag ``status`` has the word. ``ended``: seconds since the epoch, default now.
        ``tags``: more of them; one that is too long for MLflow is left out.
        """
        ...


class Untracked:
    """The tracker that keeps nothing."""

    run_id: str | None = None
    troubled = False
    points = files = 0

    def log(self, step: int, metrics: Mapping[str, float | None], time: float) -> None: ...
    def flush(self, *, now: bool = False) -> None: ...
    def finish(self, *given: Any, **more: Any) -> None: ...


class MlflowTracker:
    """A run in MLflow. ``known``: the metrics it already has, where it is continued."""

    def __init__(self, client: Any, run_id: str, known: Mapping[str, float]) -> None:
        self.run_id: str | None = run_id
        self.client = self._client = client
        self._known = known
        self._kept: list[tuple[str, float, int, int]] = []  # name, value, milliseconds, step
        self._last_step = 0
        self._next = 0.0
        self._down = self.troubled = False
        self.points = self.files = 0  # that were sent

    def log(self, step: int, metrics: Mapping[str, float | None], time: float) -> None:
        # A chart has no place for nan and inf, and MLflow's pages drop the whole chart of a metric that ends in nan.
        finite = [(name, float(value)) for name, value in metrics.items() if value is not None and math.isfinite(value)]
        # What a run has one value of is at step 0, where MLflow's pages draw a bar; elsewhere they draw one dot.
        for name, value in finite:
            at = 0 if name.startswith(ONCE) else step
            self._kept.append((legal(name), value, round(time * 1000), at))
        self._last_step = max(self._last_step, step)

    def flush(self, *, now: bool = False) -> None:
        start = monotonic()
        if self._kept and (now or start >= self._next):
            self.attempt("send the metrics", self._send)
            self._next = monotonic() + PAUSE * (monotonic() - start)

    def finish(
        self,
        status: Status,
        metrics: Mapping[str, float | None],
        directory: Path | None,
        *,
        ended: float | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        end = clock() if ended is None else ended
        new = {name: value for name, value in metrics.items() if value != self._known.get(name)}
        self.log(self._last_step, new, end)
        self.flush(now=True)
        last = {key: text for key, text in (tags or {}).items() if len(masked(text)) <= LONGEST_TAG}
        for key, text in ({"status": status} | last).items():
            self.attempt("set a tag", partial(self._client.set_tag, self.run_id, key, masked(text)))
        if directory is not None:
            self.attempt("upload the files", lambda: self._upload(directory))
        state = "FAILED" if status == "DIVERGED" else status
        self.attempt("set the status", lambda: self._client.set_terminated(self.run_id, state, round(end * 1000)))

    def attempt(self, what: str, action: Callable[[], object]) -> None:
        """Do it, more than once if need be; the run's first trouble becomes a warning."""
        try:
            retried(action, patient=not self._down)
            self._down = False
        except Exception as error:
            self._down = True  # the next action need not be as patient
            if not self.troubled:
                self.troubled = True
                logger.warning(
                    "tracking: could not %s (%s); the run continues, and its directory has everything: "
                    "`python -m seqexp.sync <run directory>` sends it later",
                    *(what, cause_of(error)),
                )

    def _send(self) -> None:
        from mlflow.entities import Metric

        while self._kept:
            batch = self._kept[:METRICS_A_BATCH]
            self._client.log_batch(self.run_id, metrics=[Metric(*values) for values in batch])
            del self._kept[: len(batch)]
            self.points += len(batch)

    def _upload(self, directory: Path) -> None:
        """The run's own files, each through a copy: MLflow opens by name, and would follow a link that leads out."""
        self.files = 0  # this may be the second attempt
        with TemporaryDirectory() as folder:
            for file in sorted(directory.iterdir()):
                if file.suffix in UPLOADED and file.stem.isidentifier() and file.name not in OWN:
                    self._send_copy(file, Path(folder), None)
            self._send_copy(directory / CHECKPOINTS / BEST, Path(folder), CHECKPOINTS)

    def _send_copy(self, file: Path, folder: Path, artifact_path: str | None) -> None:
        copy = folder / file.name
        try:
            with opened(file) as source, open(copy, "wb") as target:
                copyfileobj(source, target)
        except (FileNotFoundError, Unreadable):  # it is no file of the run's
            return
        send_file(self._client, self.run_id, copy, artifact_path)
        copy.unlink()
        self.files += 1


def open_tracker(
    settings: TrackingSettings,
    *,
    name: str,
    params: Mapping[str, object],
    tags: Mapping[str, str],
    parent_run_id: str | None = None,
    run_id: str | None = None,
    started: float | None = None,
) -> Tracker:
    """Start a run called ``name``, or continue ``run_id`` (a new one is started where MLflow has lost it).

    params:  flattened, ``{"model.hidden_size": 64}``; a continued run keeps those it has.
    started: seconds since the epoch, default now.
    UserError names ``tracking.uri`` where runs cannot be kept.
    """
    if settings.name == "off":
        return Untracked()
    from_user = {**tags, "mlflow.parentRunId": parent_run_id} if parent_run_id else tags
    client, experiment = connect(settings)
    old = None if run_id is None else usable(settings, lambda: existing_run(client, run_id))
    if old is None:
        run_id = usable(settings, lambda: start_run(client, experiment, name, from_user, started))
        tracker = MlflowTracker(client, run_id, {})
    else:
        tracker = MlflowTracker(client, old.info.run_id, dict(old.data.metrics))
        params = {key: value for key, value in params.items() if key not in old.data.params}
        tracker.attempt("continue the run", lambda: _continue(client, old.info.run_id, from_user))
    tracker.attempt("log the params", lambda: _log_params(client, tracker.run_id, params))
    return tracker


# -- one run ---------------------------------------------------------------------------------------------------------


def start_run(client: Any, experiment: str, name: str, tags: Mapping[str, str], started: float | None) -> str:
    source = {"mlflow.source.name": "seqexp", "mlflow.source.type": "LOCAL"}
    with suppress(KeyError, OSError):  # a container's user may have no name
        source["mlflow.user"] = getuser()
    if tags.get("git_sha"):
        source["mlflow.source.git.commit"] = tags["git_sha"]
    labels = {key: shorten(masked(value), LONGEST_TAG) for key, value in {**source, **tags}.items()}
    start = None if started is None else round(started * 1000)
    return str(client.create_run(experiment, start_time=start, tags=labels, run_name=name).info.run_id)


def existing_run(client: Any, run_id: str | None) -> Any | None:
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return run if run.info.lifecycle_stage == "active" else None


def _continue(client: Any, run_id: str, tags: Mapping[str, str]) -> None:
    from mlflow.entities import RunTag

    client.update_run(run_id, status="RUNNING")
    client.log_batch(run_id, tags=[RunTag(key, shorten(value, LONGEST_TAG)) for key, value in tags.items()])


def _log_params(client: Any, run_id: str | None, params: Mapping[str, object]) -> None:
    from mlflow.entities import Param

    listed = [Param(legal(key), shorten(masked(_text(value)), LONGEST_PARAM)) for key, value in params.items()]
    for start in range(0, len(listed), PARAMS_A_BATCH):
        client.log_batch(run_id, params=listed[start : start + PARAMS_A_BATCH])


def _text(value: object) -> str:
    """As Hydra's command line takes it: null, true, [1, 2]."""
    return json.dumps(value) if value is None or isinstance(value, bool | list | tuple | dict) else str(value)
