"""How a run may end: stopped, killed before it began, its directory gone, on a file system without locks."""

import errno
import fcntl
import json
import logging
import shutil
import signal
import subprocess
import sys

import pytest

from seqexp import config
from seqexp.config.compose import composed
from seqexp.runs import lock
from seqexp.runs import run as run_module
from seqexp.runs.directory import RunDirectory
from seqexp.runs.location import Location
from seqexp.runs.recorder import Recorder
from seqexp.runs.recovery import mark_killed
from seqexp.runs.run import run
from seqexp.system.errors import UserError
from tests.command import environment
from tests.fabricated import run_result
from tests.runs.test_interrupted import LONG, wait_for_lines

QUICK = ["task=hello", "model=rnn", "task.steps_per_epoch=2", "training.epochs=4", "tracking=off"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "draw", lambda *args: None)
    monkeypatch.setattr(logging.getLogger("seqexp"), "propagate", True)
    config.register_resolvers()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(*words):
    return config.check(composed([*QUICK, *words]))


def left_in(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


# -- stopped


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_run_that_is_stopped_says_how_it_goes_on(number, code, tmp_path):
    command = [sys.executable, "-m", "seqexp", *LONG, "tracking=off", "resume=never"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        wait_for_lines(tmp_path)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    (directory,) = tmp_path.glob("runs/adding/rnn/*")
    assert json.loads((directory / "result.json").read_text())["status"] == "KILLED"
    words = " ".join([*LONG, "tracking=off"])
    assert f"go on with: python -m seqexp {words} resume={directory.relative_to(tmp_path)}\n" in said


def test_the_words_that_are_said_go_on(monkeypatch, caplog):
    monkeypatch.setattr(sys, "argv", ["seqexp", *QUICK, "resume=auto"])
    own = Recorder.on_boundary

    def stop(self, trainer):
        own(self, trainer)
        if trainer.step == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_boundary", stop)
        with pytest.raises(KeyboardInterrupt):
            run(checked("training.checkpoint_every=2"), Location())
    said = caplog.records[-1].getMessage().removeprefix("go on with: seqexp ").split()
    assert said[:-1] == QUICK
    done = run(checked("training.checkpoint_every=2", said[-1]), Location())
    assert (done.how, done.result.status) == ("resumed", "FINISHED")


# -- killed


def test_a_run_that_was_killed_before_it_began_leaves_nothing(tmp_path):
    for number, files in enumerate((["run.lock"], ["run.lock", "metrics.jsonl"], ["run.lock", "config.yaml"])):
        path = tmp_path / "runs" / "hello" / "rnn" / f"abc.{number}"
        path.mkdir(parents=True)
        for name in files:
            (path / name).touch()
    mark_killed(tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", [{"metrics.jsonl": "{}\n"}, {"notes.txt": "mine"}, {"result.json": "{}"}])
def test_what_else_a_killed_process_leaves_stays(kept, tmp_path):
    path = tmp_path / "runs" / "hello" / "rnn" / "abc.1"
    path.mkdir(parents=True)
    for name, text in {"run.lock": "", **kept}.items():
        (path / name).write_text(text)
    mark_killed(tmp_path / "runs")
    assert left_in(path) == sorted(kept)


def test_a_run_has_its_config_before_a_killed_process_could_be_found(monkeypatch):
    """Without it the run could be neither sent nor explained, and each start would say so."""
    own, there = RunDirectory.started, []

    def started(self, what):
        there.append((self.path / "config.yaml").exists())
        own(self, what)

    monkeypatch.setattr(RunDirectory, "started", started)
    done = run(checked(), Location()).result
    assert there
    assert all(there)
    assert (done.started or 0) <= (done.ended or 0) < (done.started or 0) + 600


# -- its directory gone


@pytest.mark.parametrize("gone", [shutil.rmtree, lambda path: path.rename(path.with_name("elsewhere"))])
def test_a_directory_that_vanishes_under_a_run_is_noticed_at_the_next_line(gone, monkeypatch, tmp_path):
    own = RunDirectory.log
    logged: list[int] = []

    def log(self, step, metrics, now):
        if logged:
            gone(self.path)
        logged.append(step)
        return own(self, step, metrics, now)

    monkeypatch.setattr(RunDirectory, "log", log)
    done = run(checked(), Location())
    assert len(logged) == 2
    assert done.result.status == "FAILED"
    assert "deleted or moved" in (done.result.error or "")


# -- locks


@pytest.fixture
def no_locks(monkeypatch):
    """A file system whose flock fails with an errno."""
    lock._warn_once.cache_clear()

    def fail(number):
        def flock(*args):
            raise OSError(number, "no such luck")

        monkeypatch.setattr(fcntl, "flock", flock)

    return fail


def test_without_locks_one_machine_goes_on_with_one_warning(no_locks, caplog, tmp_path):
    no_locks(errno.ENOLCK)
    for _ in range(2):
        assert run(checked(), Location()).result.status == "FINISHED"
    assert sum("cannot tell two processes" in record.getMessage() for record in caplog.records) == 1
    assert len(list(tmp_path.glob("runs/hello/rnn/*"))) == 2


def test_a_lock_that_fails_otherwise_leaves_no_folder(no_locks, tmp_path):
    no_locks(errno.EIO)
    with pytest.raises(UserError, match="cannot be written"):
        run(checked(), Location())
    assert left_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("ended", "score", "improving"),
    [({}, 0.999, True), ({}, 1.0, False), ({"best_step": 50}, 0.999, False), ({"stop": "patience"}, 0.999, False)],
)
def test_a_run_ended_improving_if_its_last_epoch_was_its_best_and_left_something_to_win(ended, score, improving):
    """Of a perfect run only the loss goes on falling."""
    last = {"stop": "epochs", "best_step": 100, "steps": 100} | ended
    metric = "test/accuracy"
    result = run_result(primary_metric=metric, direction="max", metrics={metric: score}, **last)
    assert result.ended_improving == improving
