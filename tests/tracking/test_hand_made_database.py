"""What is asked of SQLite itself before MLflow is, of databases with the few tables that count."""

import os
import sqlite3

import pytest

from seqexp.system.errors import UserError
from seqexp.tracking import sqlite_file
from seqexp.tracking.sqlite_file import is_half_made, is_ready, keep_files_beside, leads_elsewhere

RUN = "a" * 32


@pytest.fixture
def file(tmp_path):
    """Two experiments with a run each, whose files lie elsewhere."""
    file = tmp_path / "mlflow.db"
    do(
        file,
        "create table experiments (experiment_id, name, artifact_location)",
        "create table runs (run_uuid, experiment_id, artifact_uri)",
        "insert into experiments values (1, 'mine', 'file:///old'), (2, 'other', 'file:///old')",
        f"insert into runs values ('{RUN}', 1, 'file:///old/x'), ('b', 2, 'file:///old/b')",
    )
    return file


def do(file, *statements):
    with sqlite3.connect(file) as database:
        found = [database.execute(statement).fetchall() for statement in statements]
    database.close()
    return found[-1]


def test_a_database_of_mlflows_newest_version_is_whole_though_nobody_has_used_it(tmp_path):
    from mlflow.store.db.utils import _get_latest_schema_revision

    file = tmp_path / "mlflow.db"
    do(file, "create table alembic_version (version_num)", "create table experiments (name)")
    assert is_half_made(file)
    do(file, "insert into alembic_version values ('an older one')")
    assert is_half_made(file)
    do(file, f"update alembic_version set version_num = '{_get_latest_schema_revision()}'")
    assert not is_half_made(file)


def test_what_is_no_database_is_not_half_made(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database at all" * 100)
    assert not is_half_made(tmp_path / "mlflow.db")


def test_only_the_experiment_that_is_asked_for_moves_with_its_runs(file, tmp_path):
    place = (tmp_path / "mlartifacts").as_uri()
    assert not is_ready(file, "mine")
    assert keep_files_beside(file, "nobody's") is None
    assert keep_files_beside(file, "mine") == "file:///old"
    assert do(file, "select artifact_location from experiments order by 1") == [("file:///old",), (place,)]
    assert do(file, "select artifact_uri from runs order by 1") == [("file:///old/b",), (f"{place}/{RUN}/artifacts",)]
    assert is_ready(file, "mine")
    assert not is_ready(file, "other")
    assert keep_files_beside(file, "mine") is None


def test_a_database_without_tables_or_none_at_all_is_not_ready(tmp_path):
    file = tmp_path / "mlflow.db"
    assert not is_ready(file, "mine")
    assert not file.exists()
    file.touch()
    assert not is_ready(file, "mine")
    assert keep_files_beside(file, "mine") is None


def test_files_are_sent_only_beside_the_database_and_through_no_link(file, tmp_path):
    elsewhere = f"{file} names another place for them"
    assert leads_elsewhere(file, RUN, "./a.png") == elsewhere
    assert leads_elsewhere(file, "c" * 32, "./a.png") == elsewhere
    keep_files_beside(file, "mine")
    assert leads_elsewhere(file, RUN, "./a.png") == ""
    assert leads_elsewhere(file, "b", "./a.png") == elsewhere
    keep_files_beside(file, "other")
    assert leads_elsewhere(file, "b", "./a.png") == elsewhere  # no id of MLflow's
    folder = tmp_path / "mlartifacts" / RUN / "artifacts" / "report"
    folder.mkdir(parents=True)
    (folder / "a.png").symlink_to(file)
    assert leads_elsewhere(file, RUN, "report/a.png") == f"{folder / 'a.png'} is a link"
    assert leads_elsewhere(file, RUN, "report/b.png") == ""


@pytest.mark.parametrize("kind", ["view", "trigger"])
@pytest.mark.parametrize("table", ["experiments", "runs", "tags", "params", "metrics", "latest_metrics"])
def test_a_view_or_trigger_on_a_table_that_is_read_is_refused(kind, table, tmp_path):
    file = tmp_path / "mlflow.db"
    if kind == "view":
        do(file, f"create view {table} as select 1")
    else:
        do(file, f"create table {table} (a)", f"create trigger t after insert on {table} begin select 1; end")
    name = table if kind == "view" else "t"
    with pytest.raises(UserError, match=f"mlflow.db is no database of MLflow's: its '{name}' was made by hand"):
        sqlite_file.refuse_strange(file)


def test_a_view_of_a_name_that_nobody_reads_is_the_users_own(file):
    do(file, "create view mine as select * from runs")
    sqlite_file.refuse_strange(file)
    sqlite_file.refuse_strange(file.with_name("none.db"))


def test_what_cannot_be_written_is_named(file, monkeypatch):
    sqlite_file.refuse_unwritable(file)
    for refused in (file, file.parent):
        monkeypatch.setattr(os, "access", lambda path, mode, refused=refused: path != refused or mode != os.W_OK)
        with pytest.raises(PermissionError, match=f"{refused} cannot be written"):
            sqlite_file.refuse_unwritable(file)
        sqlite_file.refuse_unwritable(file.with_name("none.db"))
