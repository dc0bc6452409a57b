"""What a run says of itself, and to whom while it runs; without training any."""

import json
import logging
import re
import subprocess
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from seqexp.config.build import build_network, build_task
from seqexp.kernels import library
from seqexp.numerics import squashing
from seqexp.runs import description
from seqexp.runs.description import about, announce, last_tags, params, run_name, scored, tags
from seqexp.runs.parts import Parts
from seqexp.runs.recorder import Recorder
from seqexp.system import blas
from seqexp.system.errors import UserError
from tests.fabricated import run_result


@pytest.fixture(scope="module")
def task(run_config):
    return build_task(run_config.settings["task"], None)


def outcome_of(metrics, best_step) -> Any:
    return SimpleNamespace(metrics=metrics, best_step=best_step, epochs=2, stop="epochs")


@pytest.fixture
def log(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("seqexp"), "propagate", True)
    caplog.set_level(logging.INFO, "seqexp")
    return lambda: [record.getMessage() for record in caplog.records]


# -- said ------------------------------------------------------------------------------------------------------------


def test_a_run_is_described_before_its_first_step(run_config, task):
    network = build_network(run_config.settings["model"], task.shape)
    result = about(run_config, Parts(task, network))
    assert (result.status, result.model, result.task, result.seed) == ("FAILED", "rnn", "hello", 3)
    assert (result.signature, result.files, result.data) == (run_config.signature, run_config.files, task.fingerprint())
    assert (result.primary_metric, result.direction) == (f"test/{task.primary_metric}", task.direction)
    assert (result.hidden_size, result.params) == (4, network.layout.size)
    larger = build_network(run_config.settings["model"] | {"hidden_size": 5}, task.shape)
    assert result.params_per_unit == larger.layout.size - network.layout.size
    assert result.solved is None or result.solved is False
    assert result.started is not None
    assert round(result.started, 3) == result.started > 1e9
    assert all((result.numpy, result.blas, result.cpu))
    trial = about(replace(run_config, settings=run_config.settings | {"test": False}), Parts(task, network))
    assert (trial.primary_metric, trial.solved) == (f"val/{task.primary_metric}", None)


@pytest.mark.skipif(library.missing() is not None, reason=f"no kernels: {library.missing()}")
@pytest.mark.parametrize("backend", ["numpy", "compiled"])
def test_its_network_computes_with_the_backend_of_its_config(run_config, backend):
    from seqexp import models
    from seqexp.runs.parts import built

    network = built(replace(run_config, settings=run_config.settings | {"backend": backend})).network
    assert type(network.core) is type(models.create("rnn", input_size=4, hidden_size=4, backend=backend))


def test_a_finished_run_has_directions_baselines_and_whether_it_solved_the_task(task):
    outcome = outcome_of({f"test/{task.primary_metric}": 1.0, "test/loss": float("nan")}, 20)
    before = run_result(primary_metric=f"test/{task.primary_metric}", direction=task.direction, task="hello")
    result = scored(before, task, outcome, task.baselines())
    assert result.metrics == {f"test/{task.primary_metric}": 1.0, "test/loss": None}
    assert result.directions == {f"test/{task.primary_metric}": task.direction, "test/loss": "min"}
    assert result.baseline == task.baselines()
    assert (result.epochs, result.stop) == (2, "epochs")
    assert (result.best_baseline, result.best_step) == ((result.best_memoryless() or ("",))[0], 20)
    trial = scored(before.but(primary_metric="val/loss"), task, outcome_of({"val/loss": 0.5}, 1), {})
    assert (trial.baseline, trial.best_baseline, trial.solved) == ({}, None, None)


def test_mlflow_knows_a_run_by_its_tags_and_params(run_config):
    result = run_result(
        seed=3, git_sha="abc", numpy="2", blas="b", params=10, embedding_params=4, metrics={"test/mse": 1}
    )
    own = {"model": "rnn", "task": "adding", "signature": "0" * 12, "primary_metric": "test/mse"}
    own |= {"git_sha": "abc", "numpy": "2", "blas": "b"}
    assert tags(result) == own
    assert run_name(result) == "rnn adding seed 3"
    trial = result.but(primary_metric="val/mse")
    assert tags(trial) == own | {"primary_metric": "val/mse", "kind": "trial"}
    assert run_name(trial) == f"rnn adding trial {'0' * 12}"
    given = params(run_config, result)
    assert (given["params"], given["params.embedding"], given["model.hidden_size"]) == (10, 4, 4)
    (text,) = last_tags(result).values()
    assert json.loads(text) == {key: value for key, value in result.as_json().items() if key != "metrics"}
    assert list(last_tags(result)) == ["result"]


