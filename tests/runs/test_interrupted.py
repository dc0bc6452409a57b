"""Runs and sweeps that are stopped or killed, as processes; and what MLflow is told of them afterwards."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.command import GoingOn, environment, python_m

LONG = ["task=adding", "model=rnn", "task.steps_per_epoch=20", "task.examples=50", "training.epochs=100000"]
SHORT = ["figures=none", *LONG[:-1], "training.epochs=3"]


class Started(GoingOn):
    def __init__(self, folder, *words):
        super().__init__(folder, "seqexp", *words)


def wait_for_lines(folder, runs=1):
    deadline = time.monotonic() + 60
    while sum(f.stat().st_size > 500 for f in folder.glob("runs/adding/*/*/metrics.jsonl")) < runs:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def result_of(folder, pattern="*"):
    (file,) = folder.glob(f"runs/adding/*/{pattern}/result.json")
    return json.loads(file.read_text()), file.parent


def mlflow_runs(folder):
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder}/runs/mlflow.db")
    return client, client.search_runs([client.get_experiment_by_name("seqexp").experiment_id])


def assert_points_are_the_lines(client, run_id, path):
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    for name in ("train/loss", "val/mse", "time/epoch_seconds"):
        here = [(line["step"], line[name], round(line["time"] * 1000)) for line in lines if name in line]
        there = [(point.step, point.value, point.timestamp) for point in client.get_metric_history(run_id, name)]
        assert sorted(there) == here, name


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_joblib_sweep_is_stopped_and_goes_on(number, code, tmp_path):
    words = ["-m", "tracking=off", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1,2"]
    begun = time.monotonic()
    with Started(tmp_path, *words, *LONG) as sweep:
        wait_for_lines(tmp_path, runs=2)
        start = time.monotonic()
        os.killpg(sweep.pid, number)  # as a terminal does
        assert sweep.wait(timeout=60) == code
        assert time.monotonic() - start < start - begun  # sooner than it has started
        time.sleep(0.2)
        assert sweep.alive() == []
    results = [json.loads(file.read_text()) for file in tmp_path.glob("runs/adding/rnn/*/result.json")]
    assert [result["status"] for result in results] == ["KILLED"] * 2
    assert len(list(tmp_path.glob("runs/adding/rnn/*/checkpoints/last.safetensors"))) == 2


TAKEN = """
import os, signal, sys
from hydra._internal.config_loader_impl import ConfigLoaderImpl
compose = ConfigLoaderImpl.load_sweep_config
def composed(*given, **named):
    try:
        os.kill(os.getpid(), signal.{name})
    except BaseException:
        {then}
    return compose(*given, **named)
