"""Runs in MLflow: the only module that knows its vocabulary.

Metrics are buffered and sent in batches. What a run directory holds is the truth and MLflow its copy, so trouble here
is a warning and never stops training. MLflow is imported only when a run is opened: it takes a second.
"""

import json
import logging
import math
import os
import re
import shlex
import shutil
import socket
import sqlite3
import sys
import warnings
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from getpass import getuser
from pathlib import Path
from time import monotonic, sleep
from time import time as clock
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from filelock import FileLock

from seqexp.errors import UserError

T = TypeVar("T")
Status = Literal["FINISHED", "FAILED", "KILLED", "DIVERGED"]

WAITS = (0.1, 0.5)  # seconds before the second and the third attempt
PAUSE = 100.0  # times what sending took: it may take 1 % of a run
LONGEST_PARAM, LONGEST_TAG, LONGEST_NAME = 6_000, 8_000, 250  # characters; MLflow's limits
PARAMS_A_BATCH, METRICS_A_BATCH = 100, 1_000  # likewise
CUT = " … (cut)"
UPLOADED = {".yaml", ".json", ".jsonl", ".png", ".txt", ".log", ".md", ".csv"}  # of a run directory's own files
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
VIEW = "leaderboard"
TEST_METRICS = [  # its columns; a metric that no run has gets none
    *("accuracy", "macro_f1", "auroc", "mse", "exact_match", "note_accuracy", "symbol_accuracy"),
    *("bits_per_char", "perplexity", "nll_per_frame", "entity_f1", "bleu", "chrf", "loss"),
]

ENVIRONMENT = {  # unless the user has set them
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # else each migration of a new database is a line
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # the trying again is done here; its own holds an epoch up for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds
}

logger = logging.getLogger("seqexp")


@dataclass(kw_only=True)
class TrackingSettings:
    """Where runs are kept. ``off`` ignores the rest. A relative sqlite path is relative to the current folder."""

    name: Literal["mlflow", "off"]
    uri: str | None
    experiment_name: str


class Tracker(Protocol):
    """One run's record. No method raises for trouble with MLflow: it is retried, then reported once as a warning."""

    run_id: str | None

    def log(self, step: int, metrics: Mapping[str, float | None], time: float) -> None:
        """Keep the metrics for the next flush; ``time`` in seconds since the epoch. Logging it again is harmless.

        What is not finite, or None, is left out.
        """
        ...

    def flush(self, *, now: bool = False) -> None:
        """Send what is kept; unless ``now``, only where the sending costs at most about 1 % of the time."""
        ...

    def finish(
        self, status: Status, metrics: Mapping[str, float | None], directory: Path | None, *, ended: float | None = None
    ) -> None:
        """Send what is kept, the final ``metrics`` and the run directory's files, and set the true status.

        DIVERGED is FAILED in MLflow; the tag ``status`` has the word. ``ended``: seconds since the epoch, default now.
        """
        ...


class Untracked:
    """The tracker that keeps nothing."""

    run_id: str | None = None

    def log(self, step: int, metrics: Mapping[str, float | None], time: float) -> None: ...
    def flush(self, *, now: bool = False) -> None: ...
    def finish(
        self, status: Status, metrics: Mapping[str, float | None], directory: Path | None, *, ended: float | None = None
    ) -> None: ...


