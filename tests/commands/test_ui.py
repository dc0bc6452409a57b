"""``python -m seqexp.ui``: its words, and one line where there is nothing to show."""

import http.client
import signal
import subprocess
import sys

import pytest

from seqexp import ui
from seqexp.system.errors import UserError
from tests.command import environment

# The command with an application that answers nothing in the place of MLflow's, whose import takes seconds.
SERVING = """
from seqexp.system.commands import ended, leave
from seqexp.tracking import pages
def show(words):
    with pages.listening(None) as bound:
        pages.serve(None, "#/runs", str, bound, lambda address: print(address, flush=True))
pages._app = lambda store: None
leave(ended(show, [], "", needs_words=False))
"""


def test_the_words_are_a_task_a_port_and_where_the_runs_are():
    assert ui.understood([]) == ui.Words()
    words = ui.understood(["task=adding", "port=8000", "open=false", "tracking.uri=sqlite:///a.db"])
    assert words == ui.Words(task="adding", port=8000, opens=False, uri="sqlite:///a.db")


@pytest.mark.parametrize(
    "word, says",
    [
        ("prot=8000", "prot: no such key, did you mean port?"),
        ("port=x", "port: expected a number from 1 to 65535; got 'x'"),
        ("port=65536", "port: expected a number from 1 to 65535; got '65536'"),
        ("port=", "port: expected a value; got nothing"),
        ("open=yes", "open: expected true or false; got 'yes'"),
        ("runs", "runs: expected one of task=, port=, open=, "),
        ("--port", "--port: no such flag"),
    ],
)
def test_a_word_that_is_none_is_told_what_would_be(word, says):
    with pytest.raises(UserError) as refused:
        ui.understood([word])
    assert str(refused.value).startswith(says)


def test_where_there_are_no_runs_it_says_how_to_make_one(runs, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match=r"runs/mlflow\.db: expected the runs of this folder; there are none yet; make"):
        ui.show(ui.Words())
    assert not runs.exists(), "looking makes no database"


def test_a_browser_opens_only_where_there_is_a_window(monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    ui._open("http://a", ui.Words())
    monkeypatch.setenv("DISPLAY", ":0")
    ui._open("http://b", ui.Words(opens=False))
    ui._open("http://c", ui.Words())
    assert opened == ["http://c"]


def test_ctrl_c_ends_it_although_a_browser_holds_a_connection():
    command, pipe = [sys.executable, "-c", SERVING], subprocess.PIPE
    with subprocess.Popen(command, env=environment(), text=True, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        host, _, path = process.stdout.readline().strip().removeprefix("http://").partition("/")
        browser = http.client.HTTPConnection(host)
        browser.request("GET", f"/{path}")
        assert browser.getresponse().getheader("location") == "/#/runs"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert (process.returncode, said) == (130, "")
        browser.close()
