"""Many processes at once, killed sweeps, and workers; the scripts do the same with more of each."""

import json
from pathlib import Path

import pytest

from scripts.long.crowding import crowd, intact, mlflow_server, postgresql, postgresql_missing, tell_tale
from scripts.long.determinism import differing
from scripts.long.sweep_kills import kill_sweep
from seqexp.runs.location import Location
from seqexp.runs.recovery import mark_killed
from seqexp.runs.run import run
from tests.command import GoingOn, seqexp
from tests.runs.test_interrupted import SHORT, mlflow_runs
from tests.runs.test_resume import composed


def test_processes_that_start_at_once_leave_complete_runs(tmp_path):
    """python -m scripts.long.crowding starts 16."""
    row = crowd(tmp_path, 3, command=seqexp)
    assert (row["complete"], row["wrong"]) == (3, 0)
    assert row["points"] > 50
    assert intact(tmp_path / "runs" / "mlflow.db")
    client, runs = mlflow_runs(tmp_path)
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    assert [each.name for each in client.search_experiments()].count("seqexp") == 1


@pytest.mark.slow
def test_and_with_a_server(tmp_path):
    (tmp_path / "work").mkdir()
    with mlflow_server(tmp_path) as uri:
        row = crowd(tmp_path / "work", 2, uri, seqexp)
    assert (row["complete"], row["wrong"]) == (2, 0)


@pytest.mark.slow
@pytest.mark.skipif(postgresql_missing() is not None, reason=str(postgresql_missing()))
def test_and_with_postgresql_whose_password_is_written_nowhere(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowd")
    for above in folder.parents[:2]:  # PostgreSQL runs as a user of its own
        above.chmod(0o755)
    (folder / "work").mkdir()
    with postgresql(folder) as uri:
        row = crowd(folder / "work", 2, uri, seqexp)
    assert (row["complete"], row["wrong"]) == (2, 0)
    assert not tell_tale(folder / "work")


def test_each_job_of_a_killed_sweep_finishes_once(tmp_path):
    """python -m scripts.long.sweep_kills kills a sweep of 30 three times."""
    assert kill_sweep(tmp_path, 4, 1, 0, "tracking=off", "training.epochs=3", start=GoingOn) == []


@pytest.mark.usefixtures("forked_joblib")
def test_a_worker_gives_the_bytes_of_a_process_of_its_own():
    """python -m scripts.long.determinism compares every model and task."""
    assert differing([("lstm", "hello"), ("stacked_rnn", "adding"), ("rnn", "sentiment")]) == []


def test_mlflows_copy_of_a_run_is_no_killed_run(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    words = [*SHORT[:-1], "training.epochs=1", "tracking=mlflow", "tracking.uri=sqlite:///runs/mlflow.db"]
    result = run(composed(*words), Location(root=Path("runs")))
    assert result.result.status == "FINISHED"
    client, (kept,) = mlflow_runs(tmp_path)
    names = {file.path for file in client.list_artifacts(kept.info.run_id)}
    assert {"result.json", "config.yaml", "metrics.jsonl"} <= names
    assert "run.json" not in names
    (copy,) = Path("runs").glob("*/*/artifacts/result.json")
    copy.with_name("run.json").write_text(json.dumps(result.result.as_json()))  # as in runs of earlier versions
    mark_killed(Path("runs"))
    assert copy.with_name("run.json").exists()
