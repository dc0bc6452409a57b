"""A comparison reads run directories without trust, pairs them by seed, and says who wins - or why nobody can say."""

import csv
import json
import re

import numpy as np
import pytest

from scripts.tables.fabricate import LSTM, RNN, fabricate, two_models
from tests.comparison.by_hand import write

undrawn = pytest.mark.usefixtures("without_figures")  # where figures are not what is tested: they are most of the time


def report(root, name="adding_rnn_lstm"):
    return root / "compare" / name


# -- the verdict -----------------------------------------------------------------------------------------------------


def test_the_better_model_is_named_with_its_effect_as_computed_by_hand(runs, compare):
    two_models(runs)
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    effect = np.mean(np.subtract(RNN, LSTM))
    assert "On adding (length 50), lstm is better than rnn in the typical run: a fresh run of lstm beats" in said
    assert f"lstm's mean squared error is {effect:.3g} lower" in said
    assert "UNTUNED: lstm is better in the typical run" in said
    assert "8 runs of each" in said
    assert "smaller is better" in said
    assert "always 1 (no memory)" in said
    rows = list(csv.DictReader((report(runs) / "comparison.csv").read_text().splitlines()))
    means = {row["model"]: float(row["mean"]) for row in rows if row["metric"] == "test/mse"}
    assert means == {"rnn": pytest.approx(np.mean(RNN)), "lstm": pytest.approx(np.mean(LSTM))}
    assert len(list(csv.DictReader((report(runs) / "runs.csv").read_text().splitlines()))) == 16


@undrawn
def test_the_verdict_does_not_depend_on_who_is_called_a(runs, compare):
    two_models(runs)
    first, second = (compare(*pair, "task=adding")[1] for pair in (("a=rnn", "b=lstm"), ("a=lstm", "b=rnn")))
    sentence = re.compile(r"On adding.*?runs of each\.")
    assert sentence.findall(first) == sentence.findall(second) != []


@undrawn
def test_a_metric_of_which_more_is_better_turns_the_verdict(runs, compare):
    about = {"primary_metric": "test/accuracy", "direction": "max", "baseline": {"chance": 0.01}}
    for model, scores in (("rnn", RNN), ("lstm", LSTM)):
        for seed, score in enumerate(scores):
            fabricate(runs, model, seed, score, result={**about, "metrics": {"test/accuracy": score}})
    assert "rnn is better than lstm in the typical run" in compare("a=rnn", "b=lstm", "task=adding")[1]


@undrawn
@pytest.mark.parametrize(("direction", "better"), [("max", "rnn"), ("min", "lstm")])
def test_a_secondary_metric_that_no_table_knows_is_judged_as_the_runs_say(runs, compare, direction, better):
    for model, scores in (("rnn", RNN), ("lstm", LSTM)):
        for seed, score in enumerate(scores):
            own = {"metrics": {"test/mse": 0.1, "test/gain": score}, "directions": {"test/gain": direction}}
            fabricate(runs, model, seed, score, result=own)
    code, said, error = compare("a=rnn", "b=lstm", "task=adding", "metric=gain")
    assert code == 0, error
    assert f"{better} is better" in said


@undrawn
def test_a_metric_of_which_nobody_knows_whether_larger_is_better_is_refused(runs, compare):
    for model, scores in (("rnn", RNN), ("lstm", LSTM)):
        for seed, score in enumerate(scores):
            fabricate(runs, model, seed, score, result={"metrics": {"test/mse": 0.1, "test/gain": score}})
    code, _, error = compare("a=rnn", "b=lstm", "task=adding", "metric=gain")
    assert code == 2
    assert error.startswith("error: metric gain: expected one of accuracy, ")
    assert error.count("\n") == 1


@undrawn
def test_runs_that_contradict_each_other_on_a_direction_are_refused(runs, compare):
    two_models(runs)
    fabricate(runs, "rnn", 8, 0.1, result={"direction": "max"})
    code, _, error = compare("a=rnn", "b=lstm", "task=adding")
    assert (code, error.count("\n")) == (2, 1)
    assert "expected runs that agree whether larger is better" in error


