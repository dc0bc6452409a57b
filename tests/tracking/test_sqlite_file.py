"""The database as a file: made whole or not at all, followed where its project moves, and never obeyed about places."""

import logging
import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy

from seqexp.system.errors import UserError
from seqexp.tracking import mlflow_store, sqlite_file
from seqexp.tracking.dashboard import dashboard_command
from seqexp.tracking.mlflow_store import TrackingSettings, connect, locate
from seqexp.tracking.tracker import open_tracker


def settings(folder, name="seqexp"):
    return TrackingSettings(name="mlflow", uri=sqlite_file.address(folder / "mlflow.db"), experiment_name=name)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A database with one finished run that has one file."""
    folder = tmp_path_factory.mktemp("project") / "runs"
    keep_run(folder)
    return folder


@pytest.fixture
def copied(project, tmp_path, monkeypatch):
    """The same elsewhere; in a process of its own, in which MLflow has noted no run's place yet."""
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._artifact_repos_cache", {})
    return Path(shutil.copytree(project, tmp_path / "runs"))


def keep_run(folder, said="x", run_id=None):
    """Start a run, or continue one; the id."""
    left = folder / "left"
    left.mkdir(parents=True, exist_ok=True)
    (left / "config.yaml").write_text(said)
    tracker = open_tracker(settings(folder), name="one", params={}, tags={}, run_id=run_id)
    tracker.finish("FINISHED", {}, left)
    return tracker.run_id


def sent(folder, run_id):
    return (folder / "mlartifacts" / run_id / "artifacts" / "config.yaml").read_text()


def only_run(folder):
    client, experiment = connect(settings(folder))
    (run,) = client.search_runs([experiment])
    return run


@pytest.mark.parametrize("name", ["what?", "a#1", "50%", "%41", "it's", "läuft é", "a&b=c"])
def test_a_folders_name_may_have_any_character(name, tmp_path, monkeypatch):
    """The default address is relative; the same folder is meant by the address that is shown."""
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    relative = TrackingSettings(name="mlflow", uri="sqlite:///runs/mlflow.db", experiment_name="x")
    store = locate(relative)
    assert store.file == folder / "runs" / "mlflow.db"
    assert sqlite_file.named_by(store.uri) == (store.uri, store.file)
    (folder / "runs").mkdir()
    sqlalchemy.create_engine(store.uri).connect().close()
    assert (folder / "runs" / "mlflow.db").exists()
    assert dashboard_command(relative).endswith(" tracking.experiment_name=x"), "what is usual is not named"


def test_the_database_of_a_strange_folder_is_in_it(tmp_path, monkeypatch):
    folder = tmp_path / "a?b#c%20d'e\"f"
    folder.mkdir()
    monkeypatch.chdir(folder)
    keep_run(folder / "runs")
    assert (folder / "runs" / "mlflow.db").exists()
    assert list(tmp_path.iterdir()) == [folder]


def test_a_creation_that_fails_leaves_nothing(tmp_path):
    def fill(uri):
        named = sqlite_file.named_by(uri)
        assert named is not None
        database = sqlite3.connect(named[1])
        database.execute("create table experiments (name)")
        assert not (tmp_path / "mlflow.db").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sqlite_file.create(tmp_path / "mlflow.db", fill)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "statements", [[], ["create table experiments (name)"], ["create table alembic_version (version_num)"]]
)
def test_what_a_stopped_creation_leaves_is_half_made(statements, tmp_path):
    file = tmp_path / "mlflow.db"
    file.touch()
    with sqlite3.connect(file) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    assert sqlite_file.is_half_made(file)


@pytest.mark.parametrize(
    "statements",
    [
        ["create table songs (name)"],
        ["create table experiments (name)", "insert into experiments values ('mine')"],
        ["create table experiments (name)", "create table runs (id)", "insert into runs values (1)"],
    ],
)
def test_what_is_not_half_made_is_left_alone(statements, tmp_path):
    file = tmp_path / "mlflow.db"
    with sqlite3.connect(file) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    assert not sqlite_file.is_half_made(file)


def test_a_stopped_creation_is_made_again_and_said(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("seqexp"), "propagate", True)
    file = tmp_path / "runs" / "mlflow.db"
    file.parent.mkdir()
    with sqlite3.connect(file) as database:
        database.execute("create table experiments (name)")
        database.execute("create table alembic_version (version_num)")
    database.close()
    run_id = keep_run(tmp_path / "runs")
    assert only_run(tmp_path / "runs").info.run_id == run_id
    assert "half-made" in caplog.text


def test_a_moved_project_keeps_its_files_where_it_is_now(project, copied):
    before = only_run(project).info.run_id
    new = keep_run(copied, "new")
    assert sent(copied, new) == "new"
    keep_run(copied, "again", run_id=before)
    assert sent(copied, before) == "again"
    assert sent(project, before) == "x"
    assert [path.name for path in (project / "mlartifacts").iterdir()] == [before]


def test_a_place_that_a_database_names_is_not_believed(copied, tmp_path):
    run_id = only_run(copied).info.run_id
    elsewhere = (tmp_path / "elsewhere").as_uri()
    with sqlite3.connect(copied / "mlflow.db") as database:
        database.execute("update runs set artifact_uri = ?", (elsewhere,))
    database.close()
    keep_run(copied, "secret", run_id=run_id)
    with sqlite3.connect(copied / "mlflow.db") as database:
        database.execute("update experiments set artifact_location = ?", (elsewhere,))
    database.close()
    keep_run(copied, "secret")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("link", ["{run}", "{run}/artifacts", "{run}/artifacts/config.yaml"])
def test_no_file_is_written_through_a_link(link, copied, tmp_path):
    run_id = only_run(copied).info.run_id
    outside = tmp_path / "outside"
    place = copied / "mlartifacts" / link.format(run=run_id)
    if link.endswith(".yaml"):
        place.unlink()
        outside.write_text("mine")
    else:
        shutil.rmtree(place)
        outside.mkdir()
    place.symlink_to(outside)
    keep_run(copied, "theirs", run_id=run_id)
    assert outside.read_text() == "mine" if outside.is_file() else not list(outside.iterdir())


@pytest.mark.parametrize("name", ["mlflow.db", "mlflow.db-wal", "mlflow.db-journal", "mlartifacts"])
def test_a_link_in_the_databases_place_is_refused(name, copied, tmp_path, monkeypatch):
    monkeypatch.setattr(mlflow_store, "WAITS", (0.0, 0.0))
    other = tmp_path / "theirs"
    other.write_bytes((copied / "mlflow.db").read_bytes())
    shutil.rmtree(copied / "mlartifacts")
    (copied / name).unlink(missing_ok=True)
    (copied / name).symlink_to(other)
    with pytest.raises(UserError, match="is a link"):
        connect(settings(copied))


def test_a_view_in_a_tables_place_is_refused(copied):
    with sqlite3.connect(copied / "mlflow.db") as database:
        database.execute("alter table runs rename to old_runs")
        endless = "with recursive r(n) as (select 1 union all select n from r) select * from r"
        database.execute(f"create view runs as {endless}")
    database.close()
    with pytest.raises(UserError, match="made by hand"):
        connect(settings(copied))
