"""The words that make a run again, and what names it among runs that differ by their seed."""

import pytest

from seqexp import config
from seqexp.config.compose import composed
from seqexp.config.differences import label, words_of


def checked(*words):
    config.register_resolvers()
    return config.check(composed([*words, "tracking=off"]))


@pytest.mark.parametrize(
    "words, named",
    [
        (["model=lstm", "task=adding"], "lstm"),
        (["model=rnn", "task=adding", "task.length=10", "seed=3"], "rnn, task.length=10"),
        (["model=gru", "task=copy", "optimizer=sgd", "training.epochs=2"], "gru, optimizer=sgd training.epochs=2"),
        (["model=lstm", "task=hello", "model.freeze_gates=[f]", "seed=1"], "lstm, model.freeze_gates=[f]"),
        (["model=rnn", "task=adding", "data_seed=4"], "rnn, data_seed=4"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_words_make_the_run_again_and_all_but_task_and_seed_name_its_kind(words, named):
    run_config = checked(*words)
    assert words_of(run_config) == words
    assert label(run_config) == named


def test_what_decides_nothing_is_in_no_words():
    assert words_of(checked("model=lstm", "task=adding", "figures=none", "task.margin={mse:0.1}", "seed=0")) == [
        "model=lstm",
        "task=adding",
    ]


def test_without_a_seed_it_is_that_of_the_default():
    run_config = checked("model=lstm", "task=adding")
    seedless = {key: value for key, value in run_config.settings.items() if key != "seed"}
    assert words_of(type(run_config)(seedless, "")) == ["model=lstm", "task=adding"]


def test_a_setting_that_the_default_has_and_the_run_lacks_is_told_as_null():
    run_config = checked("model=lstm", "task=adding")
    without = {key: value for key, value in run_config.settings["task"].items() if key != "length"}
    lacking = type(run_config)(run_config.settings | {"task": without}, run_config.signature)
    assert words_of(lacking) == ["model=lstm", "task=adding", "task.length=null"]


def test_of_names_that_no_file_has_only_the_names_are_told():
    run_config = checked("model=rnn", "task=adding")
    own = run_config.settings["task"] | {"name": "mine", "depth": 3}
    mine = type(run_config)(run_config.settings | {"task": own, "seed": 2}, run_config.signature)
    assert words_of(mine) == ["model=rnn", "task=mine", "seed=2"]
