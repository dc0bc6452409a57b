"""Addresses, patience and experiments of a store, without a database and with a made-up MLflow."""

import json
import socket
import sys
import zlib
from base64 import b64decode
from types import SimpleNamespace

import pytest

from seqexp.system.errors import UserError
from seqexp.tracking import dashboard, mlflow_store
from seqexp.tracking.mlflow_store import TrackingSettings, cause_of, legal, retried, run_with_tag, shorten

SERVER = TrackingSettings(name="mlflow", uri="http://127.0.0.1:9", experiment_name="x")


def test_a_run_is_found_by_a_tag_that_cannot_be_a_query(noting):
    assert run_with_tag(SERVER, "token", "known-1") == "old"
    assert noting.calls == [("search_runs", ["7"], "tags.`token` = 'known-1'", 1)]
    assert run_with_tag(SERVER, "token", "nobody") is None
    assert run_with_tag(SERVER, "token", "known' or 1") is None
    assert len(noting.calls) == 2


def test_the_leaderboards_address_is_the_servers(noting):
    end = "/#/experiments/7/runs?viewStateShareKey=leaderboard&workflowType=machine_learning"
    assert dashboard.leaderboard_address(SERVER) == f"http://127.0.0.1:9{end}"
    slash = TrackingSettings(name="mlflow", uri="http://h:9/X/", experiment_name="x")
    assert dashboard.leaderboard_address(slash) == f"http://h:9/X{end}"
    file = TrackingSettings(name="mlflow", uri="sqlite:///a.db", experiment_name="x")
    assert dashboard.leaderboard_address(file) == "", "the dashboard's command opens it"


def test_trying_again_waits_in_between_and_gives_the_last_trouble(monkeypatch):
    waited: list[float] = []
    tries: list[int] = []
    monkeypatch.setattr(mlflow_store, "sleep", waited.append)

    def fail():
        tries.append(1)
        raise OSError(len(tries))

    with pytest.raises(OSError, match="3"):
        retried(fail)
    assert waited == [0.1, 0.5]
    with pytest.raises(OSError, match="4"):
        retried(fail, patient=False)
    assert waited == [0.1, 0.5]

    def refuse():
        tries.append(1)
        raise UserError("no")

    with pytest.raises(UserError):
        retried(refuse)
    assert len(tries) == 5
    assert retried(lambda: 3) == 3


def test_a_cause_is_the_innermost_first_line():
    inner, outer = OSError("deep\nmore"), ValueError("outer")
    outer.__cause__ = RuntimeError("middle")
    outer.__cause__.__cause__ = inner
    assert cause_of(outer) == "OSError: deep"
    assert cause_of(OSError(" \n")) == "OSError: no message"
    assert len(cause_of(OSError("x" * 500))) == 200


def test_names_and_texts_are_made_to_fit():
    assert legal("a-b_c. d:/e@5+") == "a-b_c. d:/e_5_"
    assert len(legal("x" * 300)) == 250
    assert (shorten("x" * 10, 10), shorten("x" * 11, 10)) == ("x" * 10, "xx … (cut)")


@pytest.mark.parametrize(
    ("uri", "host", "port"),
    [
        ("http://h/", "h", 80),
        ("https://h/", "h", 443),
        ("http://h:5000", "h", 5000),
        ("postgresql+psycopg2://me:x@h/d", "h", 5432),
    ],
)
def test_an_address_is_tried_before_mlflow_is(uri, host, port, monkeypatch):
    """MLflow would try for minutes where no one listens."""
    asked = []

    def connection(address, timeout):
        asked.append((address, timeout))
        raise ConnectionRefusedError("no one")

    monkeypatch.setattr(socket, "create_connection", connection)
    monkeypatch.setattr(mlflow_store, "WAITS", ())
    with pytest.raises(UserError, match="ConnectionRefusedError: no one"):
        mlflow_store.connect(TrackingSettings(name="mlflow", uri=uri, experiment_name="x"))
    assert asked == [((host, port), 5)]


class Mlflow(SimpleNamespace):
    """Instead of the module: a server with one experiment, or none."""

    def MlflowClient(self, **given):  # noqa: N802
        self.given = given
        return self

    def get_experiment_by_name(self, name):
        return self.found

    def create_experiment(self, name, artifact_location, tags):
        self.made = (name, artifact_location, tags)
        return 7

    def set_experiment_tag(self, number, key, value):
        self.tag = (number, key, value)


def test_a_servers_new_experiment_has_its_own_place_a_view_and_a_note(monkeypatch):
    server = Mlflow(found=None)
    monkeypatch.setattr(mlflow_store, "import_mlflow", lambda: server)
    monkeypatch.setattr(socket, "create_connection", lambda *args, **more: SimpleNamespace(close=lambda: None))
    assert mlflow_store.connect(SERVER) == (server, "7")
    assert server.given == {"tracking_uri": SERVER.uri, "registry_uri": SERVER.uri}
    name, place, tags = server.made
    assert (name, place, list(tags)) == ("x", None, ["mlflow.sharedViewState.leaderboard"])
    assert server.tag[:2] == ("7", "mlflow.note.content")
    assert server.tag[2].endswith(
        ": [leaderboard](#/experiments/7/runs?viewStateShareKey=leaderboard&workflowType=machine_learning)"
    )
    view = json.loads(tags["mlflow.sharedViewState.leaderboard"])
    assert (view["name"], view["createdAt"], view["updatedAt"]) == ("leaderboard", 0, 0)
    state = json.loads(zlib.decompress(b64decode(view["state"].removeprefix("deflate;"))))
    columns = state["selectedColumns"]
    assert columns[:4] == ["tags.`model`", "tags.`task`", "params.`seed`", "tags.`status`"]
    assert columns[-1] == "metrics.`val/loss`"
    assert "metrics.`test/accuracy`" in columns
    assert (state["columnOrder"], state["runsHiddenMode"]) == (columns, "FIRST_20_RUNS")


def test_an_experiment_that_is_there_is_taken_and_a_deleted_one_is_refused(monkeypatch):
    server = Mlflow(found=SimpleNamespace(lifecycle_stage="active", experiment_id=12))
    monkeypatch.setattr(mlflow_store, "import_mlflow", lambda: server)
    monkeypatch.setattr(socket, "create_connection", lambda *args, **more: SimpleNamespace(close=lambda: None))
    assert mlflow_store.connect(SERVER) == (server, "12")
    server.found.lifecycle_stage = "deleted"
    with pytest.raises(UserError, match=r"'x' is deleted; .*MLFLOW_TRACKING_URI=http://127.0.0.1:9 .*restore -x 12"):
        mlflow_store.connect(SERVER)


def test_the_program_is_typed_in_full_unless_the_path_has_it(tmp_path, monkeypatch):
    here, other = tmp_path / "my env", tmp_path / "other"
    for folder in (here, other):
        folder.mkdir()
        (folder / "mlflow").write_text("#!/bin/sh\n")
        (folder / "mlflow").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(here / "python"))
    monkeypatch.setenv("PATH", str(other))
    assert mlflow_store.program() == f"'{here}/mlflow'"
    monkeypatch.setenv("PATH", str(here))
    assert mlflow_store.program() == "mlflow"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert mlflow_store.program() == f"'{here}/mlflow'"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert mlflow_store.program() == "mlflow"
