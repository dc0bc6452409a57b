"""Where runs go: an MLflow server or database, how it comes to be, and the view of its runs that is saved in it.

Whoever comes first creates database and experiment, however many start at once. What goes wrong with either is tried
again; what stays wrong is told without passwords. MLflow is imported only when it is needed: it takes a second.
"""

import logging
import os
import re
import shlex
import shutil
import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import sleep
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from filelock import FileLock

from seqexp.system.errors import HIDDEN, UserError, masked
from seqexp.system.paths import ARTIFACTS, DATABASE_LOCK
from seqexp.system.registry import ADDED
from seqexp.tracking import empty_database, sqlite_file, views

T = TypeVar("T")

logger = logging.getLogger("seqexp")

WAITS = (0.1, 0.5)  # seconds before the second and the third attempt
LONGEST_NAME = 250  # characters; MLflow's limit
CUT = " … (cut)"
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
ANOTHER = "try another, such as tracking.uri=sqlite:///runs/mlflow.db, or tracking=off"
UNUSED = ("MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID")  # of MLflow's variables that name where runs go
ENVIRONMENT = {  # unless the user has set them
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # else each migration of a new database is a line
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # the trying again is done here; its own holds an epoch up for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds
}


@dataclass(kw_only=True)
class TrackingSettings:
    """Where runs are kept. ``off`` ignores the rest. A relative sqlite path is relative to the current folder.

    log_model: whether a finished run logs its network as a model that MLflow can serve; auto: a single run, not a
               sweep's. register: the name under which it is registered too.
    """

    name: Literal["mlflow", "off"]
    uri: str | None
    experiment_name: str
    log_model: Annotated[bool | Literal["auto"], ADDED] = "auto"
    register: Annotated[str | None, ADDED] = None


@dataclass(frozen=True)
class Store:
    """Where runs go: a server, or a database whose lock and files of runs lie in ``folder``."""

    uri: str
    folder: Path
    file: Path | None = None  # of an SQLite database

    @property
    def is_server(self) -> bool:
        return self.uri.startswith("http")


def locate(settings: TrackingSettings) -> Store:
    """What ``uri`` names; nothing is opened or created. UserError where it names nothing that can keep runs."""
    uri = settings.uri or ""
    origin = " of MLFLOW_TRACKING_URI" if uri and uri == os.environ.get("MLFLOW_TRACKING_URI") else ""
    scheme = uri.partition("://")[0].partition("+")[0]
    if scheme == "sqlite" and (named := sqlite_file.named_by(uri)) is not None:
        address, file = named
        return Store(address, file.parent, file)
    with suppress(ValueError):  # of urlsplit, as for "http://[": refused below
        if scheme in PORTS and urlsplit(uri).hostname:
            return Store(uri, Path("runs").absolute())
    raise UserError(
        f"tracking.uri: expected sqlite:///<file>, http(s)://<host> or a database like postgresql://<host>/<name>; "
        f"got {masked(uri)!r}{origin}; {ANOTHER}"
    )


def said_by_environment(settings: TrackingSettings) -> str:
    """What MLflow's environment variables decide here, and which decide nothing; empty where none is set."""
    if settings.name == "off":
        return ""
    known = {"MLFLOW_TRACKING_URI": settings.uri, "MLFLOW_EXPERIMENT_NAME": settings.experiment_name}
    said = [f"{name}={masked(str(value))}" for name, value in known.items() if value == os.environ.get(name)]
    said += [f"{name} is not used" for name in UNUSED if os.environ.get(name)]
    return f"tracking: from the environment: {'; '.join(said)}" if said else ""


def program() -> str:
    """The command mlflow as it is typed: that of this environment, since another version may refuse the database."""
    beside = Path(sys.executable).with_name("mlflow")
    found = shutil.which("mlflow")
    usual = not beside.exists() or (found is not None and Path(found).samefile(beside))
    return "mlflow" if usual else shlex.quote(str(beside))


def unmasked(settings: TrackingSettings, *addresses: str | None) -> TrackingSettings:
    """Stored settings with the password that is kept nowhere: from that of the ``addresses``, or of the environment's
    MLFLOW_TRACKING_URI, which is the same but for it. UserError where none is."""
    if settings.name == "off" or HIDDEN not in (settings.uri or ""):
        return settings
    for address in (*addresses, os.environ.get("MLFLOW_TRACKING_URI")):
        if address is not None and masked(address) == settings.uri:
            return replace(settings, uri=address)
    raise UserError(
        f"tracking.uri: the password of {settings.uri} is kept nowhere; set MLFLOW_TRACKING_URI to the whole address"
    )


