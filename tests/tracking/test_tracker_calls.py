"""What a tracker says to MLflow's client, with a client that only notes it; and what is tried again."""

import math
from pathlib import Path

import pytest

from seqexp.system.errors import UserError
from seqexp.tracking import dashboard, mlflow_store, parents, tracker
from seqexp.tracking.mlflow_store import TrackingSettings, run_with_tag
from seqexp.tracking.parents import end_killed_parent, finish_parent, open_parent
from seqexp.tracking.tracker import MlflowTracker, open_tracker

SERVER = TrackingSettings(name="mlflow", uri="http://127.0.0.1:9", experiment_name="x")
OFF = TrackingSettings(name="off", uri=None, experiment_name="x")
SOURCE = {"mlflow.source.name": "seqexp", "mlflow.source.type": "LOCAL", "mlflow.user": "me"}


# -- a run -----------------------------------------------------------------------------------------------------------


def test_a_new_run_has_its_name_tags_and_params_in_batches_mlflow_takes(noting):
    params = {f"p.{n}": n for n in range(150)} | {"a@b": None, "list": [1, 2], "text": "x"}
    kept = open_tracker(SERVER, name="n", params=params, tags={"git_sha": "abc"}, parent_run_id="p", started=1.5)
    assert kept.run_id == "new"
    labels = SOURCE | {"mlflow.source.git.commit": "abc", "git_sha": "abc", "mlflow.parentRunId": "p"}
    assert noting.said("create_run") == [("7", {"start_time": 1500, "tags": labels, "run_name": "n"})]
    assert noting.said("batch") == [(100,), (53,)]
    assert noting.said("param")[-3:] == [("new", "a_b", "null"), ("new", "list", "[1, 2]"), ("new", "text", "x")]
    assert noting.said("param")[:2] == [("new", "p.0", "0"), ("new", "p.1", "1")]


def test_a_run_without_a_commit_or_a_parent_or_a_start_says_nothing_of_them(noting):
    open_tracker(SERVER, name="n", params={}, tags={"long": "x" * 9_000})
    ((_, given),) = noting.said("create_run")
    assert set(given["tags"]) == {*SOURCE, "long"}
    assert len(given["tags"]["long"]) == 8_000
    assert given["start_time"] is None


def test_a_users_name_that_nobody_knows_is_left_out(noting, monkeypatch):
    def nobody():
        raise KeyError("uid")

    monkeypatch.setattr(tracker, "getuser", nobody)
    open_tracker(SERVER, name="n", params={}, tags={})
    assert noting.said("create_run")[0][1]["tags"] == {key: SOURCE[key] for key in list(SOURCE)[:2]}


def test_a_continued_run_keeps_its_params_and_is_running_again(noting):
    kept = open_tracker(SERVER, name="n", params={"seed": 1, "new": True}, tags={"a": "b" * 9_000}, run_id="old")
    assert kept.run_id == "old"
    assert noting.said("create_run") == []
    assert noting.said("update_run") == [("old", ("status", "RUNNING"))]
    ((run_id, key, value),) = noting.said("tag")
    assert (run_id, key, len(value)) == ("old", "a", 8_000)
    assert noting.said("param") == [("old", "new", "true")]
    kept.finish("FINISHED", {"test/mse": 0.5, "test/mae": 0.25}, None, ended=2.0)
    assert noting.said("metric") == [("old", "test/mae", 0.25, 2000, 0)]  # the other it has


def test_metrics_are_kept_until_they_are_sent_a_thousand_at_once(noting):
    kept = MlflowTracker(noting, "r", {})
    for step in range(1, 1_002):
        kept.log(step, {"a@b": step / 2, "nan": math.nan, "none": None}, 1.0006)
    assert (kept.points, noting.calls) == (0, [])
    kept.flush()
    assert kept.points == 1_001
    assert noting.said("batch") == [(1_000,), (1,)]
    assert noting.said("metric")[1] == ("r", "a_b", 1.0, 1001, 2)
    kept.log(5, {"x": 1.0}, 1.0)
    kept.finish("DIVERGED", {"end": 2.0}, None, ended=3.0, tags={"k": "http://me:hush@h/", "long": "x" * 8_001})
    assert noting.said("metric")[-2:] == [("r", "x", 1.0, 1000, 5), ("r", "end", 2.0, 3000, 1_001)]
    assert noting.said("set_tag") == [("r", "status", "DIVERGED"), ("r", "k", "http://***:***@h/")]
    assert noting.said("set_terminated") == [("r", "FAILED", 3000)]
    assert not kept.troubled


def test_a_tag_of_mlflows_greatest_length_is_sent(noting):
    MlflowTracker(noting, "r", {}).finish("KILLED", {}, None, tags={"k": "x" * 8_000})
    assert [len(value) for _, _, value in noting.said("set_tag")] == [6, 8_000]
    assert noting.said("set_terminated")[0][1] == "KILLED"