class MlflowTracker:
    """A run in MLflow. ``known``: the metrics it already has, where it is continued."""

    def __init__(self, client: Any, run_id: str, known: Mapping[str, float]) -> None:
        self.run_id: str | None = run_id
        self._client = client
        self._known = known
        self._kept: list[tuple[str, float, int, int]] = []  # name, value, milliseconds, step
        self._last_step = 0
        self._next = 0.0
        self._down = self._warned = False

    def log(self, step: int, metrics: Mapping[str, float | None], time: float) -> None:
        # A chart has no place for nan and inf, and MLflow's pages drop the whole chart of a metric that ends in nan.
        finite = [(name, float(value)) for name, value in metrics.items() if value is not None and math.isfinite(value)]
        self._kept += [(_legal(name), value, round(time * 1000), step) for name, value in finite]
        self._last_step = max(self._last_step, step)

    def flush(self, *, now: bool = False) -> None:
        start = monotonic()
        if self._kept and (now or start >= self._next):
            self.attempt("send the metrics", self._send)
            self._next = monotonic() + PAUSE * (monotonic() - start)

    def finish(
        self, status: Status, metrics: Mapping[str, float | None], directory: Path | None, *, ended: float | None = None
    ) -> None:
        end = clock() if ended is None else ended
        new = {name: value for name, value in metrics.items() if value != self._known.get(name)}
        self.log(self._last_step, new, end)
        self.flush(now=True)
        self.attempt("set a tag", lambda: self._client.set_tag(self.run_id, "status", status))
        if directory is not None:
            self.attempt("upload the files", lambda: self._upload(directory))
        state = "FAILED" if status == "DIVERGED" else status
        self.attempt("set the status", lambda: self._client.set_terminated(self.run_id, state, round(end * 1000)))

    def attempt(self, what: str, action: Callable[[], object]) -> None:
        """Do it, more than once if need be; the run's first trouble becomes a warning."""
        try:
            _retried(action, patient=not self._down)
            self._down = False
        except Exception as error:
            self._down = True  # the next action need not be as patient
            if not self._warned:
                self._warned = True
                logger.warning(
                    "tracking: could not %s (%s); the run goes on, and its directory has everything: "
                    "`python -m seqexp.sync <run directory>` sends it later",
                    *(what, _line(error)),
                )

    def _send(self) -> None:
        from mlflow.entities import Metric

        while self._kept:
            batch = self._kept[:METRICS_A_BATCH]
            self._client.log_batch(self.run_id, metrics=[Metric(*values) for values in batch])
            del self._kept[: len(batch)]

    def _upload(self, directory: Path) -> None:
        for file in sorted(directory.iterdir()):
            if file.is_file() and file.suffix in UPLOADED:
                self._client.log_artifact(self.run_id, str(file))
        for file in sorted(directory.glob("checkpoints/*")):
            if file.is_file() and file.suffix != ".tmp":
                self._client.log_artifact(self.run_id, str(file), "checkpoints")


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
    client, experiment = _connect(settings)
    old = None if run_id is None else _usable(settings, lambda: _existing(client, run_id))
    if old is None:
        run_id = _usable(settings, lambda: _start(client, experiment, name, from_user, started))
        tracker = MlflowTracker(client, run_id, {})
    else:
        tracker = MlflowTracker(client, old.info.run_id, dict(old.data.metrics))
        params = {key: value for key, value in params.items() if key not in old.data.params}
        tracker.attempt("continue the run", lambda: _continue(client, old.info.run_id, from_user))
    tracker.attempt("log the params", lambda: _log_params(client, tracker.run_id, params))
    return tracker


def open_parent(settings: TrackingSettings, *, name: str, tags: Mapping[str, str], note: str) -> str | None:
    """Start a sweep's parent run and give its id (None when off); ``note`` is Markdown. UserError as open_tracker."""
    if settings.name == "off":
        return None
    client, experiment = _connect(settings)
    return _usable(settings, lambda: _start(client, experiment, name, {**tags, "mlflow.note.content": note}, None))


def finish_parent(
    settings: TrackingSettings,
    run_id: str | None,
    status: Literal["FINISHED", "FAILED", "KILLED"],
    metrics: Mapping[str, float],
    tables: Mapping[str, str],
    note: str,
) -> None:
    """End a sweep's parent run: summary metrics, ``tables`` (file name -> text) as files, ``note`` in Markdown."""
    if settings.name == "off" or run_id is None:
        return
    try:
        client, _ = _connect(settings)
    except UserError as error:  # it could be opened at the sweep's start
        logger.warning("tracking: could not finish the sweep's parent run (%s)", error)
        return
    tracker = MlflowTracker(client, run_id, {})
    for file, text in tables.items():
        tracker.attempt("upload the tables", partial(client.log_text, run_id, text, file))
    note = _shorten(note, LONGEST_TAG)
    tracker.attempt("set the note", lambda: client.set_tag(run_id, "mlflow.note.content", note))
    tracker.finish(status, metrics, None)


