"""A new database of MLflow's is copied from one that was made before, and made where that is none."""

import shutil
from time import time

import platformdirs
import pytest

from seqexp.tracking import empty_database
from seqexp.tracking.sqlite_file import opened


@pytest.fixture
def kept(tmp_path, monkeypatch, made_database):
    """The place of what is kept for a user, with MLflow's tables; what is made goes there, and is counted."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "home")
    made = []

    def migrate(file, place):
        made.append(file)
        shutil.copyfile(made_database, file)

    monkeypatch.setattr(empty_database, "_migrate", migrate)
    empty_database.make(tmp_path / "first.db", "file:///first")
    (path,) = (tmp_path / "home").iterdir()
    with opened(path) as database, database:
        database.execute("delete from experiments where experiment_id != 0")
    made.clear()
    return path, made


def test_what_is_kept_is_copied_and_its_files_lie_beside_the_copy(kept, tmp_path):
    _, made = kept
    before = time() * 1000
    empty_database.make(tmp_path / "second.db", "file:///second")
    with opened(tmp_path / "second.db") as database:
        ((place, created, updated),) = database.execute(
            "select artifact_location, creation_time, last_update_time from experiments"
        ).fetchall()
    assert (place, made) == ("file:///second/0", [])
    assert before - 1 <= created == updated <= time() * 1000 + 1


@pytest.mark.parametrize("spoil", ["cut", "emptied", "another version", "a folder"])
def test_what_cannot_serve_is_made_anew(spoil, kept, tmp_path):
    path, made = kept
    if spoil == "another version":
        with opened(path) as database, database:
            database.execute("update alembic_version set version_num = 'older'")
    elif spoil == "a folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(path.read_bytes()[:100_000] if spoil == "cut" else b"")
    empty_database.make(tmp_path / "second.db", "file:///second")
    assert made == [tmp_path / "second.db"]
