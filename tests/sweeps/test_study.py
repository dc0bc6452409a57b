"""Tuned sweeps: the same search for each model on the validation set, then the winners on fresh seeds."""

import json
import math
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from seqexp import config, tasks
from seqexp.runs.location import Location
from seqexp.runs.recovery import mark_killed
from seqexp.runs.result import read_result
from seqexp.runs.run import run
from seqexp.sweeps import study as studies
from seqexp.sweeps.job_record import JobRecord
from seqexp.sweeps.search_space import Choice, Range
from seqexp.system.errors import UserError
from tests.command import environment, python_m
from tests.fabricated import run_result

ROOT = Path(__file__).parents[2]
RATE = "optimizer.learning_rate"
SMALL = ["task=adding", "task.length=6", "task.steps_per_epoch=3", "task.examples=20", "training.epochs=2"]


@cache
def checked(*words):
    config.register_resolvers()
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
        return config.check(compose("config", [*SMALL, "tracking=off", *words]))


SEARCH = ["-m", "hydra/sweeper=optuna", "tracking=off", *SMALL]


def seqexp(folder, *words):
    return python_m(folder, "seqexp", *SEARCH, *words)


# -- trials ----------------------------------------------------------------------------------------------------------


def test_a_trial_never_touches_the_test_set(tmp_path, monkeypatch):
    adding: Any = tasks.lookup("adding")
    batch = adding.batch

    def guarded(self, seed, split, *more):
        assert split != "test", "the test set was touched"
        return batch(self, seed, split, *more)

    monkeypatch.setattr(adding, "batch", guarded)
    monkeypatch.setattr(adding, "baselines", lambda self: pytest.fail("the test set's baselines were asked for"))
    assert "touched" in str(run(checked(), Location(root=tmp_path)).result.error)

    trial = run(checked("test=false", "training.epochs=4"), Location(root=tmp_path, in_sweep=True))
    assert trial.result.status == "FINISHED", trial.result.error
    assert set(trial.result.metrics) == {"val/loss", "val/mse"}
    assert trial.result.primary_metric == "val/mse"
    path = tmp_path / "trials" / "adding" / "lstm" / trial.result.signature
    assert trial.directory == path
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    assert trial.result.metrics["val/mse"] == min(line["val/mse"] for line in lines)
    assert len(lines) == 4


def test_only_a_trial_has_another_signature():
    ordinary = checked()
    assert "test" not in ordinary.deciding()
    without = {key: value for key, value in ordinary.settings.items() if key != "test"}  # stored before there was a key
    assert config.checked(without).signature == ordinary.signature == checked("test=true").signature
    assert checked("test=false").signature != ordinary.signature


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_trial_that_diverged_is_not_run_again(tmp_path):
    words = ["optimizer=sgd", "optimizer.learning_rate=1e30", "training.clip_norm=null", "model=rnn"]
    experiment = checked(*words, "model.activation=relu", "test=false")
    results = [run(experiment, Location(root=tmp_path, in_sweep=True)) for _ in range(2)]
    assert [result.result.status for result in results] == ["DIVERGED"] * 2
    assert [result.how for result in results] == ["", "skipped"]


def test_a_trial_whose_process_was_killed_is_found(tmp_path):
    trial = run(checked("test=false"), Location(root=tmp_path, in_sweep=True))
    path = trial.directory
    (path / "result.json").rename(path / "run.json")
    (path / "run.lock").touch()
    mark_killed(tmp_path)
    assert json.loads((path / "result.json").read_text())["status"] == "KILLED"


# -- studies ---------------------------------------------------------------------------------------------------------


def budget(**changes):
    given = {"trials": 14, "seeds": 2, "sampler": "tpe", "sampler_seed": 0, "tuning_seed": 1000, "batch": 1}
    return studies.check_budget(given | changes)


def study(model="rnn", space=None, **changes):
    trial = checked(f"model={model}", "seed=1000", "test=false")
    space = space or {RATE: Range(1e-4, 3e-2, log=True), "model.hidden_size": Choice(("8", "16"))}
    return studies.Study([f"model={model}"], {}, trial, space, budget(**changes))


