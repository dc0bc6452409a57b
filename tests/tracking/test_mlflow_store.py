"""Where runs go, as a user meets it: created once by many, shown with its metrics, one line where it cannot be used."""

import base64
import json
import os
import socket
import sys
import zlib
from pathlib import Path

import pytest

from seqexp.system.errors import UserError
from seqexp.tracking import mlflow_store
from seqexp.tracking.dashboard import dashboard_command, leaderboard_address
from seqexp.tracking.mlflow_store import TrackingSettings, connect


def settings_for(folder: Path, name: str = "seqexp") -> TrackingSettings:
    return TrackingSettings(name="mlflow", uri=f"sqlite:///{folder / 'mlflow.db'}", experiment_name=name)


def test_saved_view_is_what_mlflow_pages_read(settings, client):
    """The round trip of mlflow 3.17.2's own `Save as new view`: an envelope around `deflate;` + base64(zlib(JSON))."""
    experiment = client.get_experiment_by_name("seqexp")
    envelope = json.loads(experiment.tags["mlflow.sharedViewState.leaderboard"])
    assert (envelope["name"], type(envelope["createdAt"])) == ("leaderboard", int)
    mark, _, packed = envelope["state"].partition(";")
    assert mark == "deflate"
    state = json.loads(zlib.decompress(base64.b64decode(packed)))
    assert state["selectedColumns"] == state["columnOrder"]
    assert {"tags.`model`", "params.`seed`", "metrics.`test/accuracy`"} <= set(state["selectedColumns"])
    address = leaderboard_address(settings)
    assert f"/#/experiments/{experiment.experiment_id}/runs?viewStateShareKey=leaderboard" in address
    assert address.partition("#")[2] in experiment.tags["mlflow.note.content"]

    pages = Path(sys.modules["mlflow"].__file__ or "").parent / "server/js/build/static/js"
    shipped = "".join(file.read_text() for file in pages.glob("*.js"))
    if not shipped:
        pytest.skip("this mlflow has no pages")
    for word in ('"mlflow.sharedViewState."', '"viewStateShareKey"', '"deflate;"', '"columnOrder"', '"FIRST_20_RUNS"'):
        assert word in shipped, f"MLflow's pages no longer know {word}: see mlflow_store.saved_view"


def test_deleted_experiment_is_the_users_to_mend(settings, client):
    gone = TrackingSettings(name="mlflow", uri=settings.uri, experiment_name="gone")
    client.delete_experiment(connect(gone)[1])
    with pytest.raises(UserError, match=r"tracking\.experiment_name: .*'gone' is deleted.*restore"):
        connect(gone)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (None, "expected sqlite"),
        ("runs/mlflow.db", "expected sqlite"),
        ("file:///tmp/mlruns", "expected sqlite"),
        ("sqlite://", "expected sqlite"),
        ("http://[", "expected sqlite"),
        ("{folder}/a_file/mlflow.db", "cannot keep runs"),
        ("{folder}/a_file", "not a database"),
        ("http://me:secret@127.0.0.1:{port}", "ConnectionRefused"),
    ],
)
def test_unusable_uri_is_the_users_to_mend(uri, said, tmp_path, monkeypatch):
    monkeypatch.setattr(mlflow_store, "WAITS", (0.0, 0.0))
    (tmp_path / "a_file").write_text("no database at all, but long enough to be read as one" * 100)
    if uri is not None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            uri = uri.format(folder=f"sqlite:///{tmp_path}", port=free.getsockname()[1])
    with pytest.raises(UserError, match=r"^tracking\.uri: .*tracking=off$") as caught:
        connect(TrackingSettings(name="mlflow", uri=uri, experiment_name="x"))
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder_is_the_users_to_mend(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=r"tracking\.uri: .*PermissionError"):
        connect(settings_for(tmp_path / "runs"))


def test_a_password_that_a_message_would_cut_in_two_is_masked():
    error = OSError("x" * 165 + " postgresql://me:a-very-long-secret@host/runs")
    assert "a-very" not in mlflow_store.cause_of(error)


def test_leaderboard_out_of_reach_has_no_address(tmp_path, monkeypatch):
    monkeypatch.setattr(mlflow_store, "WAITS", (0.0, 0.0))
    (tmp_path / "a_file").touch()
    assert leaderboard_address(settings_for(tmp_path / "a_file")) == ""


def test_dashboard_command_is_the_line_to_type(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = TrackingSettings(name="mlflow", uri="sqlite:///my runs/mlflow.db", experiment_name="x")
    command = dashboard_command(relative)
    assert command.endswith(f"mlflow ui --backend-store-uri 'sqlite:///{tmp_path}/my runs/mlflow.db'")
    server = TrackingSettings(name="mlflow", uri="https://me:secret@mlflow.example.org", experiment_name="x")
    assert dashboard_command(server) == "https://***:***@mlflow.example.org"
