"""What a run says to type next."""

import sys
from types import SimpleNamespace

from seqexp.sweeps import next_steps
from seqexp.tracking.mlflow_store import TrackingSettings


def test_a_comparison_is_suggested_on_the_data_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["seqexp", "model=lstm", "task=sentiment", "task.source=my file.csv", "seed=1"])
    result = SimpleNamespace(status="FINISHED", model="lstm", task="sentiment", signature="0")
    off = TrackingSettings(name="off", uri=None, experiment_name="x")
    said = next_steps.after_run(SimpleNamespace(result=result, directory=tmp_path), off)  # type: ignore[arg-type]
    assert said.endswith('compare run=true a=rnn b=lstm task=sentiment "task.source=my file.csv"')
