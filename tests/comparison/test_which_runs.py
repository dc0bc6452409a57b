"""Which runs a word chooses, and that true is not 1, though Python says so."""

import pytest

from scripts.tables.fabricate import LSTM, RNN, fabricate, two_models
from seqexp.comparison.selection import Candidates
from seqexp.runs.reader import Run, differing
from tests.fabricated import run_result

pytestmark = pytest.mark.usefixtures("without_figures")


def test_a_word_that_is_true_does_not_choose_runs_with_one(runs, compare):
    """The runs with 1 were made by hand or by another version; those with true are asked for."""
    two_models(runs, [0.9] * 8, [0.8] * 8, task="word_lm", settings={"task.carry_state": 1})
    code, _, error = compare("a=rnn", "b=lstm", "task=word_lm", "task.carry_state=true")
    assert (code, error.count("\n")) == (2, 1)
    assert "task.carry_state=true; there are none" in error


def test_settings_chosen_by_words_are_told_with_the_task(runs, compare):
    two_models(runs, settings={"task.split_seed": 3})
    said = compare("a=rnn", "b=lstm", "task=adding", "task.split_seed=3", "training.epochs=20")[1]
    assert "On adding (length 50, split seed 3), lstm is better than rnn" in said


@pytest.mark.parametrize("match", [None, "params", "hidden"])
def test_of_several_configurations_a_winner_of_tuning_comes_first_and_then_what_matches(match, tmp_path):
    def run(signature, **settings):
        return Run(run_result(signature=signature), None, {f"model.{k}": v for k, v in settings.items()})

    plain, budget = run("a", hidden_size=64, param_budget=None), run("b", hidden_size=None, param_budget=999)

    def chosen(runs, winners):
        candidates = Candidates(match)
        candidates.add("adding", "rnn", runs, winners)
        return candidates.chosen("adding", "rnn", tmp_path)

    assert chosen([plain, budget], {"a"}) == [plain]
    assert chosen([plain, budget], {"b"}) == [budget]
    if match is not None:
        assert chosen([plain, budget], ()) == [budget if match == "params" else plain]
    assert chosen([], ()) == []


def test_settings_that_differ_are_listed_with_their_values_once_each():
    runs = [Run(run_result(), None, {"model.a": value, "seed": n, "task.b": 1}) for n, value in enumerate([3, 4, 3])]
    runs.append(Run(run_result(), None, {"task.b": 1}))
    assert differing(runs) == {"model.a": [3, 4, "absent"]}
    assert differing(runs, ("task.",)) == {}


def test_the_newest_finished_run_of_a_seed_counts_whatever_came_after(runs, compare):
    two_models(runs, RNN, LSTM[:7])
    fabricate(runs / "old", "lstm", 7, 0.5, result={"started": 5.0})
    fabricate(runs / "new", "lstm", 7, LSTM[7], result={"started": 6.0})
    fabricate(runs / "newest", "lstm", 7, None, result={"started": 7.0})
    said = compare("a=rnn", "b=lstm", "task=adding")[1]
    assert "mean squared error is 0.0915 lower" in said
    assert "2 lstm runs repeat a seed: only the newest finished run of each seed counts" in said
    assert "8 runs of each" in said