def answer(values, best=1e-3, direction="min", status="FINISHED"):
    """A made-up job's record: the score is a parabola over the logarithm of the learning rate."""
    score = math.log10(float(values[RATE]) / best) ** 2
    metrics = {"val/mse": score if direction == "min" else -score} if status == "FINISHED" else {}
    result = run_result(
        status=status,
        metrics=metrics,
        primary_metric="val/mse",
        direction=direction,
        signature=values[RATE],
        seconds=0.1,
    )
    return JobRecord.of(result, job=0)


def finished(one, **how):
    while asked := one.ask():
        one.tell([answer(values, **how) for values in asked])
    return one


def test_a_study_is_a_function_of_its_settings_and_scores():
    first, second, longer = finished(study()), finished(study()), finished(study(trials=20))
    assert first.record() == second.record()
    assert longer.scores[:14] == first.scores, "more trials go on from fewer"
    assert longer.about["study"] == first.about["study"]
    assert finished(study(sampler_seed=1)).scores != first.scores
    names = {finished(study(**changes)).about["study"] for changes in ({"sampler_seed": 1}, {"batch": 2}, {})}
    assert len(names) == 3


def test_models_are_asked_alike():
    one, other = study("rnn"), study("lstm")
    asked = [finished(each).scores for each in (one, other)]
    assert [score["values"] for score in asked[0]] == [score["values"] for score in asked[1]]
    keys = ("space", "trials", "sampler", "seed", "tuning_seed", "batch")
    assert [one.record()[key] for key in keys] == [other.record()[key] for key in keys]


@pytest.mark.parametrize("direction", ["min", "max"])
def test_the_search_nears_the_best(direction):
    one = finished(study(space={RATE: Range(1e-4, 3e-2, log=True)}, trials=30), direction=direction)
    assert 0.6e-3 < float(one.best()[RATE]) < 1.6e-3
    scores = [score["score"] for score in one.scores]
    best = (min if direction == "min" else max)(scores)
    assert one.record()["best"] == one.scores[scores.index(best)]["values"]
    assert one.record()["metric"] == "val/mse"
    assert one.record()["direction"] == direction


def test_what_fails_or_diverges_counts_as_worst_and_the_study_goes_on():
    one = study(trials=30, space={RATE: Range(1e-4, 3e-2, log=True)})
    statuses = {"high": "DIVERGED", "low": "FAILED"}
    while asked := one.ask():
        rate = float(asked[0][RATE])
        kind = "high" if rate > 1e-3 else "low" if rate < 2e-4 else ""
        one.tell([answer(asked[0], best=1e-4, status=statuses.get(kind, "FINISHED"))])
    assert {score["status"] for score in one.scores} == {"FINISHED", "DIVERGED", "FAILED"}
    assert all((score["score"] is None) == (score["status"] != "FINISHED") for score in one.scores)
    early = sum(score["status"] == "DIVERGED" for score in one.scores[:10])
    late = sum(score["status"] == "DIVERGED" for score in one.scores[-10:])
    assert late < early, "the sampler has learnt where trials diverge"
    assert 2e-4 <= float(one.best()[RATE]) <= 1e-3


def test_no_score_no_winner():
    one = study(trials=2)
    while asked := one.ask():
        one.tell([answer(values, status="DIVERGED") for values in asked])
    assert one.best() is None
    assert len(one.scores) == 2
    assert not studies.has_winner(one.record())
    assert "no winner" in " ".join(studies.last_words([one.record()]))


def test_a_longer_record_is_left_alone_until_the_study_is_over(tmp_path):
    long, short = finished(study(trials=4)), study(trials=2)
    long.save(tmp_path)
    assert long.file is not None
    while asked := short.ask():
        short.tell([answer(values) for values in asked])
        short.save(tmp_path)
        assert len(json.loads(long.file.read_text())["scores"]) == 4
    short.save(tmp_path, is_whole=True)
    assert json.loads(long.file.read_text()) == short.record()


