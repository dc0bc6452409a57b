"""A run's directory may be a stranger's: it is not obeyed, nothing is sent or written elsewhere, nothing hangs."""

import json
import os
import shutil
import socket
import threading
from pathlib import Path

import pytest
import yaml

from seqexp import config
from seqexp.runs.location import Location
from seqexp.runs.reader import find, with_settings
from seqexp.runs.recovery import mark_killed
from seqexp.runs.result import read_result
from seqexp.runs.run import run
from seqexp.sync import _sync
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError
from seqexp.system.regular_files import Unreadable, read_file
from seqexp.tracking.mlflow_store import TrackingSettings
from seqexp.tracking.tracker import MlflowTracker

LEFT = Path(__file__).parent / "earlier_version"
OFF = TrackingSettings(name="off", uri=None, experiment_name="seqexp")
READ = ["result.json", "config.yaml", "metrics.jsonl", "run.lock", "mechanism.json", "mechanism.jsonl"]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Runs of somebody else, one of them killed, in the current folder."""
    shutil.copytree(LEFT, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def listener():
    """The address of a server, and who has called it."""
    calls: list[object] = []
    server = socket.create_server(("127.0.0.1", 0))

    def listen():
        while True:
            try:
                connection, caller = server.accept()
            except OSError:
                return
            calls.append(caller)
            connection.close()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", calls
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def killed_run_that_asks_for(runs, uri):
    (started,) = runs.glob("adding/*/*/run.json")
    file = started.parent / "config.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["tracking"] = {"name": "mlflow", "uri": uri, "experiment_name": "theirs"}
    file.write_text(yaml.safe_dump(settings))
    return started.parent


@pytest.mark.parametrize("own", [OFF, None, "other"])
def test_a_killed_run_is_marked_and_its_address_is_not_obeyed(runs, listener, own, tmp_path):
    uri, calls = listener
    path = killed_run_that_asks_for(runs, uri)
    if own == "other":
        own = TrackingSettings(name="mlflow", uri=f"sqlite:///{tmp_path}/own.db", experiment_name="seqexp")
    mark_killed(runs, own)
    found = read_result(path)
    assert found is not None
    assert found.status == "KILLED"
    assert not (path / "run.json").exists()
    assert calls == []
    assert not (tmp_path / "own.db").exists()


def test_sync_sends_nowhere_that_the_user_has_not_named(runs, listener):
    uri, calls = listener
    path = killed_run_that_asks_for(runs, uri)
    with pytest.raises(UserError, match=f"would send it to {uri}, .* add tracking.uri={uri} if you trust"):
        _sync(path, None)
    assert calls == []


def test_a_link_inside_a_run_is_not_uploaded(tmp_path):
    class Client:
        tracking_uri = "https://runs.example.org"

        def __init__(self):
            self.sent = {}

        def log_artifact(self, run_id, file, folder):
            self.sent[Path(file).name] = Path(file).read_text()

    secret, path = tmp_path / "secret", tmp_path / "run"
    secret.write_text("secret")
    (path / "checkpoints").mkdir(parents=True)
    (path / "result.json").write_text("{}")
    (path / "curve.png").symlink_to(secret)
    (path / "checkpoints" / "best.safetensors").symlink_to(secret)
    os.mkfifo(path / "run.log")
    client = Client()
    MlflowTracker(client, "1", {})._upload(path)
    assert client.sent == {"result.json": "{}"}


def test_a_link_with_the_name_of_a_temporary_file_leads_nowhere(tmp_path):
    kept = tmp_path / "kept"
    kept.write_text("mine")
    for name in ("result.json", "result.json.tmp", ".result.json.tmp"):
        (tmp_path / name).symlink_to(kept)
    write_text(tmp_path / "result.json", "{}")
    assert kept.read_text() == "mine"
    assert (tmp_path / "result.json").read_text() == "{}"
    assert not (tmp_path / "result.json").is_symlink()


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("kind", ["fifo", "link", "endless", "folder"])
def test_what_is_no_regular_file_stops_nobody(runs, compare, without_figures, name, kind, tmp_path):
    (path,) = runs.glob("adding/lstm/0c3a36c6da5b")
    (path / name).unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path / name)
    elif kind == "folder":
        (path / name).mkdir()
    else:
        (path / name).symlink_to("/dev/zero" if kind == "endless" else runs / "outside")
    found = find(runs)
    with_settings(found.runs, found.broken)
    mark_killed(runs, OFF)
    code, _, error = compare("a=rnn", "b=lstm", "task=adding")
    assert (code, error.count("\n")) in ((0, 0), (2, 1))
    again = config.stored(next(iter(runs.glob("adding/lstm/869d6a25ef6e"))) / "config.yaml")
    assert run(again, Location(root=runs, in_sweep=True)).how == "skipped"
    assert not (runs / "outside").exists()


def test_the_limit_is_that_of_what_is_read_and_not_what_a_file_says(tmp_path):
    file = tmp_path / "large"
    file.write_bytes(b"x" * 101)
    with pytest.raises(Unreadable, match="more than 100 bytes"):
        read_file(file, 100)
    assert len(read_file(file, 101)) == 101


def test_a_later_versions_result_is_named_and_left_out(runs):
    (path,) = runs.glob("adding/lstm/0c3a36c6da5b")
    content = json.loads((path / "result.json").read_text())
    (path / "result.json").write_text(json.dumps(content | {"schema": 99}))
    found = find(runs)
    assert len(found.broken) == 1
    assert "is of a later version (schema 99" in found.broken[0]
