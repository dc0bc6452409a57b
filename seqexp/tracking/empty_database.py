"""MLflow's tables in a new SQLite file: made once for a user and a version of MLflow, and copied from then on.

MLflow makes them in a hundred migrations, which take longer than a short run.
"""

import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from time import time

from seqexp.system.atomic_files import write_bytes
from seqexp.system.errors import UserError
from seqexp.tracking.sqlite_file import address, opened


def make(file: Path, place: str) -> None:
    """Make the file, which nothing has open afterwards. ``place``: the address of its runs' files."""
    kept = _kept()
    if not _is_copied(kept, file, place):
        file.unlink(missing_ok=True)
        _migrate(file, place)
        _keep(file, kept)


def _kept() -> Path:
    import mlflow
    from platformdirs import user_cache_path

    return user_cache_path("seqexp") / f"mlflow-{mlflow.__version__}.db"


def _migrate(file: Path, place: str) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    # With its first experiment: left to itself, MLflow writes the current folder's name into SQL, quotes and all.
    SqlAlchemyStore(address(file), place)._dispose_engine()


def _is_copied(kept: Path, file: Path, place: str) -> bool:
    """Whether what is kept is whole, and now the file. Its first experiment is as if MLflow had just made it."""
    from mlflow.store.db.utils import _get_latest_schema_revision

    try:
        shutil.copyfile(kept, file)
        with opened(file) as database, database:
            if database.execute("pragma quick_check").fetchall() != [("ok",)]:
                return False
            revision = database.execute("select version_num from alembic_version").fetchall()
            now = round(time() * 1000)
            update = "update experiments set artifact_location = ? || '/0', creation_time = ?, last_update_time = ?"
            changed = database.execute(update, (place, now, now)).rowcount
    except (OSError, sqlite3.Error):
        return False
    return changed == 1 and revision == [(_get_latest_schema_revision(),)]


def _keep(file: Path, kept: Path) -> None:
    """For the next time. A home that cannot be written to is as good: then it is made each time."""
    with suppress(OSError, UserError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, file.read_bytes())