def test_a_grid_has_every_point_once():
    space = {RATE: Choice(("0.1", "0.01")), "training.batch_size": Range(2, 8, 3)}
    one = finished(study(space=space, sampler="grid"))
    assert one.record()["trials"] == 6
    points = {(score["values"][RATE], score["values"]["training.batch_size"]) for score in one.scores}
    assert points == {(rate, size) for rate in (0.1, 0.01) for size in (2, 5, 8)}
    with pytest.raises(UserError, match=r"hydra.sweeper.trials: expected at least 6"):
        study(space=space, sampler="grid", trials=5)
    with pytest.raises(UserError, match=r"expected choice\(…\) or range\(…\)"):
        study(sampler="grid")


# -- the command line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["model=lstm", "hydra.sweeper.trails=3"], ["model=rnn,nosuch"], ["model=null"]])
def test_bad_words_leave_nothing(words, tmp_path):
    done = seqexp(tmp_path, *words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_study_that_was_cut_off_ends_as_if_it_had_not_been(tmp_path):
    words = ["model=rnn", "training.epochs=9"]
    counts = ["hydra.sweeper.trials=3", "hydra.sweeper.seeds=1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "seqexp", *SEARCH, *words, *counts],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not (trials := list(tmp_path.glob("runs/trials/adding/rnn/*/result.json"))):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    finally:
        process.kill()
    times = {file: file.stat().st_mtime_ns for file in trials}
    assert not list(tmp_path.glob("runs/adding"))

    done = seqexp(tmp_path, *words, *counts)
    assert done.returncode == 0, done.stderr
    assert {file: file.stat().st_mtime_ns for file in trials} == times, "no trial is run twice"
    (file,) = tmp_path.glob("runs/tuning/adding/rnn/*.json")
    record = json.loads(file.read_text())
    folders = {path.name: path for path in tmp_path.glob("runs/trials/adding/rnn/*")}
    assert {one["signature"] for one in record["scores"]} == set(folders), "and none but these three"
    assert len(folders) == 3

    # The same study without a break: it asks for what the other one asked for.
    trial = checked(*words, "seed=1000", "test=false")
    whole = studies.Study(words, {}, trial, {RATE: Range(1e-4, 3e-2, log=True)}, budget(trials=3))
    assert whole.about["study"] == file.stem
    while asked := whole.ask():
        (path,) = (path for path in folders.values() if f"learning_rate: {asked[0][RATE]}\n" in config_of(path))
        result = read_result(path)
        assert result is not None
        whole.tell([JobRecord.of(result, job=0)])
    assert whole.scores == record["scores"]
    assert whole.record()["best"] == record["best"]


def config_of(path):
    return (path / "config.yaml").read_text()


def test_a_sweep_of_two_models_with_diverging_trials(tmp_path):
    words = ["model=rnn,stacked_rnn", "model.activation=relu", "optimizer=sgd", "training.clip_norm=null"]
    words += [f"{RATE}=choice(1e30,0.01)", "hydra.sweeper.sampler=grid", "hydra.sweeper.seeds=1"]
    done = seqexp(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    for file in tmp_path.glob("runs/tuning/adding/*/*.json"):
        record = json.loads(file.read_text())
        assert [one["status"] for one in record["scores"]] == ["DIVERGED", "FINISHED"]
        assert record["best"] == {RATE: 0.01}
        assert f"study: {file.relative_to(tmp_path)}" in done.stdout
    results = [json.loads(file.read_text()) for file in tmp_path.glob("runs/adding/*/*/result.json")]
    assert sorted((one["model"], one["seed"]) for one in results) == [("rnn", 0), ("stacked_rnn", 0)]
    assert all(one["primary_metric"] == "test/mse" for one in results)
    assert done.stdout.index("Tuning, on validation scores") < done.stdout.index("Mean and standard deviation")
    assert len(list(tmp_path.glob("runs/sweeps/*/tuning_adding.png"))) == 1