@undrawn
def test_within_the_margin_models_are_equivalent_and_too_few_runs_can_never_be_enough(runs, compare):
    write(runs, dict.fromkeys(range(8), 0.1), dict.fromkeys(range(8), 0.1001))
    assert "equivalent" in compare("a=rnn", "b=lstm", "task=adding")[1]
    assert "not resolved" in compare("a=rnn", "b=lstm", "task=adding", "level=0.999")[1]
    said = compare("a=rnn", "b=lstm", "task=adding", "margin=0", "level=0.999")[1]
    assert "8 runs of rnn and lstm can never reach the 99.9 % level; at least 11 of each are needed" in said


@undrawn
def test_diverged_and_killed_runs_are_counted_named_and_never_scored(runs, compare):
    two_models(runs, [*RNN, None, None], [*LSTM, 0.03, 0.04, 0.05])
    killed = fabricate(runs, "rnn", 10, None)
    (killed / "result.json").rename(killed / "run.json")
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "10 runs of rnn and 11 of lstm." in said
    assert "3 of 11 rnn runs have no score" in said
    assert "Seeds without a pair: 8, 9, 10" in said
    rows = {row["model"]: row for row in csv.DictReader((report(runs) / "comparison.csv").read_text().splitlines())}
    assert (rows["rnn"]["diverged"], rows["rnn"]["killed"], rows["rnn"]["seeds"]) == ("2", "1", "8")
    assert "its process was killed" in (report(runs) / "report.md").read_text()
    assert not (killed / "result.json").exists(), "comparing changes no run"


@undrawn
def test_three_models_are_compared_in_pairs_with_corrected_p_values(runs, compare):
    two_models(runs)
    for seed, score in enumerate(RNN):
        fabricate(runs, "stacked_rnn", seed, score - 0.02 + 0.001 * (-1) ** seed)
    code, said, _ = compare("models=rnn,stacked_rnn,lstm", "task=adding")
    assert code == 0
    assert said.count("is better than") == 3
    assert "Holm" in (report(runs, "adding_rnn_stacked_rnn_lstm") / "report.md").read_text()


def test_several_tasks_are_put_on_one_scale(runs, compare):
    two_models(runs)
    about = {"primary_metric": "test/accuracy", "direction": "max"}
    for model, base in (("rnn", 0.6), ("lstm", 0.9)):
        for seed in range(8):
            metrics = {"test/accuracy": base + 0.01 * seed}
            changed = {**about, "metrics": metrics, "baseline": {"chance": 0.25}}
            fabricate(runs, model, seed, 1.0, task="copy", result=changed)
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding,copy")
    assert code == 0
    assert "Interquartile mean" in said
    assert "Wilcoxon" in (report(runs, "adding_copy_rnn_lstm") / "report.md").read_text()
    assert (report(runs, "adding_copy_rnn_lstm") / "performance_profile.svg").exists()


# -- which runs count ------------------------------------------------------------------------------------------------


@undrawn
def test_of_a_seed_that_was_run_twice_the_newest_finished_run_counts(runs, compare):
    two_models(runs)
    old = fabricate(runs / "again", "rnn", 0, 0.9, result={"started": 1.0})
    new = fabricate(runs / "newer", "rnn", 1, None, result={"started": 2e9})
    assert old.exists()
    assert new.exists()
    said = compare("a=rnn", "b=lstm", "task=adding")[1]
    assert f"mean squared error is {np.mean(np.subtract(RNN, LSTM)):.3g} lower" in said
    assert "2 rnn runs repeat a seed" in said


@undrawn
def test_several_configurations_are_refused_by_name_and_a_word_chooses_one(runs, compare):
    two_models(runs)
    two_models(runs, [0.9] * 8, [0.8] * 8, settings={"task.length": 100, "training.epochs": 3})
    code, said, error = compare("a=rnn", "b=lstm", "task=adding")
    assert (code, said) == (2, "")
    assert error.count("\n") == 1
    assert "task.length (" in error
    assert "training.epochs (" in error
    assert "choose one, such as task.length=" in error
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding", "task.length=50")
    assert code == 0
    assert "adding (length 50)" in said


