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
from getpass import getuser
from pathlib import Path
from time import monotonic, sleep
from time import time as clock
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from filelock import FileLock

from seqexp.errors import UserError

logger = logging.getLogger("seqexp")

Status = Literal["FINISHED", "FAILED", "KILLED", "DIVERGED"]

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}  # and sqlite, which has none
WAITS = (0.1, 0.5)  # seconds before the second and the third attempt
REST = 100.0  # sending then pauses for this many times what it took: at most 1 % of a run's time goes into it
LONGEST_PARAM, LONGEST_TAG = 6_000, 8_000  # characters; MLflow's limits
PARAMS_A_BATCH, METRICS_A_BATCH = 100, 1_000  # likewise
CUT = " … (cut)"
UPLOADED = {".yaml", ".json", ".jsonl", ".png", ".txt", ".log", ".md", ".csv"}  # of the run directory's own files
VIEW = "leaderboard"
TEST_METRICS = [
    *("loss", "accuracy", "macro_f1", "auroc", "mse", "exact_match", "note_accuracy", "symbol_accuracy"),
    *("bits_per_char", "perplexity", "nll_per_frame", "entity_f1", "bleu", "chrf"),
]


@dataclass(kw_only=True)
class TrackingSettings:
    """Where runs are kept. ``off`` ignores the rest. A relative sqlite path is relative to the current folder."""

    name: Literal["mlflow", "off"]
    uri: str | None
    experiment_name: str


class Tracker(Protocol):
    """One run's record. No method raises for trouble with MLflow: it is retried, then reported once as a warning."""

    run_id: str | None

    def log(self, step: int, metrics: Mapping[str, float], time: float) -> None:
        """Keep the metrics for the next flush; ``time`` in seconds since the epoch. Logging it again is harmless."""
        ...

    def flush(self, *, now: bool = False) -> None:
        """Send what is kept; unless ``now``, only where the sending costs at most about 1 % of the time."""
        ...

    def finish(
        self, status: Status, metrics: Mapping[str, float], directory: Path | None, *, ended: float | None = None
    ) -> None:
        """Send what is kept, the final ``metrics`` and the run directory's files, and set the true status.

        DIVERGED is FAILED in MLflow; the tag ``status`` has the word. ``ended``: seconds since the epoch, default now.
        """
        ...


class Untracked:
    """The tracker that keeps nothing."""

    run_id: str | None = None

    def log(self, step: int, metrics: Mapping[str, float], time: float) -> None: ...
    def flush(self, *, now: bool = False) -> None: ...
    def finish(
        self, status: Status, metrics: Mapping[str, float], directory: Path | None, *, ended: float | None = None
    ) -> None: ...


class MlflowTracker:
    """A run in MLflow. ``known``: the metrics it already has, when it is continued."""

    def __init__(self, client: Any, run_id: str, known: Mapping[str, float]) -> None:
        self.run_id: str | None = run_id
        self._client = client
        self._known = known
        self._kept: list[tuple[str, float, int, int]] = []  # name, value, milliseconds, step
        self._last_step = 0
        self._next = 0.0
        self._warned = False

    def log(self, step: int, metrics: Mapping[str, float], time: float) -> None:
        self._kept += [(name, value, round(time * 1000), step) for name, value in metrics.items()]
        self._last_step = max(self._last_step, step)

    def flush(self, *, now: bool = False) -> None:
        start = monotonic()
        if self._kept and (now or start >= self._next):
            self._attempt("send the metrics", self._send)
            self._next = monotonic() + REST * (monotonic() - start)

    def finish(
        self, status: Status, metrics: Mapping[str, float], directory: Path | None, *, ended: float | None = None
    ) -> None:
        stamp = round((clock() if ended is None else ended) * 1000)
        new = {name: value for name, value in metrics.items() if not _same(value, self._known.get(name))}
        self._kept += [(name, value, stamp, self._last_step) for name, value in new.items()]
        self.flush(now=True)
        state = "FAILED" if status == "DIVERGED" else status
        self._attempt("set the tags", lambda: self._client.set_tag(self.run_id, "status", status))
        if directory is not None:
            self._attempt("upload the files", lambda: self._upload(directory))
        self._attempt("set the status", lambda: self._client.set_terminated(self.run_id, state, stamp))

    def _send(self) -> None:
        from mlflow.entities import Metric

        while self._kept:
            batch = self._kept[:METRICS_A_BATCH]
            sent = [Metric(_legal(name), _drawable(value), stamp, step) for name, value, stamp, step in batch]
            self._client.log_batch(self.run_id, metrics=sent)
            del self._kept[: len(batch)]

    def _upload(self, directory: Path) -> None:
        for file in sorted(directory.iterdir()):
            if file.is_file() and file.suffix in UPLOADED:
                self._client.log_artifact(self.run_id, str(file))
        for file in sorted(directory.glob("checkpoints/*")):
            if file.is_file() and file.suffix != ".tmp":
                self._client.log_artifact(self.run_id, str(file), "checkpoints")

    def _attempt(self, what: str, action: Callable[[], object]) -> None:
        trouble = _try(action)
        if trouble is not None and not self._warned:
            self._warned = True
            logger.warning(
                "tracking: could not %s (%s); the run goes on, and its directory has everything: "
                "`python -m seqexp.sync <run directory>` sends it later",
                what,
                trouble,
            )


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
    client, experiment = _connect(settings)
    labels = {**tags, **({"mlflow.parentRunId": parent_run_id} if parent_run_id else {})}
    old = None if run_id is None else _existing(client, run_id)
    if old is None:
        run_id = _start(client, experiment, name, labels, started)
        _log_params(client, run_id, params)
        return MlflowTracker(client, run_id, {})
    from mlflow.entities import RunTag

    client.update_run(old.info.run_id, status="RUNNING")
    client.log_batch(old.info.run_id, tags=[RunTag(key, value[:LONGEST_TAG]) for key, value in labels.items()])
    _log_params(client, old.info.run_id, {key: value for key, value in params.items() if key not in old.data.params})
    return MlflowTracker(client, old.info.run_id, dict(old.data.metrics))


