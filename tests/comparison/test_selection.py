"""Of several configurations: what compare suggests chooses one, of every model and task; sweeps and studies by name."""

import json
import re
import shlex
from dataclasses import replace

import pytest

from scripts.tables.fabricate import LSTM, RNN, fabricate, two_models
from seqexp.runs.result import read_result
from tests.fabricated import job_records

pytestmark = pytest.mark.usefixtures("without_figures")


def advice(error):
    """The words that a refusal suggests, as the shell gives them."""
    (words,) = re.findall(r"choose one, such as (.*)", error)
    return shlex.split(words)


def sweep_of(runs, name, folders):
    """A sweep's directory whose jobs made these runs."""
    (runs / "sweeps" / name).mkdir(parents=True)
    results = [result.as_json() for folder in folders if (result := read_result(folder))]
    for number, record in enumerate(job_records(results)):
        replace(record, job=number).write(runs / "sweeps" / name)


def study_of(runs, model, name, folders):
    file = runs / "tuning" / "adding" / model / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    study = {"task": "adding", "model": model, "space": {}, "trials": 2, "sampler": "tpe", "metric": "val/mse"}
    study |= {"direction": "min", "scores": [{"score": 0.1}], "signatures": [folder.name for folder in folders]}
    file.write_text(json.dumps(study))


def test_the_suggestion_leaves_every_model_with_runs_and_the_most_seeds(runs, compare):
    """One that takes the last value seen would compare a single run of rnn, or leave lstm without any."""
    two_models(runs)
    fabricate(runs, "rnn", 0, 0.2, settings={"training.epochs": 1, "model.hidden_size": 32})
    fabricate(runs, "lstm", 0, 0.2, settings={"training.epochs": 1})
    for seed in range(9):
        fabricate(runs, "rnn", seed, 0.2, settings={"model.hidden_size": 16})
    code, _, error = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 2
    words = advice(error)
    code, said, error = compare("a=rnn", "b=lstm", "task=adding", *words)
    assert code == 0, (words, error)
    assert "8 runs of each" in said


def test_over_several_tasks_it_leaves_runs_on_each(runs, compare):
    for task in ("adding", "temporal_order"):
        two_models(runs, task=task)
        two_models(runs, [0.5] * 3, [0.4] * 3, task=task, settings={"training.epochs": 3})
    two_models(runs, [0.5] * 8, [0.4] * 8, settings={"training.epochs": 3, "task.length": 100})
    code, _, error = compare("a=rnn", "b=lstm", "task=adding,temporal_order")
    assert (code, advice(error)) == (2, ["training.epochs=20"])  # a length of 100 leaves temporal_order nothing
    assert compare("a=rnn", "b=lstm", "task=adding,temporal_order", "training.epochs=20")[0] == 0


def test_where_no_word_would_do_it_says_so(runs, compare):
    for model, sizes in (("rnn", (1, 2)), ("lstm", (3, 4))):
        for size in sizes:
            fabricate(runs, model, 0, 0.1, settings={"optimizer.learning_rate": size})
    code, _, error = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 2
    assert "no setting leaves every model with runs alike" in error


def test_a_sweep_is_chosen_by_its_name(runs, compare):
    first = [fabricate(runs, "rnn", seed, score) for seed, score in enumerate(RNN)]
    first += [fabricate(runs, "lstm", seed, score) for seed, score in enumerate(LSTM)]
    second = [
        fabricate(runs, model, seed, score, settings={"optimizer.learning_rate": rate})
        for model, score, rate in (("rnn", 0.5, 0.03), ("lstm", 0.4, 0.04))
        for seed in range(9)
    ]
    sweep_of(runs, "2025-01-01", first)
    sweep_of(runs, "2025-01-02", second)
    code, _, error = compare("a=rnn", "b=lstm", "task=adding")
    assert (code, advice(error)) == (2, ["sweep=2025-01-02"])
    for name, seeds in (("2025-01-01", 8), ("2025-01-02", 9)):
        code, said, error = compare("a=rnn", "b=lstm", "task=adding", f"sweep={name}")
        assert code == 0, error
        assert f"{seeds} runs of each" in said
    for name in ("nix", "../sweeps/2025-01-01"):
        code, _, error = compare("a=rnn", "b=lstm", "task=adding", f"sweep={name}")
        assert code == 2
        assert f"such as 2025-01-02, 2025-01-01; got '{name}'" in error


def test_a_study_is_chosen_by_its_name(runs, compare):
    for model, score in (("rnn", 0.5), ("lstm", 0.4)):
        for rate in (0.1, 0.2):
            settings = {"optimizer.learning_rate": rate}
            made = [fabricate(runs, model, seed, score + rate, settings=settings) for seed in range(8)]
            study_of(runs, model, f"{model}_{rate}", made)
    assert compare("a=rnn", "b=lstm", "task=adding")[0] == 2
    code, said, error = compare("a=rnn", "b=lstm", "task=adding", "study=rnn_0.2,lstm_0.1")
    assert code == 0, error
    assert "mean squared error is 0.2 lower" in said
    code, _, error = compare("a=rnn", "b=lstm", "task=adding", "study=rnn_0.3")
    assert code == 2
    assert "rnn_0.1 (rnn on adding)" in error
    assert "got 'rnn_0.3'" in error


def test_runs_that_are_made_are_of_no_sweep(runs, compare):
    code, _, error = compare("a=rnn", "b=lstm", "task=adding", "run=true", "sweep=x")
    assert code == 2
    assert "run: expected no sweep= beside it" in error