@undrawn
def test_a_budget_is_taken_where_parameters_are_to_match(runs, compare):
    two_models(runs)
    two_models(runs, [0.2] * 8, [0.1] * 8, settings={"model.param_budget": 4353, "model.hidden_size": None})
    assert compare("a=rnn", "b=lstm", "task=adding")[0] == 2
    assert "mean squared error is 0.1 lower" in compare("a=rnn", "b=lstm", "task=adding", "match=params")[1]


@undrawn
def test_models_on_different_problems_are_not_compared(runs, compare):
    for seed in range(6):
        fabricate(runs, "rnn", seed, 0.1, settings={"task.length": 50})
        fabricate(runs, "lstm", seed, 0.1, settings={"task.length": 100})
    code, _, error = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 2
    assert "task.length (50, 100)" in error


def test_the_winners_of_a_tuning_study_are_taken_and_unequal_tuning_is_told(runs, compare):
    two_models(runs)
    winners = {"optimizer.learning_rate": 0.01}
    for model, trials in (("rnn", 20), ("lstm", 40)):
        folders = [fabricate(runs, model, seed, 0.01 * trials, settings=winners) for seed in range(6)]
        study = {
            "task": "adding",
            "model": model,
            "study": "x",
            "space": {"optimizer.learning_rate": "log"},
            "trials": trials,
            "sampler": "random",
            "metric": "val/mse",
            "direction": "min",
            "seed": 0,
            "best": {},
            "scores": [{"number": n, "score": 1.0 / (n + 1)} for n in range(trials)],
            "signatures": [folder.name for folder in folders],
        }
        place = runs / "tuning" / "adding" / model
        place.mkdir(parents=True)
        (place / "x.json").write_text(json.dumps(study))
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "mean squared error is 0.2 lower" in said
    assert "UNTUNED" not in said
    assert "tuned unequally: trials 20 for rnn, 40 for lstm" in said
    assert (report(runs) / "adding_tuning.svg").exists()


# -- warnings --------------------------------------------------------------------------------------------------------


@undrawn
@pytest.mark.parametrize(
    ("changed", "warns"),
    [
        ({"params": 5000}, "budgets differ by 13%"),
        ({"data": "abc"}, "the runs read different data"),
        ({"git_sha": "f" * 40}, "the runs come from different code"),
        (
            {"git_sha": "4d062c5aed6bead9db54ad775543d0120c503a2a+"},
            "the code of the runs was changed after commit",
        ),
        ({"numpy": "2.1.0"}, "the runs used different versions of NumPy"),
        ({"metrics": {"test/loss": 1.0}}, "finished runs of lstm have no test/mse"),
    ],
)
def test_what_is_unequal_is_warned_of(runs, compare, changed, warns):
    two_models(runs)
    assert "warning" not in compare("a=rnn", "b=lstm", "task=adding")[1]
    fabricate(runs, "rnn", 8, 0.1)
    fabricate(runs, "lstm", 8, 0.1, result=changed)
    if "params" in changed:  # all runs of a model have as many
        for folder in (runs / "adding" / "lstm").iterdir():
            result = json.loads((folder / "result.json").read_text())
            (folder / "result.json").write_text(json.dumps({**result, **changed}))
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert f"warning: {warns}" in said
    for page in ("report.html", "report.md"):
        assert warns[:20] in (report(runs) / page).read_text()


@undrawn
def test_a_budget_within_one_hidden_unit_is_equal_enough(runs, compare):
    for seed, (rnn, lstm) in enumerate(zip(RNN, LSTM, strict=True)):
        fabricate(runs, "rnn", seed, rnn, result={"params": 1000, "params_per_unit": 60})
        fabricate(runs, "lstm", seed, lstm, result={"params": 941, "params_per_unit": 60})
    assert "warning" not in compare("a=rnn", "b=lstm", "task=adding")[1]


@undrawn
def test_settings_that_were_to_match_are_checked(runs, compare):
    two_models(runs)
    said = compare("a=rnn", "b=lstm", "task=adding", "match=seconds")[1]
    assert "match=seconds: training.max_seconds is None for rnn" in said


# -- why -------------------------------------------------------------------------------------------------------------