def open_parent(settings: TrackingSettings, *, name: str, tags: Mapping[str, str], note: str) -> str | None:
    """Start a sweep's parent run and give its id (None when off); ``note`` is Markdown. UserError as open_tracker."""
    if settings.name == "off":
        return None
    client, experiment = _connect(settings)
    return _start(client, experiment, name, {**tags, "mlflow.note.content": note}, None)


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

    def finish() -> None:
        client, _ = _connect(settings)
        for file, text in tables.items():
            client.log_text(run_id, text, file)
        client.set_tag(run_id, "mlflow.note.content", _shorten(note, LONGEST_TAG))
        MlflowTracker(client, run_id, {}).finish(status, metrics, None)

    trouble = _try(finish)
    if trouble is not None:
        logger.warning("tracking: could not finish the sweep's parent run (%s)", trouble)


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
    _, experiment = _connect(settings)
    server = _masked(store.uri) if store.is_server else "http://127.0.0.1:5000"
    return f"{server.rstrip('/')}/{_leaderboard_path(experiment)}"


# -- opening ---------------------------------------------------------------------------------------------------------


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
    if scheme.partition("+")[0] in PORTS and _host(uri):
        return Store(uri, Path("runs").absolute())
    raise UserError(
        f"tracking.uri: expected sqlite:///<file>, http(s)://<host> or a database like postgresql://<host>/<name>; "
        f"got {_masked(uri)!r}; try tracking.uri=sqlite:///runs/mlflow.db, or tracking=off"
    )


def _connect(settings: TrackingSettings) -> tuple[Any, str]:
    """A client and the experiment's id; creates the database and the experiment, once, whoever comes first."""
    store = _locate(settings)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow's and SQLAlchemy's, of what they import
            if store.file is None:
                _knock(store.uri)
            if store.is_server or (store.file is not None and _is_ready(store.file, settings.experiment_name)):
                return _experiment(store, settings.experiment_name)
            _import_mlflow()  # before the lock: others need not wait for it
            store.folder.mkdir(parents=True, exist_ok=True)
            # MLflow's own creation fails and can corrupt the file when several processes start at once.
            with FileLock(store.folder / "mlflow.lock", timeout=300):
                return _experiment(store, settings.experiment_name)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"tracking.uri: cannot keep runs in {_masked(store.uri)} ({_line(error)}); "
            "try another, such as tracking.uri=sqlite:///runs/mlflow.db, or tracking=off"
        ) from error


def _experiment(store: Store, name: str) -> tuple[Any, str]:
    client = _import_mlflow().MlflowClient(tracking_uri=store.uri, registry_uri=store.uri)
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        place = None if store.is_server else (store.folder / "mlartifacts").as_uri()  # a server has its own
        tags = {"mlflow.experimentKind": "custom_model_development", f"mlflow.sharedViewState.{VIEW}": saved_view()}
        try:
            number = str(client.create_experiment(name, artifact_location=place, tags=tags))
        except MlflowException:  # another process was faster
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
        else:
            note = f"**[Leaderboard]({_leaderboard_path(number)})**: the runs with their metric columns."
            client.set_experiment_tag(number, "mlflow.note.content", note)
            return client, number
    if found.lifecycle_stage != "active":
        raise UserError(
            f"tracking.experiment_name: expected an active experiment; {name!r} is deleted; try another name, "
            f"or `mlflow experiments restore -x {found.experiment_id}`"
        )
    return client, str(found.experiment_id)