def connect(settings: TrackingSettings) -> tuple[Any, str]:
    """A client and the experiment's id; creates the database and the experiment, once, whoever comes first.

    UserError where runs cannot be kept there, or the experiment was deleted.
    """
    store = locate(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's and SQLAlchemy's, of what they import
        return usable(settings, lambda: _open(store, settings.experiment_name))


def run_with_tag(settings: TrackingSettings, key: str, value: str) -> str | None:
    """The id of a run that has the tag; None where there is none, or tracking is off. UserError as ``connect``."""
    if settings.name == "off" or not re.fullmatch(r"[\w-]+", value):
        return None
    client, experiment = connect(settings)
    found = usable(settings, lambda: client.search_runs([experiment], f"tags.`{key}` = '{value}'", max_results=1))
    return str(found[0].info.run_id) if found else None


def usable(settings: TrackingSettings, action: Callable[[], T]) -> T:
    """Do it; where that stays impossible, the user has to hear of it before hours of training."""
    try:
        return retried(action)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"tracking.uri: cannot keep runs in {masked(locate(settings).uri)} ({cause_of(error)}); {ANOTHER}"
        ) from error


def _open(store: Store, experiment: str) -> tuple[Any, str]:
    if store.file is None:  # a server's address; MLflow itself would try for minutes where no one listens
        address = urlsplit(store.uri)
        port = address.port or PORTS[address.scheme.partition("+")[0]]
        socket.create_connection((address.hostname or "", port), timeout=5).close()
    if store.file is not None:
        sqlite_file.refuse_strange(store.file)
        sqlite_file.refuse_unwritable(store.file)
    if store.is_server or (store.file is not None and sqlite_file.is_ready(store.file, experiment)):
        return _experiment(store, experiment)
    import_mlflow()  # before the lock: others need not wait for it
    store.folder.mkdir(parents=True, exist_ok=True)
    # MLflow's own creation fails and can corrupt the file when several processes start at once.
    with FileLock(store.folder / DATABASE_LOCK, timeout=300):
        if store.file is not None:
            _prepare(store, store.file, experiment)
        return _experiment(store, experiment)


def _prepare(store: Store, file: Path, experiment: str) -> None:
    """Have a whole database at its place, whose experiment keeps its files beside it."""
    half_made = file.exists() and sqlite_file.is_half_made(file)
    if file.exists() and not half_made:
        before = sqlite_file.keep_files_beside(file, experiment)
        if before is not None:
            logger.info("tracking: the files of runs are kept beside %s now; it named %s", file, masked(before))
        return
    if half_made:
        logger.warning("tracking: %s was left half-made by a process that was stopped; it is made again", file)
    sqlite_file.create(file, lambda uri: _fill(replace(store, uri=uri), experiment))


def _fill(store: Store, experiment: str) -> None:
    """MLflow's tables and the experiment at the store's address, which nothing has open afterwards."""
    named = sqlite_file.named_by(store.uri)
    assert named is not None
    empty_database.make(named[1], (store.folder / ARTIFACTS).as_uri())
    client, _ = _experiment(store, experiment)
    client._tracking_client.store._dispose_engine()


def import_mlflow() -> Any:
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    import mlflow

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # pages of traceback; it raises as well
    return mlflow


def _experiment(store: Store, name: str) -> tuple[Any, str]:
    client = import_mlflow().MlflowClient(tracking_uri=store.uri, registry_uri=store.uri)
    found = client.get_experiment_by_name(name)
    if found is None:
        place = None if store.is_server else (store.folder / ARTIFACTS).as_uri()  # a server has its own
        tags = {views.TAG + views.VIEW: views.saved_view()}
        # Where another process was faster this raises, and the next attempt finds the experiment.
        number = str(client.create_experiment(name, artifact_location=place, tags=tags))
        client.set_experiment_tag(number, views.NOTE, views.note(number, []))
        return client, number
    if found.lifecycle_stage != "active":
        raise UserError(
            f"tracking.experiment_name: expected an active experiment; {name!r} is deleted; try another name, or type "
            f"MLFLOW_TRACKING_URI={shlex.quote(store.uri)} {program()} experiments restore -x {found.experiment_id}"
        )
    return client, str(found.experiment_id)


def send_file(client: Any, run_id: str | None, file: Path, folder: str | None = None) -> None:
    """Send a run a file, into a ``folder`` of its files. UserError where an SQLite database, which may be a stranger's,
    would have it written to another place than beside itself."""
    named = sqlite_file.named_by(client.tracking_uri)
    why = named and sqlite_file.leads_elsewhere(named[1], str(run_id), f"{folder or '.'}/{file.name}")
    if why:
        raise UserError(f"tracking: files are not sent: {why}")
    client.log_artifact(run_id, str(file), folder)


# -- patience, and what may be sent and said -------------------------------------------------------------------------


def retried(action: Callable[[], T], *, patient: bool = True) -> T:
    """Do it, if ``patient`` up to three times; the last time's exception is raised. A UserError is not tried again."""
    for wait in WAITS if patient else ():
        try:
            return action()
        except UserError:
            raise
        except Exception:
            sleep(wait)
    return action()


def cause_of(error: BaseException) -> str:
    """What lies at the root of the trouble: MLflow and SQLAlchemy wrap it, up to three times."""
    while error.__cause__:
        error = error.__cause__
    first = (str(error).strip() or "no message").splitlines()[0]
    return shorten(masked(f"{type(error).__name__}: {first}"), 200)  # a password cut in two would not be recognized


def legal(name: str) -> str:
    """The name of a metric or param with "_" for what MLflow does not take."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:LONGEST_NAME]


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters; where some are missing, the last ones say so."""
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT
