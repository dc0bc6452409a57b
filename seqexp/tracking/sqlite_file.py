"""MLflow's SQLite database as a file: it comes into being whole, and keeps its runs' files beside it wherever it lies.

The file may be a stranger's, as runs/ is copied and shared: a link in its place is not opened, and the place that it
names for files is not believed.
"""

import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

from seqexp.system.atomic_files import name_beside, remove_leftovers, sync_folder
from seqexp.system.errors import UserError
from seqexp.system.paths import ARTIFACTS

COMPANIONS = ("-journal", "-wal", "-shm")  # what SQLite opens beside the file without being asked
READ = ("experiments", "runs", "tags", "params", "metrics", "latest_metrics")
FRESH = {"alembic_version", "experiments", "workspaces"}  # the tables in which MLflow's own creation leaves rows
QUOTED = {"%": "%25", "?": "%3F", "#": "%23"}  # in an address; the first quotes the others' marks
PATIENCE = 60.0  # seconds for another process's transaction
RUN_ID = re.compile("[0-9a-f]{32}")


def address(file: Path) -> str:
    """The database's address, whatever characters its folders' names have."""
    name = file.as_posix()
    if not set(name) & set(QUOTED):
        return f"sqlite:///{name}"
    for character, quoted in QUOTED.items():
        name = name.replace(character, quoted)
    # The driver's name: without it MLflow makes the folder that the quoted name spells.
    return f"sqlite+pysqlite:///{name}"


def named_by(uri: str) -> tuple[str, Path] | None:
    """The address of an SQLite file with its whole path, and the file; None where it names none.

    ``sqlite:///`` is followed by a path as it is, relative to the current folder; with a driver's name,
    ``sqlite+pysqlite:///``, it is an address, in which % ? and # of a path are written %25, %3F and %23.
    """
    scheme, _, rest = uri.partition("://")
    before, mark, query = rest.partition("?")
    path = before.removeprefix("/")
    if scheme != "sqlite":
        path = unquote(path)
    if scheme.partition("+")[0] != "sqlite" or path == before or path in ("", ":memory:"):
        return None
    file = Path(path).expanduser().absolute()
    return f"{address(file)}{mark}{query}", file


def refuse_strange(file: Path) -> None:
    """UserError where the file, or what SQLite opens beside it, is there and no regular file, where the folder for
    files is a link, or where a table that is read was made by hand."""
    if (file.parent / ARTIFACTS).is_symlink():
        raise UserError(
            f"tracking.uri: {file.parent / ARTIFACTS} is a link; link the whole folder {file.parent} instead"
        )
    for path in (file, *(file.with_name(file.name + companion) for companion in COMPANIONS)):
        with suppress(FileNotFoundError, NotADirectoryError):
            if not stat.S_ISREG(path.lstat().st_mode):
                raise UserError(f"tracking.uri: {path} is a link, or no regular file; name the database itself")
    if not file.exists():
        return
    marks = ", ".join("?" * len(READ))
    query = f"select name from sqlite_master where type in ('view', 'trigger') and tbl_name in ({marks})"
    with opened(file) as database:
        for (name,) in database.execute(query, READ):  # a view may never come to an end
            raise UserError(f"tracking.uri: {file} is no database of MLflow's: its {str(name)[:40]!r} was made by hand")


def refuse_unwritable(file: Path) -> None:
    """PermissionError where the file, or its folder, is there and cannot be written."""
    for path in (file, file.parent) if file.exists() else ():  # SQLite keeps its journal beside the file
        if not os.access(path, os.W_OK):
            raise PermissionError(f"{path} cannot be written")


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """The database, which is not created. What a killed process had not finished is rolled back."""
    database = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=PATIENCE)
    try:
        yield database
    finally:
        database.close()


def place_of_files(file: Path) -> str:
    """Where the files of a database's runs are kept: beside it."""
    return (file.parent / ARTIFACTS).as_uri()


