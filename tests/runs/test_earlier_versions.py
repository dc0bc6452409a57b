"""What version 0.1.0 left in earlier_version/ is still read, compared, explained, marked and resumed."""

import json
import shutil
from pathlib import Path

import pytest

from seqexp import config
from seqexp.explain import explain
from seqexp.runs.location import Location
from seqexp.runs.reader import find, with_settings
from seqexp.runs.recovery import mark_killed
from seqexp.runs.result import read_result, read_started
from seqexp.runs.run import run

LEFT = Path(__file__).parent / "earlier_version"
SIGNATURES = {  # by model and seed: what names a result may never change its meaning
    ("lstm", 0): "b86c48159407",
    ("lstm", 1): "869d6a25ef6e",
    ("lstm", 2): "0c3a36c6da5b",
}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A copy of the earlier version's runs/, in the current folder."""
    shutil.copytree(LEFT, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def found_result(path):
    result = read_result(path)
    assert result is not None
    return result


def test_runs_are_read_with_their_settings(runs):
    found = find(runs)
    assert found.broken == []
    assert sorted(one.result.status for one in found.runs) == ["FINISHED"] * 6 + ["KILLED"]
    settings = [one.settings["task.length"] for one in with_settings(found.runs, found.broken)]
    assert settings == [4] * 7
    assert found.broken == []


def test_a_signature_means_what_it_meant(runs):
    for path in sorted(runs.glob("adding/*/*/config.yaml")):
        assert config.stored(path).signature == path.parent.name
    lstm = {(one.result.model, one.result.seed): one.result.signature for one in find(runs / "adding" / "lstm").runs}
    assert lstm == SIGNATURES


def test_runs_are_compared(runs, compare):
    code, said, error = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0, error
    assert "Mean squared error, smaller is better" in said
    assert "3 runs of each" in said


def test_a_finished_run_is_explained_and_not_run_again(runs):
    (path,) = runs.glob("adding/lstm/0c3a36c6da5b")
    before = (path / "result.json").read_bytes()
    found = explain(path)
    assert found["surgery"]["none"] == pytest.approx(found_result(path).metrics["test/mse"], rel=1e-5)
    again = run(config.stored(path / "config.yaml"), Location(root=runs, in_sweep=True))
    assert (again.how, again.directory) == ("skipped", path)
    assert (path / "result.json").read_bytes() == before


def test_a_killed_run_goes_on(runs):
    (started,) = runs.glob("adding/*/*/run.json")
    path = started.parent
    started_run = read_started(path)
    assert started_run is not None
    assert started_run.token == "8404c20a-76b5-4aa0-b718-9dc34de8b2a0"
    known = (path / "metrics.jsonl").read_text()
    done = run(config.stored(path / "config.yaml"), Location(root=runs, in_sweep=True))
    assert (done.how, done.directory, done.result.status) == ("resumed", path, "FINISHED")
    assert done.result.started == pytest.approx(1795742014.365)
    assert (path / "metrics.jsonl").read_text().startswith(known)
    assert json.loads((path / "result.json").read_text())["schema"] == 1


def test_a_killed_run_is_marked(runs):
    mark_killed(runs)
    assert not list(runs.glob("adding/*/*/run.json"))
    assert sum(found_result(file.parent).status == "KILLED" for file in runs.glob("adding/*/*/result.json")) == 1
