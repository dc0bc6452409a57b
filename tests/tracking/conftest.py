"""One database for the tests that need MLflow's own, since making it takes seconds; a made-up client for the others."""

import logging
from types import SimpleNamespace

import pytest

from seqexp.tracking import dashboard, mlflow_store, parents, tracker
from seqexp.tracking.mlflow_store import TrackingSettings, connect


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> TrackingSettings:
    folder = tmp_path_factory.mktemp("runs")
    return TrackingSettings(name="mlflow", uri=f"sqlite:///{folder / 'mlflow.db'}", experiment_name="seqexp")


@pytest.fixture(scope="session")
def client(settings):
    return connect(settings)[0]


class Noting:
    """Notes every call as (method, arguments); it knows the run "old"."""

    tracking_uri = "http://127.0.0.1:9"

    def __init__(self, **run):
        self.calls = []
        data = SimpleNamespace(params={"seed": "0"}, metrics={"test/mse": 0.5}, tags=run.pop("tags", {}))
        info = SimpleNamespace(run_id="old", lifecycle_stage="active", status="RUNNING", **run)
        self.run = SimpleNamespace(info=info, data=data)

    def get_run(self, run_id):
        return self.run

    def search_runs(self, experiments, query, max_results):
        self.calls.append(("search_runs", experiments, query, max_results))
        return [self.run] if "known" in query else []

    def create_run(self, experiment, **given):
        self.calls.append(("create_run", experiment, given))
        return SimpleNamespace(info=SimpleNamespace(run_id="new"))

    def log_batch(self, run_id, metrics=(), params=(), tags=()):
        self.calls += [("metric", run_id, m.key, m.value, m.timestamp, m.step) for m in metrics]
        self.calls += [("param", run_id, p.key, p.value) for p in params]
        self.calls += [("tag", run_id, tag.key, tag.value) for tag in tags]
        self.calls.append(("batch", len(metrics) + len(params) + len(tags)))

    def __getattr__(self, name):
        return lambda *args, **more: self.calls.append((name, *args, *more.items()))

    def said(self, name):
        return [call[1:] for call in self.calls if call[0] == name]


@pytest.fixture
def noting(monkeypatch):
    monkeypatch.setattr(mlflow_store, "WAITS", ())
    monkeypatch.setattr(tracker, "getuser", lambda: "me")
    monkeypatch.setattr(logging.getLogger("seqexp"), "propagate", True)
    made = Noting()
    for module in (tracker, parents, mlflow_store, dashboard):
        monkeypatch.setattr(module, "connect", lambda settings: (made, "7"))
    return made
