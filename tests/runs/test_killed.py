"""A run that was killed is found, marked and sent to where it was kept; MLflow is made up."""

import json
import logging

import pytest

from seqexp import config
from seqexp.config.compose import composed
from seqexp.runs import recovery
from seqexp.runs.description import last_tags
from seqexp.runs.recovery import mark_killed, send, wrap_up
from seqexp.runs.result import StartedRun, read_result
from seqexp.tracking.mlflow_store import TrackingSettings
from tests.fabricated import run_result


def checked(*words):
    config.register_resolvers()
    return config.check(composed(["task=hello", "model=rnn", "model.hidden_size=4", "tracking=off", *words]))


@pytest.fixture
def log(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("seqexp"), "propagate", True)
    caplog.set_level(logging.INFO, "seqexp")
    return lambda: [record.getMessage() for record in caplog.records]


THERE = TrackingSettings(name="mlflow", uri="http://127.0.0.1:9", experiment_name="x")


class Noted:
    """A tracker that notes what it is told, and how it was opened."""

    troubled = False

    def __init__(self, settings, **given):
        self.settings, self.given, self.logged = settings, given, []
        self.run_id = given["run_id"] or "e" * 32

    def log(self, *line):
        self.logged.append(line)

    def finish(self, *given, **more):
        self.ended = given, more


@pytest.fixture
def sent(monkeypatch):
    """The trackers that were opened; the server knows the token "known"."""
    opened = []

    def open_tracker(settings, **given):
        opened.append(Noted(settings, **given))
        return opened[-1]

    monkeypatch.setattr(recovery, "open_tracker", open_tracker)
    monkeypatch.setattr(
        recovery, "run_with_tag", lambda settings, key, value: "a" * 32 if (key, value) == ("token", "known") else None
    )
    return opened


@pytest.fixture
def killed(tmp_path):
    """A run that was cut off after two lines, kept at THERE."""
    own = checked("seed=3", "tracking=mlflow", f"tracking.uri={THERE.uri}", "tracking.experiment_name=x")
    path = tmp_path / "hello" / "rnn" / own.signature
    path.mkdir(parents=True)
    result = run_result(model="rnn", task="hello", seed=3, signature=own.signature, started=1e9, status="RUNNING")
    StartedRun(result, None, "known").write(path)
    (path / "config.yaml").write_text(own.as_yaml())
    lines = [{"step": n, "time": 1e9 + n, "train/loss": 0.5, "time/epoch_seconds": 1.25} for n in (1, 2)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_killed_run_ends_with_its_last_line_and_is_sent_where_it_was_kept(killed, sent, tmp_path, log):
    mark_killed(tmp_path, THERE)
    result = read_result(killed)
    assert result is not None
    assert (result.status, result.error, result.seconds, result.ended) == (
        *("KILLED", "its process was killed", 2.5, 1e9 + 2),
    )
    (tracker,) = sent
    assert tracker.settings == THERE
    assert result.mlflow_run_id == tracker.given["run_id"] == "a" * 32
    assert (tracker.given["name"], tracker.given["started"]) == ("rnn hello seed 3", 1e9)
    assert tracker.given["params"]["model.hidden_size"] == 4
    assert tracker.given["tags"]["signature"] == result.signature
    values = {"train/loss": 0.5, "time/epoch_seconds": 1.25}
    assert tracker.logged == [(1, values, 1e9 + 1), (2, values, 1e9 + 2)]
    ended, more = tracker.ended
    assert ended == ("KILLED", {}, killed)
    assert more["ended"] == 1e9 + 2
    assert more["tags"].items() >= last_tags(result).items()
    assert not (killed / "run.json").exists()
    assert log() == [f"found a killed run: {killed}"]


def test_a_killed_run_that_is_kept_elsewhere_is_marked_and_named(killed, sent, log):
    assert wrap_up(killed, TrackingSettings(name="mlflow", uri="sqlite:///own.db", experiment_name="x"))
    assert sent == []
    assert log() == [f"{killed} is not sent: it was kept at {THERE.uri}; `seqexp.sync` sends it"]
    assert not (killed / "run.json").exists()


@pytest.mark.parametrize(("keep", "there"), [(True, True), (False, False)])
def test_a_run_that_could_not_be_sent_may_be_found_again(keep, there, killed, sent, monkeypatch):
    monkeypatch.setattr(Noted, "troubled", True)
    assert wrap_up(killed, THERE, keep=keep) is False
    assert (killed / "run.json").exists() is there


def test_a_run_that_mlflow_never_had_is_started_there(killed, sent):
    result = run_result(seed=3, started=1e9)
    StartedRun(result, None, None).write(killed)
    send(killed, result, THERE)
    assert sent[0].given["run_id"] is None
    found = read_result(killed)
    assert found is not None
    assert found.mlflow_run_id == "e" * 32
    send(killed, found, THERE)
    assert sent[1].given["run_id"] == "e" * 32


@pytest.mark.parametrize("beside", ["sweeps", "trials"])
def test_trials_are_searched_and_sweeps_are_not(beside, killed, tmp_path):
    below = tmp_path / "root" / beside / "hello" / "rnn"
    below.mkdir(parents=True)
    there = killed.rename(below / "x")
    mark_killed(tmp_path / "root")
    assert (there / "result.json").exists() is (beside == "trials")


def test_a_linked_run_and_one_that_cannot_be_read_are_left(killed, tmp_path, log):
    outside = killed.rename(tmp_path / "outside")
    (tmp_path / "hello" / "rnn" / "link").symlink_to(outside)
    broken = tmp_path / "hello" / "rnn" / "broken"
    broken.mkdir()
    (broken / "run.json").write_text("[]")
    mark_killed(tmp_path)
    assert (outside / "run.json").exists()
    (line,) = log()
    assert line.startswith(f"a killed run could not be completed: {broken / 'run.json'}: expected a run's result; it")