ConfigLoaderImpl.load_sweep_config = composed
from seqexp.__main__ import main
main()
"""


@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("then", ["pass", "raise ValueError('not a config')"])
def test_a_signal_that_a_library_takes_for_its_own_failure_still_ends_the_sweep(name, code, then, tmp_path):
    program = [sys.executable, "-c", TAKEN.format(name=name, then=then)]
    words = ["-m", *SHORT, "seed=0,1", "tracking=off"]
    ended = subprocess.run([*program, *words], cwd=tmp_path, env=environment(), capture_output=True, timeout=60)
    assert ended.returncode == code, ended.stderr
    assert b"error" not in ended.stderr
    assert not list(tmp_path.glob("runs/adding/*"))


@pytest.mark.parametrize("words, number, code", [([], signal.SIGINT, 130), (["-m", "seed=0,1"], signal.SIGTERM, 143)])
def test_with_mlflow_a_run_and_a_sweep_are_stopped_as_quickly(words, number, code, tmp_path, database):
    begun = time.monotonic()
    with Started(tmp_path, *words, *LONG) as started:
        wait_for_lines(tmp_path)
        start = time.monotonic()
        os.killpg(started.pid, number)
        assert started.wait(timeout=60) == code
        assert time.monotonic() - start < start - begun  # sooner than it has started
    _, runs = mlflow_runs(tmp_path)
    assert {run.info.status for run in runs} == {"KILLED"}
    assert len(runs) == (2 if words else 1)  # the second job never started; the sweep has a run of its own


def test_a_second_ctrl_c_does_not_wait_for_the_end_of_the_step(tmp_path):
    words = ["model=lstm", "model.hidden_size=128", "task.length=400000", "training.batch_size=1", "tracking=off"]
    with Started(tmp_path, *LONG, *words) as started:
        deadline = time.monotonic() + 60
        while not any("hidden units" in file.read_text() for file in tmp_path.glob("runs/adding/lstm/*/run.log")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        os.kill(started.pid, signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            started.wait(timeout=0.5)  # the step goes on for many seconds
        while started.poll() is None:  # two that come during one call of NumPy's are one to Python
            assert time.monotonic() < deadline
            os.kill(started.pid, signal.SIGINT)
            time.sleep(0.2)
        assert started.returncode == 130
    result, path = result_of(tmp_path)
    assert (result["status"], result["steps"], result["error"]) == ("KILLED", 0, "stopped by Ctrl-C")
    assert not (path / "checkpoints" / "last.safetensors").exists()


def test_a_killed_run_is_found_and_marked_and_goes_on_under_its_id(tmp_path, database):
    words = [
        *LONG[:2],
        "task.examples=50",
        "task.length=10",
        "task.steps_per_epoch=100",
        "training.epochs=30",
        "seed=0,1",
    ]
    with Started(tmp_path, "-m", *words) as sweep:
        wait_for_lines(tmp_path)
        os.kill(sweep.pid, signal.SIGKILL)
    (started,) = tmp_path.glob("runs/adding/rnn/*/run.json")
    assert not started.with_name("result.json").exists()

    assert python_m(tmp_path, "seqexp", "experiment=quick", "tracking=off", "training.epochs=1").returncode == 0
    assert not started.exists()
    assert (
        python_m(tmp_path, "seqexp.sync", str(started.parent)).returncode == 0
    )  # a start without MLflow sends nothing
    client, runs = mlflow_runs(tmp_path)
    assert {run.info.status for run in runs if run.data.tags.get("kind") != "sweep"} == {"KILLED"}
    killed, path = result_of(tmp_path)
    assert killed["status"] == "KILLED"
    assert not started.exists()
    assert_points_are_the_lines(client, killed["mlflow_run_id"], path)

    again = python_m(tmp_path, "seqexp", "-m", *words)
    assert again.returncode == 0, again.stderr
    assert "resumed" in again.stdout
    result, path = result_of(tmp_path, path.name)
    assert (result["status"], result["mlflow_run_id"]) == ("FINISHED", killed["mlflow_run_id"])
    client, runs = mlflow_runs(tmp_path)
    children = [run for run in runs if run.data.tags.get("kind") != "sweep"]
    assert sorted(run.info.status for run in children) == ["FINISHED"] * 2
    assert sorted(run.info.status for run in runs if run not in children) == ["FINISHED", "KILLED"]
    assert_points_are_the_lines(client, killed["mlflow_run_id"], path)


def test_a_worker_and_a_single_run_give_the_same_bytes_and_equal_jobs_run_once(tmp_path):
    sweep = python_m(
        tmp_path, "seqexp", "-m", *SHORT, "tracking=off", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=3,3"
    )
    assert sweep.returncode == 0, sweep.stderr
    assert sweep.stdout.count("skipped") == 1
    assert python_m(tmp_path, "seqexp", *SHORT, "tracking=off", "seed=3").returncode == 0
    weights = [file.read_bytes() for file in tmp_path.glob("runs/adding/rnn/*/checkpoints/best.safetensors")]
    assert len(weights) == 2
    assert weights[0] == weights[1]


def test_sync_sends_what_mlflow_is_missing_once(tmp_path):
    assert python_m(tmp_path, "seqexp", *SHORT).returncode == 0
    result, path = result_of(tmp_path)
    shutil.rmtree(tmp_path / "runs" / "mlartifacts")
    (tmp_path / "runs" / "mlflow.db").unlink()
    first, second = (python_m(tmp_path, "seqexp.sync", str(path)) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    again, _ = result_of(tmp_path)
    client, (run,) = mlflow_runs(tmp_path)
    assert (run.info.run_id, run.info.status) == (again["mlflow_run_id"], "FINISHED")
    assert run.data.tags["signature"] == result["signature"]
    assert run.data.metrics["test/mse"] == result["metrics"]["test/mse"]
    assert_points_are_the_lines(client, run.info.run_id, path)
    points = sum(len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics)
    files = [file for folder in (None, "checkpoints") for file in client.list_artifacts(run.info.run_id, folder)]
    assert "result.json" in {file.path for file in files}
    sent = sum(not file.is_dir for file in files)
    assert f"{path}: sent {points} points of its metrics and {sent} files" in first.stdout


@pytest.mark.parametrize(
    "name, text",
    [
        ("metrics.jsonl", None),
        ("result.json", "[]"),
        ("result.json", "[" * 100_000),
        ("result.json", '{"status": "FINISHED"}'),
        ("config.yaml", "a: &a [1]\nb: *a\n"),
        ("config.yaml", "!!python/object/apply:os.system [true]"),
        ("config.yaml", "model: {name: ${oc.env:HOME}}"),
    ],
)
def test_sync_takes_nothing_foreign(name, text, tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    files = {"metrics.jsonl": "", "config.yaml": "{}", "result.json": "{}"} | {name: text}
    for file, content in files.items():
        if content is not None:
            (path / file).write_text(content)
    sent = python_m(tmp_path, "seqexp.sync", str(path))
    assert sent.returncode == 2
    assert len(sent.stderr.splitlines()) == 1, sent.stderr
    assert sent.stderr.startswith("error: ")


def test_a_handful_of_kills_leaves_nothing_doubled_missing_or_different(tmp_path):
    """scripts/long/kill_test kills 200 times."""
    told = python_m(tmp_path, "scripts.long.killing", "--runs", "1")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "0 exceptions in 1 runs" in told.stdout