def dashboard_command(settings: TrackingSettings) -> str:
    """The line that starts the dashboard; the address alone where a server shows it already; empty when off."""
    if settings.name == "off":
        return ""
    store = _locate(settings)
    if store.is_server:
        return _masked(store.uri)
    beside = Path(sys.executable).with_name("mlflow")
    found = shutil.which("mlflow")  # another environment's may refuse this one's database
    usual = not beside.exists() or (found is not None and Path(found).samefile(beside))
    return f"{'mlflow' if usual else shlex.quote(str(beside))} ui --backend-store-uri {shlex.quote(_masked(store.uri))}"


def leaderboard_address(settings: TrackingSettings) -> str:
    """The page of the experiment's runs with their metric columns, once the dashboard runs; empty when off.

    The plain page shows no metric column until somebody picks them; this one opens the saved view.
    """
    if settings.name == "off":
        return ""
    store = _locate(settings)
    server = _masked(store.uri).rstrip("/") if store.is_server else "http://127.0.0.1:5000"
    return f"{server}/{_leaderboard_path(_connect(settings)[1])}"


# -- the store -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """Where runs go: a server, or a database whose lock and files of runs lie in ``folder``."""

    uri: str
    folder: Path
    file: Path | None = None  # of an SQLite database

    @property
    def is_server(self) -> bool:
        return self.uri.startswith("http")


def _locate(settings: TrackingSettings) -> Store:
    uri = settings.uri or ""
    scheme, _, rest = uri.partition("://")
    path, mark, query = rest[1:].partition("?")
    if scheme == "sqlite" and path not in ("", ":memory:"):
        file = Path(path).expanduser().absolute()
        return Store(f"sqlite:///{file.as_posix()}{mark}{query}", file.parent, file)
    with suppress(ValueError):  # of urlsplit, as for "http://[": refused below
        if scheme.partition("+")[0] in PORTS and urlsplit(uri).hostname:
            return Store(uri, Path("runs").absolute())
    raise UserError(
        f"tracking.uri: expected sqlite:///<file>, http(s)://<host> or a database like postgresql://<host>/<name>; "
        f"got {_masked(uri)!r}; try tracking.uri=sqlite:///runs/mlflow.db, or tracking=off"
    )


def _connect(settings: TrackingSettings) -> tuple[Any, str]:
    """A client and the experiment's id; creates the database and the experiment, once, whoever comes first."""
    store = _locate(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's and SQLAlchemy's, of what they import
        return _usable(settings, lambda: _open(store, settings.experiment_name))


def _usable(settings: TrackingSettings, action: Callable[[], T]) -> T:
    """Do it; where that stays impossible, the user has to hear of it before hours of training."""
    try:
        return _retried(action)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"tracking.uri: cannot keep runs in {_masked(_locate(settings).uri)} ({_line(error)}); "
            "try another, such as tracking.uri=sqlite:///runs/mlflow.db, or tracking=off"
        ) from error


def _open(store: Store, experiment: str) -> tuple[Any, str]:
    if store.file is None:  # a server's address; MLflow itself would try for minutes where no one listens
        address = urlsplit(store.uri)
        port = address.port or PORTS[address.scheme.partition("+")[0]]
        socket.create_connection((address.hostname or "", port), timeout=5).close()
    if store.is_server or (store.file is not None and _is_ready(store.file, experiment)):
        return _experiment(store, experiment)
    _import_mlflow()  # before the lock: others need not wait for it
    store.folder.mkdir(parents=True, exist_ok=True)
    # MLflow's own creation fails and can corrupt the file when several processes start at once.
    with FileLock(store.folder / "mlflow.lock", timeout=300):
        return _experiment(store, experiment)


def _is_ready(database: Path, experiment: str) -> bool:
    """Whether the file and the experiment exist; asked of SQLite itself, as MLflow would start to create them."""
    if not database.exists():
        return False
    for path in (database, database.parent):  # SQLite keeps its journal beside the file
        if not os.access(path, os.W_OK):
            raise PermissionError(f"{path} cannot be written")
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute("select 1 from experiments where name = ?", (experiment,)).fetchone() is not None
    except sqlite3.OperationalError:  # no such table, yet
        return False
    finally:
        connection.close()


def _import_mlflow() -> Any:
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    import mlflow

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # pages of traceback; it raises as well
    return mlflow


