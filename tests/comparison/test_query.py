"""From a question to its contests: which runs are read, which are left out and named, and by what they are judged."""

from dataclasses import replace

import pytest

from scripts.tables.fabricate import fabricate, two_models
from seqexp.comparison.query import Query, gather
from seqexp.runs.reader import read_settings
from seqexp.runs.result import read_result
from seqexp.system.errors import UserError
from seqexp.tracking import mlflow_reader
from seqexp.tracking.mlflow_store import TrackingSettings
from tests.fabricated import REQUIRED


def asked(root, **more):
    """The one contest of a question, and the answer."""
    answer = gather(Query(root, **more))
    (contest,) = answer.contests
    return contest, answer


def counted(contest):
    return {entry.model: len(entry.runs) for entry in contest.entries}


def refusal(root, **more):
    with pytest.raises(UserError) as refused:
        gather(Query(root, **more))
    return str(refused.value)


# -- tasks and models ------------------------------------------------------------------------------------------------


def test_without_a_task_the_only_one_is_taken_and_of_several_one_has_to_be_named(tmp_path):
    two_models(tmp_path)
    assert asked(tmp_path)[0].task == "adding"
    two_models(tmp_path, task="copy")
    assert refusal(tmp_path) == "task: expected one or more of adding, copy; got none; add task=adding"
    assert asked(tmp_path, tasks=["copy"])[0].task == "copy"
    assert [contest.task for contest in gather(Query(tmp_path, tasks=["copy", "adding"])).contests] == [
        "copy",
        "adding",
    ]
    assert refusal(tmp_path, tasks=["adding", "hello"]) == (
        "task: expected one or more of adding, copy, which have runs; got 'hello'"
    )


def test_without_models_all_that_have_runs_are_compared_and_there_are_two_at_least(tmp_path):
    fabricate(tmp_path, "rnn", 0, 0.5)
    assert refusal(tmp_path) == (
        "models: expected runs of at least two models on adding; got rnn; train another model, or leave out an argument"
    )
    two_models(tmp_path / "more", [0.5], [0.4])
    fabricate(tmp_path, "stacked_rnn", 0, 0.5)
    assert counted(asked(tmp_path)[0]) == {"lstm": 1, "rnn": 1, "stacked_rnn": 1}
    assert counted(asked(tmp_path, models=["rnn", "lstm"])[0]) == {"rnn": 1, "lstm": 1}
    assert refusal(tmp_path, filters={"task.length": 7}) == (
        "models: expected runs of at least two models on adding; got none that match the arguments; "
        "train another model, or leave out an argument"
    )
    assert refusal(tmp_path, models=["rnn", "lstm"], filters={"task.length": 7, "task.gap": True}) == (
        "models: expected runs of rnn on adding with task.length=7 task.gap=true; there are none"
    )


def test_a_model_without_runs_is_told_how_to_train_it(tmp_path):
    two_models(tmp_path)
    assert refusal(tmp_path, models=["rnn", "stacked_rnn"]) == (
        "models: expected models with runs on adding: lstm, rnn; got 'stacked_rnn'; "
        "train it with `python -m seqexp -m model=stacked_rnn task=adding seed=range(6)`"
    )


# -- which runs ------------------------------------------------------------------------------------------------------


def test_settings_and_signatures_choose_runs(tmp_path):
    two_models(tmp_path, [0.5] * 3, [0.4] * 3)
    two_models(tmp_path, [0.5] * 2, [0.4] * 2, settings={"task.length": 100})
    contest, _ = asked(tmp_path, filters={"task.length": 100})
    assert (counted(contest), contest.label) == ({"lstm": 2, "rnn": 2}, "adding (length 100)")
    kept = frozenset(run.result.signature for entry in contest.entries for run in entry.runs.values())
    assert counted(asked(tmp_path, only=kept)[0]) == {"lstm": 2, "rnn": 2}
    filters = {"task.length": 50, "task.split_seed": 0, "training.epochs": 20}
    label = asked(tmp_path, filters=filters, telling=["task.length", "task.split_seed"])[0].label
    assert label == "adding (length 50, split seed 0)"


def test_repeated_seeds_and_unreadable_runs_are_noted(tmp_path):
    two_models(tmp_path)
    two_models(tmp_path / "again", [0.5] * 2, [])
    (fabricate(tmp_path, "rnn", 30, 0.5) / "config.yaml").unlink()
    contest, answer = asked(tmp_path)
    assert counted(contest) == {"lstm": 8, "rnn": 8}
    assert contest.notes == ["2 rnn runs repeat a seed: only the newest finished run of each seed counts"]
    assert answer.notes == ["1 directories or files could not be read and are left out"]
    assert len(answer.broken) == 1
    assert answer.broken[0].endswith("config.yaml does not exist")