def test_the_first_lines_name_the_kernels_once_and_the_size_of_each_run(log, monkeypatch):
    description._say_kernels.cache_clear()
    monkeypatch.setattr(blas, "kernels", lambda: "OpenBLAS Haswell")
    monkeypatch.setattr(blas, "held_below", lambda: "held back")
    result = run_result(seed=7, params=12_345, embedding_params=1_000, hidden_size=64)
    announce(result)
    announce(result.but(embedding_params=0))
    first, warning, *sizes = log()
    assert first.startswith("OpenBLAS Haswell; numpy ")
    assert warning == "held back"
    end = f"64 hidden units, signature {'0' * 12}"
    assert sizes == [
        f"rnn on adding, seed 7: 11,345 parameters + 1,000 in the embedding, {end}",
        f"rnn on adding, seed 7: 12,345 parameters, {end}",
    ]
    description._say_kernels.cache_clear()


def test_what_a_cpu_decides_stands_beside_the_blas(monkeypatch):
    monkeypatch.setattr(squashing, "SLOW_TANH", False)
    assert description._beside_blas("numpy") == ""
    assert description._beside_blas("compiled") == f", compiled for {library.vector_bits()} bits"
    monkeypatch.setattr(squashing, "SLOW_TANH", True)
    assert description._beside_blas("numpy") == ", gates by exp"


# -- while it runs ---------------------------------------------------------------------------------------------------


class Calls:
    """Notes every call, by whoever's name it was made with."""

    def __init__(self, said, name, **known):
        self.__dict__.update(known)
        self._said, self._name = said, name

    def __getattr__(self, method):
        def call(*given):
            self._said.append((self._name, method, *given))
            return (
                {"logged": 77, "due": False}.get(method) if method != "log" else {"step": 3, "time": 4.0, "val/x": None}
            )

        return call


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    said: list[tuple] = []
    parts = [Calls(said, name, path=tmp_path) for name in ("directory", "tracker", "progress", "schedule")]
    request = Calls(said, "request", signal=None)
    given: list[Any] = [*parts, {"settings": 1}, request, Calls(said, "probes")]
    made = Recorder(*given)
    made._checkpoints = Calls(said, "checkpoints")  # type: ignore[assignment]
    return made, said, request


def test_a_logged_step_goes_to_the_file_first_then_to_the_tracker_then_to_the_terminal(recorder):
    made, said, _ = recorder
    made.on_metrics(3, {"train/loss": 1.0, "val/mse": 0.5})
    assert [call[:2] for call in said] == [
        *(("directory", "log"), ("tracker", "log"), ("tracker", "flush"), ("progress", "on_metrics")),
    ]
    assert said[0][2:4] == (3, {"train/loss": 1.0, "val/mse": 0.5})
    assert said[0][4] == round(said[0][4], 3)
    assert said[1][2:] == (3, {"val/x": None}, 4.0)
    for unknown in ("val/nobody_knows", "test/nobody_knows"):
        with pytest.raises(UserError):
            made.on_metrics(4, {unknown: 1.0})
    assert len(said) == 4


def test_a_snapshot_knows_the_lines_before_it_and_a_stop_saves_one(recorder):
    made, said, request = recorder
    snapshot = SimpleNamespace(about={})
    trainer = SimpleNamespace(evaluated=("val", 1, 2), step=5, snapshot=lambda: snapshot)
    made.on_boundary(trainer)
    assert [call[:2] for call in said] == [
        ("probes", "on_boundary"),
        ("progress", "on_evaluation"),
        ("schedule", "due"),
    ]
    assert said[1][2:] == ("val", 1, 2)
    said.clear()
    request.signal, trainer.evaluated = 2, None
    made.on_boundary(trainer)
    names = [("probes", "on_boundary"), ("probes", "logged"), ("directory", "logged"), ("checkpoints", "save")]
    assert [call[:2] for call in said] == [*names, ("schedule", "saved"), ("request", "obey")]
    assert snapshot.about == {"settings": 1, "metrics_bytes": 77}
    assert said[4][2] == 5
    assert 0 <= said[4][3] < 60


@pytest.mark.parametrize(("changed", "mark"), [("seqexp/a.py", "+"), ("conf/a.yaml", "+"), ("docs/a.md", "")])
def test_a_commit_is_marked_where_what_runs_differs_from_it(tmp_path, monkeypatch, changed, mark):
    for name in ("seqexp/a.py", "conf/a.yaml", "docs/a.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("before")
    monkeypatch.setattr(description, "__file__", str(tmp_path / "seqexp" / "runs" / "description.py"))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "m"]):
        subprocess.run([*git, *words], check=True)
    sha = description.git_sha.__wrapped__()
    assert re.fullmatch("[0-9a-f]{40}", sha)
    (tmp_path / changed).write_text("after")
    assert description.git_sha.__wrapped__() == sha + mark


def test_a_package_below_somebodys_own_repository_has_no_commit(tmp_path, monkeypatch):
    installed = tmp_path / "env" / "seqexp" / "runs" / "description.py"
    installed.parent.mkdir(parents=True)
    monkeypatch.setattr(description, "__file__", str(installed))
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "m"]):
        subprocess.run(["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e", *words], check=True)
    assert description.git_sha.__wrapped__() == ""