def is_ready(file: Path, experiment: str) -> bool:
    """Whether the database has the experiment, whose files are beside it. Asked of SQLite itself, as MLflow would start
    to create what is not there."""
    if not file.exists():
        return False
    place = place_of_files(file)
    try:
        with opened(file) as database:
            query = "select 1 from experiments where name = ? and artifact_location = ?"
            return database.execute(query, (experiment, place)).fetchone() is not None
    except sqlite3.OperationalError:  # no such table, yet
        return False


# -- created whole ---------------------------------------------------------------------------------------------------


def create(file: Path, fill: Callable[[str], None]) -> None:
    """Have ``fill`` make the database at the address it is given, beside its place, and move it there.

    MLflow's own creation takes seconds, and a process that is stopped within them leaves a file that nobody can use.
    For who holds the folder's lock.
    """
    remove_leftovers(file.parent, file.name)
    beside = name_beside(file)
    try:
        fill(address(beside))
        with beside.open("rb") as whole:
            os.fsync(whole.fileno())
        for companion in COMPANIONS:  # of a half-made file that is replaced
            file.with_name(file.name + companion).unlink(missing_ok=True)
        os.replace(beside, file)
        sync_folder(file.parent)
    finally:
        remove_leftovers(file.parent, file.name)


def is_half_made(file: Path) -> bool:
    """Whether the file was left by a creation that was cut off: it has no run and no experiment of a user's, and not
    all of MLflow's tables. False of another program's database, which is the user's to see to."""
    from mlflow.store.db.utils import _get_latest_schema_revision

    try:
        with opened(file) as database:
            tables = {str(name) for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
            tables = {name for name in tables if not name.startswith("sqlite_")}
            if tables and not tables & FRESH:
                return False
            if "alembic_version" in tables:
                found = database.execute("select version_num from alembic_version").fetchone()
                if found is not None and found[0] == _get_latest_schema_revision():
                    return False
            used = [f'select 1 from "{name}" limit 1' for name in tables - FRESH]
            if "experiments" in tables:
                used.append("select 1 from experiments where name != 'Default' limit 1")
            return not any(database.execute(query).fetchone() for query in used)
    except sqlite3.Error:
        return False


# -- moved -----------------------------------------------------------------------------------------------------------


def keep_files_beside(file: Path, experiment: str) -> str | None:
    """Have the experiment keep its runs' files beside the database; gives the place it named, where that is another.

    A project that was moved or copied names its old folder, and a stranger's database any. For who holds the folder's
    lock.
    """
    place = place_of_files(file)
    try:
        with opened(file) as database, database:
            query = "select experiment_id, artifact_location from experiments where name = ?"
            found = database.execute(query, (experiment,)).fetchone()
            if found is None:
                return None
            number, before = found
            database.execute("update experiments set artifact_location = ? where experiment_id = ?", (place, number))
            # MLflow's own rule for a run's files.
            update = "update runs set artifact_uri = ? || '/' || run_uuid || '/artifacts' where experiment_id = ?"
            database.execute(update, (place, number))
    except sqlite3.OperationalError:  # no such table, yet
        return None
    return None if before == place else str(before)


def leads_elsewhere(file: Path, run_id: str, name: str) -> str:
    """Why a file that is sent to a run would not come to lie beside the database; nothing where it would.

    name: the file's path below the run's folder.
    """
    with opened(file) as database:
        found = database.execute("select artifact_uri from runs where run_uuid = ?", (run_id,)).fetchone()
    if found is None or not RUN_ID.fullmatch(run_id) or found[0] != f"{place_of_files(file)}/{run_id}/artifacts":
        return f"{file} names another place for them"
    path = file.parent / ARTIFACTS
    for part in (run_id, "artifacts", *Path(name).parts):
        path = path / part
        if path.is_symlink():  # MLflow would write through it
            return f"{path} is a link"
    return ""
