"""What only MLflow has comes back as result.json has it; reports go to a sweep's run. The client is made up."""

import json
import logging
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqexp.system.errors import UserError
from seqexp.tracking import mlflow_reader, mlflow_store
from seqexp.tracking.mlflow_reader import attach, may_have_more, results
from seqexp.tracking.mlflow_store import TrackingSettings

SERVER = TrackingSettings(name="mlflow", uri="http://127.0.0.1:9", experiment_name="x")
OFF = TrackingSettings(name="off", uri=None, experiment_name="x")
MARK = "\n\n<!-- the sweep's own note -->\n\n"
NOTE = "mlflow.note.content"


class Client:
    """MLflow's client over lists: pages of runs, and the notes, files and baselines of some."""

    tracking_uri = "http://127.0.0.1:9"

    def __init__(self, *pages, baselines=None, notes=None):
        self.pages, self.baselines, self.notes = list(pages), baselines or {}, notes or {}
        self.asked, self.downloaded, self.sent = [], [], []

    def search_runs(self, experiments, max_results, page_token):
        number = int(page_token or 0)
        self.asked.append((experiments, max_results, page_token))
        page = Page(self.pages[number])
        page.token = str(number + 1) if number + 1 < len(self.pages) else None
        return page

    def download_artifacts(self, run_id, name, folder):
        self.downloaded.append(run_id)
        Path(folder, name).write_text(json.dumps({"baseline": self.baselines[run_id]}))

    def get_run(self, run_id):
        return stored(run_id, tags={NOTE: self.notes[run_id]} if run_id in self.notes else {})

    def set_tag(self, run_id, key, value):
        assert key == NOTE
        self.notes[run_id] = value

    def log_artifact(self, run_id, file, folder):
        self.sent.append((run_id, Path(file).name, folder))


class Page(list):
    token: str | None = None


def stored(run_id, tags=None, params=None, metrics=None, status="FINISHED", start=1_000_000, end=1_002_500):
    info = SimpleNamespace(run_id=run_id, status=status, start_time=start, end_time=end)
    return SimpleNamespace(info=info, data=SimpleNamespace(tags=tags or {}, params=params or {}, metrics=metrics or {}))


@pytest.fixture
def there(monkeypatch):
    """Has the module connect to a client."""
    monkeypatch.setattr(mlflow_store, "WAITS", ())

    def use(client):
        monkeypatch.setattr(mlflow_reader, "connect", lambda settings: (client, "7"))
        return client

    return use


# -- may there be more? ----------------------------------------------------------------------------------------------


def test_only_an_active_run_that_is_unknown_and_no_parent_is_more(tmp_path):
    file = tmp_path / "mlflow.db"
    settings = TrackingSettings(name="mlflow", uri=f"sqlite:///{file}", experiment_name="x")
    assert not may_have_more(settings, [])
    assert not file.exists()
    with sqlite3.connect(file) as database:
        database.execute("create table songs (name)")
        assert not may_have_more(settings, [])
        database.execute("create table runs (run_uuid, lifecycle_stage)")
        database.execute("create table tags (run_uuid, key)")
        database.execute("insert into runs values ('a', 'active'), ('b', 'deleted'), ('c', 'active')")
        database.execute("insert into tags values ('c', 'kind'), ('a', 'model')")
    database.close()
    assert may_have_more(settings, [])
    assert may_have_more(settings, ["b", "c"])
    assert not may_have_more(settings, ["a"])


def test_a_server_may_always_have_more_and_without_tracking_nothing_has():
    assert may_have_more(SERVER, ["a"])
    assert not may_have_more(OFF, [])


# -- results ---------------------------------------------------------------------------------------------------------


def test_a_run_is_its_stored_result_with_the_metrics_that_mlflow_has(there):
    tags = {"signature": "s", "result": json.dumps({"status": "KILLED", "seed": 3, "baseline": {"mean": 0.5}})}
    params = {"seed": "3", "model.hidden_size": "8", "text": "a b", "params": "10", "params.embedding": "4"}
    there(Client([stored("r", tags, params, {"test/mse": 0.5, "val/mse": 0.25})]))
    ((result, settings),) = results(SERVER, [])
    assert result == {
        "status": "KILLED",
        "seed": 3,
        "baseline": {"mean": 0.5},
        "metrics": {"test/mse": 0.5},
        "mlflow_run_id": "r",
    }
    assert settings == {"seed": 3, "model.hidden_size": 8, "text": "a b"}