def test_a_runs_own_files_are_sent_and_counted(noting, tmp_path):
    for name in ("config.yaml", "run.json", "a.tmp", "two words.png", "run.log", "checkpoints/best.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "link.json").symlink_to(tmp_path / "config.yaml")
    kept = MlflowTracker(noting, "r", {})
    for _ in range(2):  # the second attempt counts anew
        kept.finish("FINISHED", {}, tmp_path)
    sent = [(run_id, Path(file).name, folder) for run_id, file, folder in noting.said("log_artifact")]
    names = [("config.yaml", None), ("run.log", None), ("best.safetensors", "checkpoints")]
    assert sent == [("r", *each) for each in names] * 2
    assert (kept.files, kept.troubled) == (3, False)


def test_the_first_trouble_is_one_warning_and_a_client_that_is_down_is_asked_once(noting, monkeypatch, caplog):
    monkeypatch.setattr(mlflow_store, "WAITS", (0.0, 0.0))
    kept, tries = MlflowTracker(noting, "r", {}), []

    def fail():
        tries.append(1)
        raise OSError("full")

    kept.attempt("sing", fail)
    assert len(tries) == 3
    kept.attempt("dance", fail)
    assert len(tries) == 4
    kept.attempt("rest", lambda: None)
    kept.attempt("sing", fail)
    assert len(tries) == 7
    assert kept.troubled
    (record,) = caplog.records
    assert record.getMessage().startswith("tracking: could not sing (OSError: full); the run continues")


# -- parents ---------------------------------------------------------------------------------------------------------


def test_a_parent_is_opened_with_its_note_and_ended_with_tables_figures_and_metrics(noting, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_parent(SERVER, name="sweep", tags={"kind": "sweep"}, note="*runs*") == "new"
    ((experiment, given),) = noting.said("create_run")
    assert (experiment, given["run_name"], given["start_time"]) == ("7", "sweep", None)
    assert given["tags"] == SOURCE | {"kind": "sweep", "mlflow.note.content": "*runs*"}
    texts = []
    noting.log_artifact = lambda run_id, file, folder: texts.append((run_id, Path(file).name, Path(file).read_text()))
    (tmp_path / "a.png").write_text("png")
    note = "http://me:hush@h " + "y" * 9_000
    finish_parent(SERVER, "new", "KILLED", {"m": 1.0}, {"jobs.md": "ünï", "b.md": "b"}, note, [tmp_path / "a.png"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]  # the tables were written elsewhere
    assert texts == [("new", "jobs.md", "ünï"), ("new", "b.md", "b"), ("new", "a.png", "png")]
    (run_id, key, value), status = noting.said("set_tag")
    assert (run_id, key, len(value), value[:20]) == ("new", "mlflow.note.content", 8_000, "http://***:***@h yyy")
    assert status == ("new", "status", "KILLED")
    assert noting.said("metric")[0][:3] == ("new", "m", 1.0)
    assert noting.said("set_terminated")[0][:2] == ("new", "KILLED")


def test_a_parent_that_cannot_be_reached_is_one_warning(noting, monkeypatch, caplog):
    def gone(settings):
        raise UserError("tracking.uri: gone")

    monkeypatch.setattr(parents, "connect", gone)
    finish_parent(SERVER, "r", "FINISHED", {}, {}, "")
    (record,) = caplog.records
    assert record.getMessage() == "tracking: could not finish the sweep's parent run (tracking.uri: gone)"


@pytest.mark.parametrize(
    ("method", "tables", "figures", "what"),
    [
        ("log_artifact", {"a.md": "a"}, [], "upload the tables"),
        ("log_artifact", {}, ["a.png"], "upload a figure"),
        ("set_tag", {}, [], "set the note"),
    ],
)
def test_what_could_not_be_sent_of_a_parent_is_said(method, tables, figures, what, noting, caplog):
    def broken(*args):
        raise OSError("full")

    setattr(noting, method, broken)
    finish_parent(SERVER, "r", "FINISHED", {}, tables, "", [Path(name) for name in figures])
    (record,) = caplog.records
    assert record.getMessage().startswith(f"tracking: could not {what} (OSError: full); ")


@pytest.mark.parametrize(
    ("kind", "status", "marked"),
    [("sweep", "RUNNING", 1), ("comparison", "RUNNING", 1), ("sweep", "FINISHED", 0), ("trial", "RUNNING", 0)],
)
def test_only_a_parent_that_counts_as_running_is_marked_killed(kind, status, marked, noting):
    noting.run.data.tags, noting.run.info.status = {"kind": kind}, status
    end_killed_parent(SERVER, "old")
    assert [call[:2] for call in noting.said("set_terminated")] == [("old", "KILLED")] * marked


def test_a_deleted_parent_is_left_alone(noting):
    noting.run.data.tags, noting.run.info.lifecycle_stage = {"kind": "sweep"}, "deleted"
    end_killed_parent(SERVER, "old")
    assert noting.calls == []


def test_off_asks_nobody(noting):
    kept = open_tracker(OFF, name="n", params={}, tags={})
    kept.log(1, {"a": 1.0}, 0.0)
    kept.flush(now=True)
    kept.finish("FINISHED", {}, None)
    assert (kept.run_id, kept.troubled, kept.points, kept.files) == (None, False, 0, 0)
    assert open_parent(OFF, name="a", tags={}, note="") is None
    finish_parent(OFF, "r", "FINISHED", {}, {}, "")
    finish_parent(SERVER, None, "FINISHED", {}, {}, "")
    end_killed_parent(OFF, "old")
    assert run_with_tag(OFF, "token", "known") is None
    assert dashboard.dashboard_command(OFF) == dashboard.leaderboard_address(OFF) == ""
    assert noting.calls == []
