"""A sweep or a comparison whose process was killed is marked so at the next start, and nothing else is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seqexp.sweeps import parent_run
from seqexp.tracking.mlflow_store import TrackingSettings, connect
from seqexp.tracking.parents import open_parent
from seqexp.tracking.tracker import open_tracker


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parents")
    return TrackingSettings(name="mlflow", uri=f"sqlite:///{folder}/mlflow.db", experiment_name="seqexp")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def status(settings, run_id):
    return connect(settings)[0].get_run(run_id).info.status


def left_by_a_killed_process(run_id, settings) -> Path:
    folder = Path("runs/sweeps/comparison.1")
    folder.mkdir(parents=True)
    parent_run._register(folder, run_id, settings)
    (folder / "run.lock").touch()
    (folder / "jobs").mkdir()
    (folder / "jobs" / "00000.json").touch()
    return folder


def test_a_comparison_that_was_killed_is_marked(settings, root):
    run_id = open_parent(settings, name="comparison", tags={"kind": "comparison"}, note="")
    left_by_a_killed_process(run_id, settings)
    parent_run.mark_all_killed(settings)
    assert status(settings, run_id) == "KILLED"
    assert not root.exists()


def test_a_start_without_mlflow_leaves_it_to_one_with(settings):
    run_id = open_parent(settings, name="comparison", tags={"kind": "comparison"}, note="")
    left_by_a_killed_process(run_id, settings)
    parent_run.mark_all_killed(replace(settings, name="off"))
    parent_run.mark_all_killed(settings)
    assert status(settings, run_id) == "KILLED"


def test_one_that_goes_on_is_not(settings, root):
    run_id = open_parent(settings, name="comparison", tags={"kind": "comparison"}, note="")
    with parent_run.comparison(run_id, settings):
        parent_run.mark_all_killed(settings)
        assert status(settings, run_id) == "RUNNING"
    assert not root.exists()


def test_what_is_no_parent_or_has_ended_stays_as_it_is(settings):
    """The file may be a stranger's, and name any run."""
    tracker = open_tracker(settings, name="a run", params={}, tags={})
    left_by_a_killed_process(tracker.run_id, settings)
    parent_run.mark_all_killed(settings)
    assert status(settings, tracker.run_id) == "RUNNING"
    tracker.finish("FINISHED", {}, None)


@pytest.mark.parametrize("content", ["[]", "{}", '{"run_id": 3, "tracking": null}', "[" * 100_000])
def test_what_is_no_record_is_one_warning_or_none(content, settings, root, caplog):
    folder = left_by_a_killed_process("f" * 32, settings)
    (folder / "parent.json").write_text(content)
    parent_run.mark_all_killed(settings)
    assert not [record for record in caplog.records if record.exc_info]


def test_a_parent_that_is_kept_elsewhere_is_left_to_its_owner(settings, root):
    run_id = open_parent(settings, name="sweep", tags={"kind": "sweep"}, note="")
    folder = left_by_a_killed_process(run_id, settings)
    stored = json.loads((folder / "parent.json").read_text())
    stored["tracking"]["uri"] = "http://127.0.0.1:9/"
    (folder / "parent.json").write_text(json.dumps(stored))
    parent_run.mark_all_killed(settings)
    assert status(settings, run_id) == "RUNNING"