def _import_mlflow() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # else every alembic migration of a new file is a line
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # its default of 7 can hold an epoch up for minutes
    import mlflow

    return mlflow


def _is_ready(database: Path, experiment: str) -> bool:
    """Whether the file and the experiment exist; asked of SQLite itself, as MLflow would start to create them."""
    if not database.exists():
        return False
    if not os.access(database, os.W_OK):
        raise PermissionError(f"{database} cannot be written")
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute("select 1 from experiments where name = ?", (experiment,)).fetchone() is not None
    except sqlite3.OperationalError:  # no such table, yet
        return False
    finally:
        connection.close()


def _host(uri: str) -> str | None:
    try:
        return urlsplit(uri).hostname
    except ValueError:
        return None


def _knock(uri: str) -> None:
    """Raise OSError at once where no one listens; MLflow would try for minutes."""
    scheme, host, port = urlsplit(uri).scheme.partition("+")[0], _host(uri), urlsplit(uri).port
    socket.create_connection((host or "", port or PORTS[scheme]), timeout=5).close()


def _existing(client: Any, run_id: str) -> Any | None:
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException:
        return None
    return run if run.info.lifecycle_stage == "active" else None


def _start(client: Any, experiment: str, name: str, tags: Mapping[str, str], started: float | None) -> str:
    source = {"mlflow.source.name": "seqexp", "mlflow.source.type": "LOCAL"}
    with suppress(KeyError, OSError):  # a container's user may have no name
        source["mlflow.user"] = getuser()
    if tags.get("git_sha"):
        source["mlflow.source.git.commit"] = tags["git_sha"]
    labels = {key: _shorten(value, LONGEST_TAG) for key, value in {**source, **tags}.items()}
    start = None if started is None else round(started * 1000)
    return str(client.create_run(experiment, start_time=start, tags=labels, run_name=name).info.run_id)


def _log_params(client: Any, run_id: str, params: Mapping[str, object]) -> None:
    from mlflow.entities import Param

    listed = [Param(_legal(key), _shorten(_masked(_text(value)), LONGEST_PARAM)) for key, value in params.items()]
    for start in range(0, len(listed), PARAMS_A_BATCH):
        client.log_batch(run_id, params=listed[start : start + PARAMS_A_BATCH])


# -- the leaderboard -------------------------------------------------------------------------------------------------


def saved_view() -> str:
    """The experiment's saved view: the runs table with columns for model, task, seed and the final metrics.

    An internal format of MLflow's web pages (3.13 to 3.17): JSON around zlib-compressed JSON. A metric that no run
    has gets no column.
    """
    columns = [f"tags.`{tag}`" for tag in ("model", "task", "status")] + ["params.`seed`", "metrics.`val/loss`"]
    columns += [f"metrics.`test/{metric}`" for metric in TEST_METRICS]
    state = {"selectedColumns": columns, "runsHiddenMode": "FIRST_20_RUNS"}
    packed = "deflate;" + b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return json.dumps({"name": VIEW, "createdAt": 0, "updatedAt": 0, "state": packed})


def _leaderboard_path(experiment: str) -> str:
    return f"#/experiments/{experiment}/runs?viewStateShareKey={VIEW}&workflowType=machine_learning"


# -- values MLflow takes ---------------------------------------------------------------------------------------------


def _legal(name: str) -> str:
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]


def _drawable(value: float) -> float:
    """MLflow keeps nan, but stores inf as 1.8e308, next to which no chart shows anything."""
    return float(value) if math.isfinite(value) else math.nan


def _same(value: float, known: float | None) -> bool:
    return known is not None and (value == known or (not math.isfinite(value) and math.isnan(known)))


def _text(value: object) -> str:
    """As Hydra's command line takes it: null, true, [1,2]."""
    return json.dumps(value) if value is None or isinstance(value, bool | list | tuple | dict) else str(value)


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT


def _masked(text: str) -> str:
    """Without the password of an address."""
    return re.sub(r"(://[^:/@\s]*:)[^@/\s]+@", r"\1***@", text)


def _line(error: BaseException) -> str:
    first = (str(error).strip() or "no message").splitlines()[0]
    return _masked(_shorten(f"{type(error).__name__}: {first}", 300))


def _try(action: Callable[[], object]) -> str | None:
    """Do it, again after each of WAITS if need be; the last trouble in one line, or None."""
    for wait in (*WAITS, None):
        try:
            action()
        except Exception as error:
            if wait is None:
                return _line(error)
            sleep(wait)
        else:
            return None
    return None
