"""Where runs go, as a user meets it: created once by many, shown with its metrics, one line where it cannot be used."""

import os
import socket
from pathlib import Path

import pytest

from seqexp.system.errors import UserError
from seqexp.tracking import mlflow_store
from seqexp.tracking.mlflow_store import TrackingSettings, connect


def settings_for(folder: Path, name: str = "seqexp") -> TrackingSettings:
    return TrackingSettings(name="mlflow", uri=f"sqlite:///{folder / 'mlflow.db'}", experiment_name=name)


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
