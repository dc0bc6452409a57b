"""A comparison that makes its runs, as a user types it; and what MLflow adds to it."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from seqexp import config, tasks
from tests.command import environment, python_m

TINY = ["task=adding", "task.length=6", "task.steps_per_epoch=5", "task.examples=64", "training.epochs=1"]
UNTUNED = ["tuned=false", "first_seed=0"]


def command(*words):
    return [sys.executable, "-m", "seqexp.compare", *words]


def compare(folder, *words):
    return python_m(folder, "seqexp.compare", *words, unencoded=True)


def plain(said):
    """What stands in boxes, in one line."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", said).split())


def results(folder):
    files = [file for file in folder.glob("runs/*/*/*/result.json") if "mlartifacts" not in file.parts]
    return [json.loads(file.read_text()) for file in files]


def test_pairs_are_run_until_the_verdict_and_never_twice(tmp_path):
    words = ["run=true", "a=rnn", "b=lstm", *UNTUNED, *TINY, "max_seeds=3", "tracking=off"]
    done = compare(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert "match=params: model.param_budget=4353, what rnn has with 64 units" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("seed ")]
    assert len(lines) == 3
    assert "warning: 3 pairs can never reach level 0.95" in done.stdout
    found = results(tmp_path)
    assert {(r["model"], r["seed"]) for r in found} == {(m, s) for m in ("rnn", "lstm") for s in range(3)}
    assert {r["params"] for r in found if r["model"] == "rnn"} == {4353}
    assert all(r["params"] <= 4353 < r["params"] + r["params_per_unit"] for r in found)
    again = compare(tmp_path, *words[:-2], "max_seeds=4", "tracking=off")
    assert again.returncode == 0, again.stderr
    assert [line for line in again.stdout.splitlines() if line.startswith("seed ")][:3] == lines
    assert len(results(tmp_path)) == 8
    ended = {r["ended"] for r in found}
    assert ended <= {r["ended"] for r in results(tmp_path)}


def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path):
    more = ["task=adding", "task.steps_per_epoch=100000", "max_seeds=2", "tracking=off"]
    words = ["run=true", "a=rnn", "b=lstm", *UNTUNED, *more]
    called = command(*words)
    process = subprocess.Popen(
        called, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/adding/rnn/*/run.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert {result["status"] for result in results(tmp_path)} == {"KILLED"}, "both, where there are two cores"
    assert "not a pair" not in said
    assert list(tmp_path.glob("runs/adding/rnn/*/checkpoints/*"))
    assert [file.name for file in tmp_path.glob("runs/compare/*/*")] == ["claim.json"], "registered before the runs"


def test_runs_that_only_mlflow_has_are_compared_and_the_report_goes_to_their_sweep(tmp_path, database):
    made = compare(tmp_path, "run=true", "a=rnn", "b=lstm", *TINY, "trials=1", "max_seeds=2", "hydra/launcher=basic")
    assert made.returncode == 0, made.stderr
    assert "the report is also in MLflow" in made.stdout
    shutil.move(tmp_path / "runs" / "adding", tmp_path / "away")
    done = compare(tmp_path, "a=rnn", "b=lstm")
    assert done.returncode == 0, done.stderr
    assert "always 1 (no memory)" in done.stdout
    effects = [re.findall(r"mean squared error is (\S+ (?:lower|higher))", plain(each.stdout)) for each in (done, made)]
    assert effects[0] == effects[1] != []
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/runs/mlflow.db")
    (parent,) = [run for run in client.search_runs(["1"]) if run.data.tags.get("kind") == "comparison"]
    assert parent.info.status == "FINISHED"
    assert "report/report.html" in {file.path for file in client.list_artifacts(parent.info.run_id, "report")}
    note = parent.data.tags["mlflow.note.content"]
    assert note.count("## Verdict") == 1, "a report takes the place of the one before"
    assert "python -m seqexp.compare run=true" in note


@pytest.mark.parametrize("name", tasks.names())
def test_every_task_has_a_margin_which_decides_nothing(name):
    config.register_resolvers()
    cfg = config.composed([f"task={name}"])
    experiment = config.check(cfg)
    margin = experiment.settings["task"]["margin"]
    metric = getattr(tasks.lookup(name), "primary_metric", None)
    assert margin
    assert all(value > 0 for value in margin.values())
    assert not isinstance(metric, str) or metric in margin
    other = config.check(config.composed([f"task={name}", f"task.margin.{next(iter(margin))}=0.123"]))
    assert other.signature == experiment.signature
    assert other.deciding() == experiment.deciding()
    assert "margin" not in experiment.deciding()
