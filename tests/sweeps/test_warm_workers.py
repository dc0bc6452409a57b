"""The process that joblib's are forked from: when it is started, what it is told, and what it builds for all runs."""

import atexit
import json
import os
import signal
from typing import Any

import pytest

from seqexp.runs.parts import built_task
from seqexp.sweeps import warm_workers
from seqexp.system.signals import SIGNALS
from tests.runs.test_resume import composed

OWN = warm_workers._runs_a_command


@pytest.fixture
def started(monkeypatch):
    """What each process that was started is told: variables, modules, what the runs share."""
    from joblib.externals.loky.backend import context

    found: list[tuple[object, ...]] = []
    monkeypatch.setattr(context, "_DEFAULT_START_METHOD", None)
    monkeypatch.setattr(atexit, "register", lambda call: None)
    monkeypatch.setattr(warm_workers, "_start", lambda make_ready: found.append(make_ready.args))
    monkeypatch.setattr(warm_workers, "_runs_a_command", lambda: True)
    return found


def test_no_process_is_forked_from_a_users_own(started, monkeypatch):
    monkeypatch.setattr(warm_workers, "_runs_a_command", OWN)
    warm_workers.prepare(2, tracked=False)
    assert started == []


def test_it_is_told_the_data_of_all_runs_and_no_address(started):
    warm_workers.prepare(-1, tracked=True, like=composed("task=adding", "tracking.uri=postgresql://a:secret@host/runs"))
    ((variables, modules, shared),) = started
    assert set(shared) == {"task", "data_dir", "files", "root"}
    assert shared["task"]["name"] == "adding"
    assert "mlflow.tracking" in modules
    assert "secret" not in str(started)


def test_it_leaves_a_signal_to_the_command_and_ends_with_it(monkeypatch, tmp_path):
    from multiprocessing import forkserver

    server: Any = forkserver.ForkServer()
    monkeypatch.setattr(forkserver, "_forkserver", server)
    before = [signal.getsignal(number) for number in SIGNALS]

    def note():
        heard = [signal.getsignal(number) is signal.SIG_IGN for number in SIGNALS]
        (tmp_path / "heard").write_text(str(all(heard) and not signal.pthread_sigmask(signal.SIG_BLOCK, [])))

    warm_workers._start(note)
    pid = server._forkserver_pid
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
    warm_workers._end()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (tmp_path / "heard").read_text() == "True"


@pytest.mark.parametrize("word", ["test=false", "cache=false"])
def test_what_no_run_may_share_is_not_built(started, word):
    warm_workers.prepare(1, tracked=False, like=composed("task=adding", word))
    assert started[0][2] == {}


def test_it_keeps_the_baselines_where_the_runs_look_for_them(runs):
    like = composed("task=adding")
    runs.mkdir()
    warm_workers.build(warm_workers._shared(like))
    (file,) = runs.glob(".cache/baselines_*.json")
    assert json.loads(file.read_text()) == built_task(like).baselines()
