"""Runs in MLflow as a user meets them: true statuses, replayable metrics, and trouble that never ends a run."""

import logging
import math
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from seqexp.tracking import mlflow_store
from seqexp.tracking import tracker as tracker_module
from seqexp.tracking.mlflow_store import TrackingSettings
from seqexp.tracking.parents import finish_parent, open_parent
from seqexp.tracking.tracker import open_tracker

TAGS = {"model": "rnn", "task": "hello", "git_sha": "0" * 40}


def settings_for(folder: Path, name: str = "seqexp") -> TrackingSettings:
    return TrackingSettings(name="mlflow", uri=f"sqlite:///{folder / 'mlflow.db'}", experiment_name=name)


def start(settings: TrackingSettings, **more):
    given = {"name": "rnn hello", "params": {"seed": 0}, "tags": TAGS, **more}
    return open_tracker(settings, **given)


def history(client, run_id: str | None, name: str) -> list[tuple[int, float, int]]:
    return sorted((m.step, m.value, m.timestamp) for m in client.get_metric_history(run_id, name))


def test_run_keeps_what_it_was_given(settings, client, tmp_path):
    long = "x" * 7_000
    params = {"seed": 3, "model.param_budget": None, "a.b": True, "text": long, "uri": "postgresql://me:secret@h/d"}
    params |= {f"many.{i}": i for i in range(250)}
    for name in ("config.yaml", "result.json", "curve.png", "checkpoints/best.safetensors", "half.tmp", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    tracker = start(settings, params=params, parent_run_id="p" * 32, started=1e9)
    tracker.log(10, {"train/loss": 0.7, "val/f1 @5": 0.1}, 1e9 + 1)
    tracker.flush()
    tracker.log(20, {"train/loss": 0.6}, 1e9 + 2)
    tracker.finish("FINISHED", {"test/accuracy": 0.9}, tmp_path, ended=1e9 + 3)

    run = client.get_run(tracker.run_id)
    kept = run.data.params
    assert len(kept) == 255
    assert [kept[key] for key in ("seed", "model.param_budget", "a.b", "many.249")] == ["3", "null", "true", "249"]
    assert (len(kept["text"]), kept["text"][-5:]) == (6_000, "(cut)")
    assert kept["uri"] == "postgresql://me:***@h/d"
    assert run.data.tags["mlflow.parentRunId"] == "p" * 32
    assert run.data.tags["status"] == "FINISHED"
    assert run.data.tags["mlflow.source.git.commit"] == TAGS["git_sha"]
    assert (run.info.status, run.info.run_name) == ("FINISHED", "rnn hello")
    assert (run.info.start_time, run.info.end_time) == (1_000_000_000_000, 1_000_000_003_000)
    assert history(client, tracker.run_id, "train/loss") == [(10, 0.7, 1_000_000_001_000), (20, 0.6, 1_000_000_002_000)]
    assert history(client, tracker.run_id, "test/accuracy") == [(0, 0.9, 1_000_000_003_000)]  # a bar, not a dot
    assert history(client, tracker.run_id, "val/f1 _5") == [(10, 0.1, 1_000_000_001_000)]
    files = {file.path for file in client.list_artifacts(tracker.run_id)}
    assert files == {"config.yaml", "result.json", "curve.png", "checkpoints"}
    assert [f.path for f in client.list_artifacts(tracker.run_id, "checkpoints")] == ["checkpoints/best.safetensors"]
    assert Path(settings.uri.removeprefix("sqlite:///")).with_name("mlartifacts").is_dir()


@pytest.mark.parametrize(
    ("status", "kept"),
    [("FINISHED", "FINISHED"), ("FAILED", "FAILED"), ("KILLED", "KILLED"), ("DIVERGED", "FAILED")],
)
def test_status_is_true(settings, client, status, kept):
    tracker = start(settings)
    assert client.get_run(tracker.run_id).info.status == "RUNNING"
    tracker.finish(status, {}, None)
    run = client.get_run(tracker.run_id)
    assert (run.info.status, run.data.tags["status"]) == (kept, status)


def test_continuing_and_replaying_change_nothing(settings, client):
    lines = [(step, {"train/loss": 1 / step, "val/loss": 2 / step}, 1e9 + step / 7) for step in range(1, 1_101)]
    tracker = start(settings, params={"seed": 0, "resume": "never"})
    for line in lines[:700]:
        tracker.log(*line)
    tracker.finish("KILLED", {"test/accuracy": 0.5}, None, ended=1e9 + 200)
    for _ in range(2):  # a resumed run, then a synced one; `resume` differs and stays as it was
        again = start(settings, params={"seed": 0, "resume": "auto", "new": 1}, run_id=tracker.run_id)
        assert again.run_id == tracker.run_id
        assert client.get_run(tracker.run_id).info.status == "RUNNING"
        for line in lines:
            again.log(*line)
        again.finish("FINISHED", {"test/accuracy": 0.5}, None)
    assert [step for step, _, _ in history(client, tracker.run_id, "train/loss")] == list(range(1, 1_101))
    assert len(history(client, tracker.run_id, "val/loss")) == 1_100
    assert len(history(client, tracker.run_id, "test/accuracy")) == 1
    run = client.get_run(tracker.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "0", "resume": "never", "new": "1"}


def test_run_that_mlflow_lost_is_started_anew(settings, client):
    lost = "0" * 32
    tracker = start(settings, run_id=lost)
    assert tracker.run_id != lost
    tracker.finish("FINISHED", {}, None)
    client.delete_run(tracker.run_id)
    assert start(settings, run_id=tracker.run_id).run_id != tracker.run_id


def test_values_no_chart_can_show_are_left_out(settings, client):
    tracker = start(settings)
    tracker.log(1, {"train/loss": 3.0, "train/grad_norm": 2.0}, 1e9)
    tracker.log(2, {"train/loss": math.nan, "train/grad_norm": math.inf, "val/loss": None}, 1e9 + 1)
    tracker.finish("DIVERGED", {"test/loss": -math.inf}, None)
    assert client.get_run(tracker.run_id).data.metrics == {"train/loss": 3.0, "train/grad_norm": 2.0}


def test_flushing_every_step_takes_at_most_three_percent_of_the_time(monkeypatch):
    now = 0.0
    sent = []

    class Slow:
        """A second a call, on a clock that moves only here and between two steps."""

        def log_batch(self, run_id, metrics):
            nonlocal now
            now += 1.0
            sent.extend(metrics)

    monkeypatch.setattr(tracker_module, "monotonic", lambda: now)
    tracker = tracker_module.MlflowTracker(Slow(), "run", {})
    for step in range(10_000):
        now += 0.1
        tracker.log(step, {"train/loss": 1.0}, 1e9 + step)
        tracker.flush()
    assert 1.0 < now - 1_000.0 <= 0.03 * now
    tracker.flush(now=True)
    assert [metric.step for metric in sent] == list(range(10_000))


def test_trouble_is_one_warning_and_nothing_is_lost(settings, client, monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(mlflow_store, "WAITS", (0.0, 0.0))
    tracker = start(settings)
    calls = []

    def broken(*args, **kwargs):
        calls.append(args)
        raise OSError("disk full\nsecond line")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "seqexp"):
        for method in ("log_batch", "set_tag", "set_terminated", "log_artifact"):
            patch.setattr(type(client), method, broken)
        (tmp_path / "result.json").write_text("{}")
        tracker.log(1, {"train/loss": 1.0}, 1e9)
        tracker.flush()
        assert len(calls) == 3
        tracker.log(2, {"train/loss": 0.5}, 1e9 + 1)
        tracker.finish("FINISHED", {}, tmp_path)
    (record,) = caplog.records
    assert "send the metrics (OSError: disk full)" in record.getMessage()
    assert "seqexp.sync" in record.getMessage()
    tracker.finish("FINISHED", {"test/loss": 0.1}, tmp_path)  # it is back
    run = client.get_run(tracker.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"train/loss": 0.5, "test/loss": 0.1}


def test_a_passing_fault_is_not_reported(settings, client, monkeypatch, caplog):
    monkeypatch.setattr(mlflow_store, "WAITS", (0.0, 0.0))
    tracker = start(settings)
    real, faults = type(client).log_batch, [OSError("locked"), OSError("locked")]

    def flaky(*args, **kwargs):
        if faults:
            raise faults.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(type(client), "log_batch", flaky)
    tracker.log(1, {"train/loss": 1.0}, 1e9)
    tracker.finish("FINISHED", {}, None)
    assert not caplog.records
    assert client.get_run(tracker.run_id).data.metrics == {"train/loss": 1.0}


def test_parent_and_children(settings, client):
    parent = open_parent(settings, name="sweep", tags={"command": "-m seed=0,1"}, note="*running*")
    for seed in (0, 1):
        start(settings, params={"seed": seed}, parent_run_id=parent).finish("FINISHED", {"test/loss": seed}, None)
    metrics = {"hello/rnn/test/loss/mean": 0.5, "hello/rnn/test/loss/std": math.nan, "a=1": 2.0}
    note = "`tracker.uri=https://me:secret@host`\n" + "y" * 9_000
    finish_parent(settings, parent, "FAILED", metrics, {"jobs.md": "| a |"}, note)
    run = client.get_run(parent)
    assert (run.info.status, run.data.metrics) == ("FAILED", {"hello/rnn/test/loss/mean": 0.5, "a_1": 2.0})
    assert run.data.tags["mlflow.note.content"].startswith("`tracker.uri=https://***:***@host`\nyy")
    assert len(run.data.tags["mlflow.note.content"]) == 8_000
    assert [file.path for file in client.list_artifacts(parent)] == ["jobs.md"]
    children = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{parent}'")
    assert {child.data.params["seed"] for child in children} == {"0", "1"}


def test_a_broken_database_is_one_line(settings, tmp_path, caplog, capfd):
    """MLflow and SQLAlchemy would print pages; the line names what lies below their wrapping."""
    broken = settings_for(tmp_path)
    tracker = start(broken)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("drop table metrics")
    database.close()
    tracker.log(1, {"train/loss": 1.0}, 1e9)
    with caplog.at_level(logging.WARNING):
        tracker.flush()
    (record,) = caplog.records
    assert "OperationalError: no such table: metrics" in record.getMessage()
    assert capfd.readouterr() == ("", "")


def test_off_keeps_nothing_and_imports_nothing():
    code = (
        "import sys; from seqexp.tracking.tracker import *; from seqexp.tracking.parents import *; "
        "from seqexp.tracking.dashboard import dashboard_command, leaderboard_address; "
        "from seqexp.tracking.mlflow_store import TrackingSettings; "
        "s = TrackingSettings(name='off', uri=None, experiment_name='x'); "
        "t = open_tracker(s, name='a', params={}, tags={}); t.log(1, {'a': 1.0}, 0.0); t.flush(now=True); "
        "t.finish('FINISHED', {}, None); p = open_parent(s, name='a', tags={}, note=''); "
        "finish_parent(s, p, 'FINISHED', {}, {}, ''); assert t.run_id is None is p; "
        "assert dashboard_command(s) == leaderboard_address(s) == ''; "
        "assert not {'mlflow', 'pandas', 'matplotlib', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