def test_a_run_of_an_earlier_version_is_put_together_from_tags_and_params(there):
    tags = {"signature": "s", "model": "rnn", "task": "adding", "primary_metric": "test/mse", "git_sha": "abc"}
    tags |= {"numpy": "2", "blas": "b", "status": "DIVERGED", "mlflow.parentRunId": "p", "result": "no json"}
    params = {"seed": "3", "model.hidden_size": "8", "params": "10", "params.embedding": "4"}
    client = there(Client([stored("r", tags, params, {"test/mse": 0.5})]))
    ((result, settings),) = results(SERVER, [])
    assert result == {
        "model": "rnn",
        "task": "adding",
        "signature": "s",
        "primary_metric": "test/mse",
        "git_sha": "abc",
        "numpy": "2",
        "blas": "b",
        "seed": 3,
        "status": "DIVERGED",
        "metrics": {"test/mse": 0.5},
        "params": 10,
        "embedding_params": 4,
        "hidden_size": 8,
        "mlflow_run_id": "r",
        "parent_run_id": "p",
        "started": 1_000.0,
        "seconds": 2.5,
    }
    assert settings == {"seed": 3, "model.hidden_size": 8}
    assert client.downloaded == []  # it has not finished


def test_what_an_earlier_run_lacks_is_empty_and_one_that_ended_silently_was_killed(there):
    runs = [stored(status, {"signature": "s"}, {}, {}, status, None, None) for status in ("RUNNING", "FAILED")]
    there(Client(runs))
    (running, _), (killed, _) = results(SERVER, [])
    assert (running["status"], killed["status"]) == ("RUNNING", "KILLED")
    assert (killed["started"], killed["embedding_params"], killed["params"], killed["git_sha"]) == (0, 0, None, "")
    assert [killed[key] for key in ("numpy", "blas", "seed", "hidden_size", "model")] == ["", "", None, None, None]
    assert "seconds" not in killed


def test_known_runs_and_parents_are_left_out_on_every_page(there):
    pages = [[stored("a", {"signature": "s"}), stored("known", {"signature": "t"})]]
    pages += [[stored("b", {"signature": "known too"}), stored("parent"), stored("c", {"signature": "u"})]]
    client = there(Client(*pages))
    assert [result["mlflow_run_id"] for result, _ in results(SERVER, ["known", "known too"])] == ["a", "c"]
    assert client.asked == [(["7"], 1_000, None), (["7"], 1_000, "1")]


def test_one_finished_run_of_each_problem_gives_its_baselines_to_all(there):
    def old(run_id, length, status="FINISHED", **more):
        params = {"task.length": str(length), "model.hidden_size": run_id[-1]}
        return stored(run_id, {"signature": run_id, "status": status, **more}, params)

    whole = json.dumps({"baseline": {"own": 1.0}})
    runs = [old("a1", 10, "KILLED"), old("a2", 10), old("a3", 10), old("b1", 20), old("c1", 30, "KILLED")]
    client = there(
        Client([*runs, old("d1", 40), old("a4", 10, result=whole)], baselines={"a2": {"mean": 0.5}, "d1": []})
    )
    found = {result["mlflow_run_id"]: result.get("baseline") for result, _ in results(SERVER, [])}
    mean = {"mean": 0.5}
    assert found == {"a1": mean, "a2": mean, "a3": mean, "b1": None, "c1": None, "d1": None, "a4": {"own": 1.0}}
    assert client.downloaded == ["a2", "b1", "d1"]


# -- reports ---------------------------------------------------------------------------------------------------------


def test_a_report_stands_before_the_sweeps_own_note_however_often_it_is_written(there, tmp_path):
    client = there(Client(notes={"r": "the sweep"}))
    files = [tmp_path / "report.md", tmp_path / "points.png"]
    assert attach(SERVER, "r", files, "first http://me:hush@host") is True
    assert client.notes["r"] == f"first http://***:***@host{MARK}the sweep"
    assert client.sent == [("r", "report.md", "report"), ("r", "points.png", "report")]
    assert attach(SERVER, "r", [], "second")
    assert client.notes["r"] == f"second{MARK}the sweep"
    assert attach(SERVER, "new", [], "x" * 9_000)
    assert len(client.notes["new"]) == 8_000


def test_a_report_that_cannot_be_sent_is_one_warning(there, caplog, monkeypatch, tmp_path):
    monkeypatch.setattr(logging.getLogger("seqexp"), "propagate", True)
    client = there(Client())

    def broken(*args):
        raise OSError("disk full")

    client.log_artifact = broken
    assert attach(SERVER, "r", [tmp_path / "report.md"], "note") is False
    (record,) = caplog.records
    assert record.getMessage() == "tracking: could not send the report to the sweep's run (OSError: disk full)"
    client.search_runs = broken
    with pytest.raises(UserError, match="cannot keep runs in http://127"):
        results(SERVER, [])