def _experiment(store: Store, name: str) -> tuple[Any, str]:
    client = _import_mlflow().MlflowClient(tracking_uri=store.uri, registry_uri=store.uri)
    found = client.get_experiment_by_name(name)
    if found is None:
        place = None if store.is_server else (store.folder / "mlartifacts").as_uri()  # a server has its own
        tags = {f"mlflow.sharedViewState.{VIEW}": saved_view()}
        # Where another process was faster this raises, and the next attempt finds the experiment.
        number = str(client.create_experiment(name, artifact_location=place, tags=tags))
        note = f"The runs with their metric columns: [{VIEW}]({_leaderboard_path(number)})"
        client.set_experiment_tag(number, "mlflow.note.content", note)
        return client, number
    if found.lifecycle_stage != "active":
        raise UserError(
            f"tracking.experiment_name: expected an active experiment; {name!r} is deleted; try another name, "
            f"or `mlflow experiments restore -x {found.experiment_id}`"
        )
    return client, str(found.experiment_id)


def saved_view() -> str:
    """The experiment's saved view: the runs table with columns for model, task, seed, status and the final metrics.

    An internal format of MLflow 3.17's pages: JSON around zlib-compressed JSON.
    """
    columns = ["tags.`model`", "tags.`task`", "params.`seed`", "tags.`status`"]
    columns += [f"metrics.`test/{metric}`" for metric in TEST_METRICS] + ["metrics.`val/loss`"]
    state = {"selectedColumns": columns, "columnOrder": columns, "runsHiddenMode": "FIRST_20_RUNS"}
    packed = "deflate;" + b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return json.dumps({"name": VIEW, "createdAt": 0, "updatedAt": 0, "state": packed})


def _leaderboard_path(experiment: str) -> str:
    return f"#/experiments/{experiment}/runs?viewStateShareKey={VIEW}&workflowType=machine_learning"


# -- one run ---------------------------------------------------------------------------------------------------------


def _start(client: Any, experiment: str, name: str, tags: Mapping[str, str], started: float | None) -> str:
    source = {"mlflow.source.name": "seqexp", "mlflow.source.type": "LOCAL"}
    with suppress(KeyError, OSError):  # a container's user may have no name
        source["mlflow.user"] = getuser()
    if tags.get("git_sha"):
        source["mlflow.source.git.commit"] = tags["git_sha"]
    labels = {key: _shorten(value, LONGEST_TAG) for key, value in {**source, **tags}.items()}
    start = None if started is None else round(started * 1000)
    return str(client.create_run(experiment, start_time=start, tags=labels, run_name=name).info.run_id)


def _existing(client: Any, run_id: str | None) -> Any | None:
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
    client.log_batch(run_id, tags=[RunTag(key, _shorten(value, LONGEST_TAG)) for key, value in tags.items()])


def _log_params(client: Any, run_id: str | None, params: Mapping[str, object]) -> None:
    from mlflow.entities import Param

    listed = [Param(_legal(key), _shorten(_masked(_text(value)), LONGEST_PARAM)) for key, value in params.items()]
    for start in range(0, len(listed), PARAMS_A_BATCH):
        client.log_batch(run_id, params=listed[start : start + PARAMS_A_BATCH])


# -- what MLflow takes, and patience ---------------------------------------------------------------------------------


def _legal(name: str) -> str:
    return re.sub(r"[^\w\-. :/]", "_", name)[:LONGEST_NAME]


def _text(value: object) -> str:
    """As Hydra's command line takes it: null, true, [1, 2]."""
    return json.dumps(value) if value is None or isinstance(value, bool | list | tuple | dict) else str(value)


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT


def _masked(text: str) -> str:
    """Without the password of an address."""
    return re.sub(r"(://[^:/@\s]*:)[^@/\s]+@", r"\1***@", text)


def _line(error: BaseException) -> str:
    """What lies at the root of the trouble: MLflow and SQLAlchemy wrap it, up to three times."""
    while error.__cause__:
        error = error.__cause__
    first = (str(error).strip() or "no message").splitlines()[0]
    return _masked(_shorten(f"{type(error).__name__}: {first}", 200))


def _retried(action: Callable[[], T], *, patient: bool = True) -> T:
    for wait in WAITS if patient else ():
        try:
            return action()
        except UserError:
            raise
        except Exception:
            sleep(wait)
    return action()
