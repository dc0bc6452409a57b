"""The process that joblib's are forked from: when it is started, what it is told, and what it builds for all runs."""

import atexit
import json
import multiprocessing
import os
import signal
from multiprocessing import forkserver

import pytest

from seqexp.runs.parts import built_task
from seqexp.sweeps import warm_workers
from seqexp.sweeps.warm_workers import SHARED
from tests.runs.test_resume import composed

OWN = warm_workers._runs_a_command


@pytest.fixture
def started(monkeypatch):
    """What each process that was started was told, and how it hears a Ctrl-C."""
    from joblib.externals.loky.backend import context

    found = []
    monkeypatch.setattr(context, "_DEFAULT_START_METHOD", None)
    monkeypatch.setattr(multiprocessing, "set_forkserver_preload", lambda names: None)
    monkeypatch.setattr(atexit, "register", lambda call: None)
    monkeypatch.setattr(
        forkserver, "ensure_running", lambda: found.append((dict(os.environ), signal.getsignal(signal.SIGINT)))
    )
    monkeypatch.setattr(warm_workers, "_runs_a_command", lambda: True)
    return found


def test_no_process_is_forked_from_python_where_it_would_run_a_users_script_again(started, monkeypatch):
    monkeypatch.setattr(warm_workers, "_runs_a_command", OWN)
    warm_workers.prepare(2, tracked=False)
    assert started == []


def test_it_is_told_the_data_of_all_runs_and_no_address_and_leaves_a_ctrl_c_to_the_command(started):
    like = composed("task=adding", "tracking.uri=postgresql://a:secret@host/runs")
    before = signal.getsignal(signal.SIGINT)
    warm_workers.prepare(-1, tracked=True, like=like)
    ((variables, heard),) = started
    told = json.loads(variables[SHARED])
    assert set(told) == {"task", "data_dir", "files", "root"}
    assert told["task"]["name"] == "adding"
    assert not any("secret" in value for value in variables.values())
    assert heard is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is before
    assert SHARED not in os.environ


@pytest.mark.parametrize("word", ["test=false", "cache=false"])
def test_what_no_run_may_share_is_not_built(started, word):
    warm_workers.prepare(1, tracked=False, like=composed("task=adding", word))
    assert SHARED not in started[0][0]


def test_it_keeps_the_baselines_where_the_runs_look_for_them(runs):
    like = composed("task=adding")
    runs.mkdir()
    warm_workers.build(warm_workers._shared(like)[SHARED])
    (file,) = runs.glob(".cache/baselines_*.json")
    assert json.loads(file.read_text()) == built_task(like).baselines()
