"""One database for the tests that need MLflow's own, since making it takes seconds."""

import pytest

from seqexp.tracking.mlflow_store import TrackingSettings, connect


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> TrackingSettings:
    folder = tmp_path_factory.mktemp("runs")
    return TrackingSettings(name="mlflow", uri=f"sqlite:///{folder / 'mlflow.db'}", experiment_name="seqexp")


@pytest.fixture(scope="session")
def client(settings):
    return connect(settings)[0]