def test_runs_of_a_plug_in_that_nobody_named_are_left_out_and_named(tmp_path):
    two_models(tmp_path)
    folder = fabricate(tmp_path, "clockwork", 0, 0.1, settings={"plugins": ["my_package.clockwork"]})
    other = fabricate(tmp_path, "rnn", 0, 0.1, task="prices")
    contest, answer = asked(tmp_path)
    assert counted(contest) == {"lstm": 8, "rnn": 8}
    assert answer.broken[0].startswith(f"{folder}: there is no clockwork here")
    assert "my_package.clockwork" in answer.broken[0]
    assert answer.broken[1].startswith(f"{other}: there is no prices here")
    said = refusal(tmp_path, models=["rnn", "clockwork"])
    assert "; got 'clockwork'; " in said
    assert f"; left out: {folder}: there is no clockwork here" in said


def test_runs_of_a_task_that_is_an_object_are_compared_where_they_are_asked_for(tmp_path):
    two_models(tmp_path)
    two_models(tmp_path, task="prices")
    assert counted(asked(tmp_path, tasks=["prices"])[0]) == {"lstm": 8, "rnn": 8}
    assert asked(tmp_path)[0].task == "adding"


def test_runs_that_only_mlflow_has_are_added(tmp_path, monkeypatch):
    two_models(tmp_path, [0.5] * 2, [])
    folders = [*tmp_path.glob("adding/rnn/*")]
    kept = [read_result(folder) for folder in folders]
    stored = {key: value for key, value in read_settings(folders[0] / "config.yaml").items() if key[:4] == "task"}
    asked_with = []

    def results(settings, known):
        asked_with.append(known)
        for seed in range(2):
            about = {"model": "lstm", "seed": seed, "signature": f"m{seed}", "metrics": {"test/mse": 0.25}}
            yield REQUIRED | about | {"mlflow_run_id": f"{seed}" * 32}, stored
        yield {"mlflow_run_id": "f" * 32}, {}

    monkeypatch.setattr(mlflow_reader, "may_have_more", lambda settings, known: True)
    monkeypatch.setattr(mlflow_reader, "results", results)
    there = TrackingSettings(name="mlflow", uri="sqlite:///x.db", experiment_name="seqexp")
    contest, answer = asked(tmp_path, tracking=there, filters={"task.length": 50})
    assert counted(contest) == {"lstm": 2, "rnn": 2}
    assert contest.entry("lstm").scores == {0: 0.25, 1: 0.25}
    assert contest.entry("lstm").any.where == f"MLflow run {'0' * 32}"
    assert asked_with == [{result.signature for result in kept if result}]
    assert [line.partition(": ")[0] for line in answer.broken] == [f"MLflow run {'f' * 32}"]
    monkeypatch.setattr(mlflow_reader, "may_have_more", lambda settings, known: False)
    assert refusal(tmp_path, tracking=there, models=["rnn", "lstm"]).startswith("models: expected models with runs on")


# -- terms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "own", "yaml", "counts"),
    [
        (None, None, None, 0.0),
        (None, None, 0.1, 0.1),
        (None, 0.2, 0.1, 0.2),
        (0.3, 0.2, 0.1, 0.3),
        (0.0, 0.2, 0.1, 0.0),
    ],
)
def test_the_margin_asked_for_beats_the_runs_own_which_beats_the_yaml_files(tmp_path, given, own, yaml, counts):
    two_models(tmp_path, settings={} if own is None else {"task.margin": {"mse": own, "loss": 9.0}})
    margins = {} if yaml is None else {"adding": {"mse": yaml, "loss": 9.0}}
    assert asked(tmp_path, margin=given, margins=margins)[0].terms.margin == counts


def test_a_metric_is_one_of_the_test_split_and_the_tasks_own_unless_named(tmp_path):
    two_models(tmp_path)
    own = asked(tmp_path, level=0.9)[0].terms
    assert (own.metric, own.direction, own.level, own.sequential) == ("test/mse", "min", 0.9, False)
    for name in ("loss", "test/loss"):
        assert asked(tmp_path, metric=name)[0].terms == replace(own, metric="test/loss", level=0.95)
    assert asked(tmp_path, sequential=True)[0].terms.sequential
    assert refusal(tmp_path, metric="bleu") == "metric: expected one of test/loss, test/mse; got 'bleu'"
