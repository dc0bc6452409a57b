"""Of several configurations, which one counts, and which words would choose one: computed from runs without files."""

from itertools import product
from pathlib import Path
from zlib import crc32

import pytest

from scripts.tables.fabricate import fabricate
from seqexp.comparison.selection import Candidates, of_studies, of_sweep
from seqexp.comparison.tuning_studies import Study
from seqexp.runs.reader import Run
from seqexp.system.errors import UserError
from tests.comparison.test_selection import sweep_of
from tests.fabricated import run_result

NOWHERE = Path("nowhere")


def seeds(count, signature="", model="rnn", task="adding", **settings):
    """Runs of one configuration, seeds 0, 1, …; ``settings``: task__length=50."""
    own = {key.replace("__", "."): value for key, value in settings.items()}
    name = f"{signature} {crc32(repr(own).encode())}"
    results = [run_result(model=model, task=task, seed=n, signature=f"{name} {n}") for n in range(count)]
    return [Run(result, None, own) for result in results]


def candidates(cells, match=None, winners=()):
    """``cells``: (task, model) -> the runs of each of its configurations."""
    made = Candidates(match)
    for (task, model), configurations in cells.items():
        made.add(task, model, [run for runs in configurations for run in runs], winners)
    return made


RNN, LSTM = ("adding", "rnn"), ("adding", "lstm")


# -- what counts -----------------------------------------------------------------------------------------------------


def test_runs_that_differ_in_the_seed_alone_are_one_configuration():
    of_rnn = seeds(3, task__length=50)
    made = candidates({RNN: [of_rnn], LSTM: []})
    assert made.chosen(*RNN, NOWHERE) == of_rnn
    assert made.chosen(*LSTM, NOWHERE) == []
    assert made.models("adding") == ["rnn", "lstm"]
    assert made.models("copy") == []


def test_what_several_configurations_differ_in_is_listed_with_a_word_that_chooses_one():
    made = candidates({RNN: [seeds(2, task__length=50, a=1), seeds(1, task__length=100, a=2)]})
    with pytest.raises(UserError) as refused:
        made.chosen(*RNN, NOWHERE)
    assert str(refused.value) == (
        "adding: expected runs of rnn that differ in the seed alone; got 2 configurations, which differ in "
        "task.length (50, 100); choose one, such as task.length=50"
    )


def test_of_many_values_six_are_listed_and_the_line_stays_short():
    made = candidates({RNN: [seeds(1, task__length=n) for n in range(1, 9)]})
    with pytest.raises(UserError, match=r"which differ in task\.length \(1, 2, 3, 4, 5, 6\); choose one"):
        made.chosen(*RNN, NOWHERE)
    many = {f"task__{'x' * 30}{n}": n for n in range(40)}
    made = candidates({RNN: [seeds(1, **many), seeds(1, **{key: value + 1 for key, value in many.items()})]})
    with pytest.raises(UserError) as refused:
        made.chosen(*RNN, NOWHERE)
    assert len(str(refused.value).partition("which differ in ")[2].partition("; choose")[0]) == 600


def test_the_winner_of_a_study_counts_and_of_its_configuration_every_seed():
    plain, won = seeds(2, "a", model__x=1), seeds(3, "b", model__x=2)
    assert candidates({RNN: [plain, won]}, winners={won[1].result.signature}).chosen(*RNN, NOWHERE) == won


def test_a_study_that_was_asked_for_leaves_its_winners_runs_alone():
    made = candidates({RNN: [seeds(3, "a", model__x=1), won := seeds(3, "b", model__x=2)], LSTM: [seeds(2)]})
    made.keep({RNN: {run.result.signature for run in won[:2]}})
    assert made.chosen(*RNN, NOWHERE) == won[:2]
    assert len(made.chosen(*LSTM, NOWHERE)) == 2
    with pytest.raises(UserError) as refused:
        made.keep({LSTM: {"another"}})
    assert str(refused.value) == "study: expected finished runs of its winner; there are none of lstm on adding"


# -- what is suggested -----------------------------------------------------------------------------------------------


def suggested(cells, root=NOWHERE, match=None):
    return candidates(cells, match).suggested(root)


def test_the_word_that_leaves_the_most_seeds():
    few, many = (seeds(n, task__length=length) for n, length in ((2, 50), (5, 100)))
    assert suggested({RNN: [few, many]}) == ["task.length=100"]
    assert suggested({RNN: [many, few]}) == ["task.length=100"]


def test_seeds_count_that_all_models_of_a_task_have_and_the_task_with_the_fewest():
    def cells(task, lengths):
        """For each length, the seeds of rnn and of lstm."""
        return {
            (task, model): [seeds(counts[n], model=model, task=task, task__length=x) for x, counts in lengths.items()]
            for n, model in enumerate(("rnn", "lstm"))
        }

    assert suggested(cells("adding", {50: (9, 2), 100: (4, 4)})) == ["task.length=100"]
    adding, copy = cells("adding", {50: (9, 9), 100: (4, 4)}), cells("copy", {50: (2, 2), 100: (3, 3)})
    assert suggested({**adding, **copy}) == ["task.length=100"]


