"""``python -m seqexp.ui``: its words, and one line where there is nothing to show."""

import pytest

from seqexp import ui
from seqexp.system.errors import UserError


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