def test_a_word_leaves_every_model_with_runs():
    lengths = {RNN: (50, 100), LSTM: (100, 200)}
    cells = {cell: [seeds(3, cell[1], task__length=x) for x in both] for cell, both in lengths.items()}
    assert suggested(cells) == ["task.length=100"]


def test_a_setting_of_one_model_does_not_shut_out_another_that_lacks_it():
    cells = {RNN: [seeds(3)], LSTM: [seeds(2, "l", model__forget_bias=1.0), seeds(3, "l", model__forget_bias=5.0)]}
    assert suggested(cells) == ["model.forget_bias=5.0"]


@pytest.mark.parametrize("keys", [1, 2, 3, 4])
def test_as_few_words_as_do_and_at_most_three(keys):
    """Configurations of every combination of values, one of which has more seeds."""
    names = ["training.epochs", "training.batch_size", "task.length", "task.gap"][:keys]
    combinations = [dict(zip(names, values, strict=True)) for values in product((1, 2), repeat=keys)]
    cells = {RNN: [seeds(3 if all(v == 2 for v in each.values()) else 2, **each) for each in combinations]}
    assert sorted(suggested(cells)) == (sorted(f"{name}=2" for name in names) if keys <= 3 else [])


def test_one_word_is_better_than_two_that_leave_as_many_seeds():
    cells = {
        RNN: [
            seeds(3, training__epochs=1, task__length=50),
            seeds(3, training__epochs=2, task__length=50),
            seeds(3, training__epochs=1, task__length=100),
        ]
    }
    assert suggested(cells) in (["training.epochs=2"], ["task.length=100"])


def test_where_a_budget_is_to_match_only_the_rest_has_to_be_chosen():
    budget = [seeds(2, f"b{n}", model__param_budget=9, training__epochs=n) for n in (1, 2)]
    plain = seeds(1, "p", model__param_budget=None, training__epochs=1)
    assert suggested({RNN: [*budget, plain]}, match="params") == ["training.epochs=1"]


def test_a_sweep_is_suggested_where_no_setting_does_it_and_never_two(tmp_path):
    """Each of rnn's configurations has a learning rate that lstm never had."""
    rnn = [fabricate(tmp_path, "rnn", 0, 0.5, settings={"optimizer.learning_rate": n}) for n in (1, 2, 3)]
    lstm = fabricate(tmp_path, "lstm", 0, 0.5, settings={"optimizer.learning_rate": 4})

    def cells():
        made = {RNN: [seeds(1, f"r{n}", optimizer__learning_rate=n) for n in (1, 2, 3)], LSTM: [seeds(1, "l")]}
        for runs, folder in zip([*made[RNN], *made[LSTM]], [*rnn, lstm], strict=True):
            runs[0] = Run(runs[0].result.but(signature=folder.name), None, runs[0].settings)
        return made

    assert suggested(cells(), tmp_path) == []
    sweep_of(tmp_path, "lr=1, lr=2", [*rnn[:2], lstm])
    sweep_of(tmp_path, "lr=2, lr=3", [*rnn[1:], lstm])
    assert suggested(cells(), tmp_path) == [], "both together would choose one, but sweep= can be said once"
    sweep_of(tmp_path, "lr=3", [rnn[2], lstm])
    assert suggested(cells(), tmp_path) == ["sweep=lr=3"]


# -- names -----------------------------------------------------------------------------------------------------------


def test_a_sweep_that_is_not_there_is_told_with_the_five_newest(tmp_path):
    folder = fabricate(tmp_path, "rnn", 0, 0.5)
    with pytest.raises(UserError, match=r"such as none, since there is none; got 'x'$"):
        of_sweep(tmp_path, "x")
    for n in range(7):
        sweep_of(tmp_path, f"day {n}", [folder])
    assert of_sweep(tmp_path, "day 3") == {folder.name}
    with pytest.raises(UserError, match=r"such as day 6, day 5, day 4, day 3, day 2; got 'x'$"):
        of_sweep(tmp_path, "x")


def test_studies_of_one_name_and_of_several_are_those_of_each_task_and_model():
    def study(name, task, model, *signatures):
        return Study(Path(f"{name}.json"), task, model, {}, 1, "", "", "min", [], frozenset(signatures))

    found = {
        "adding": {"rnn": [study("x", "adding", "rnn", "a"), study("y", "adding", "rnn", "b")]},
        "copy": {"lstm": [study("x", "copy", "lstm", "c")]},
    }
    assert of_studies([], found) == {}
    assert of_studies(["x"], found) == {("adding", "rnn"): {"a"}, ("copy", "lstm"): {"c"}}
    assert of_studies(["x", "y"], found)["adding", "rnn"] == {"a", "b"}
    with pytest.raises(UserError) as refused:
        of_studies(["z"], found)
    told = "x (rnn on adding), y (rnn on adding), x (lstm on copy)"
    assert str(refused.value) == f"study: expected a study of {told}; got 'z'"
