"""run=true: what is held equal between the two models, which words reach which model, and what MLflow is told at the
end. Nothing is trained."""

import pytest

from seqexp.comparison import budgets, protocol
from seqexp.runs.location import choose
from seqexp.system.errors import UserError
from tests.comparison.stand_in import fabricated, stand_in

pytestmark = pytest.mark.usefixtures("without_figures")

PAIR = ("run=true", "a=rnn", "b=lstm", "tuned=false", "first_seed=0")
ENOUGH = "error: enough\n"


@pytest.fixture
def asked(runs, compare, monkeypatch):
    """What compare would train: asked("task=adding", …) -> the settings of the first pair by model, and what was
    said."""

    def call(*words):
        configs = {}

        def run(run_config, location):
            configs[run_config.name("model")] = run_config.settings
            if len(configs) == 2:
                raise UserError("enough")
            return fabricated(run_config, 0.25)

        stand_in(monkeypatch, run)
        _, said, error = compare(*PAIR, *words)
        return configs, said, error

    return call


def sizes(configs):
    return [(each["model"]["hidden_size"], each["model"]["param_budget"]) for each in configs.values()]


# -- what is equal ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["match=params"]], ids=str)
def test_both_models_get_the_parameters_that_a_plain_network_has(asked, words):
    """rnn, 64 units on two inputs: 64 (64 + 2 + 1) + 65 = 4,353. lstm, H units: 4 H (H + 2 + 1) + H + 1."""
    configs, said, error = asked("task=adding", *words)
    assert error == ENOUGH
    assert sizes(configs) == [(None, 4353), (None, 4353)]
    assert "match=params: model.param_budget=4353, what rnn has with 64 units, the embedding not counted" in said
    assert "rnn gets 64 units: 4,353 parameters (one more: 4,486)" in said
    assert "lstm gets 31 units: 4,248 parameters (one more: 4,513)" in said


def test_a_size_asked_for_is_both_models_own(asked):
    configs, said, _ = asked("task=adding", "model.hidden_size=16")
    assert sizes(configs) == [(16, None), (16, None)]
    assert "match=" not in said


def test_a_size_that_is_asked_for_with_match_params_is_the_plain_networks(asked):
    """16 (16 + 2 + 1) + 17 = 321."""
    configs, said, _ = asked("task=adding", "model.hidden_size=16", "match=params")
    assert sizes(configs) == [(None, 321), (None, 321)]
    assert "what rnn has with 16 units" in said


@pytest.mark.parametrize("words", [[], ["match=params"]], ids=str)
def test_a_budget_asked_for_is_both_models_budget(asked, words):
    configs, said, _ = asked("task=adding", "model.param_budget=5000", *words)
    assert sizes(configs) == [(None, 5000), (None, 5000)]
    assert "match=" not in said


def test_hidden_units_are_equal_or_it_is_refused(asked):
    configs, said, error = asked("task=adding", "match=hidden")
    assert error == ENOUGH
    assert sizes(configs) == [(64, None), (64, None)]
    assert "match=hidden: all models have 64 hidden units" in said
    configs, _, error = asked("task=adding", "match=hidden", "model.param_budget=5000")
    assert configs == {}
    assert error == (
        "error: match=hidden: expected equal hidden sizes; got [None, None]; add model.hidden_size=<units>\n"
    )


def test_seconds_are_equal_and_end_the_training_before_the_epochs_do(asked):
    configs, said, error = asked("task=adding", "match=seconds", "training.max_seconds=2.5")
    assert error == ENOUGH
    assert [each["training"]["max_seconds"] for each in configs.values()] == [2.5, 2.5]
    assert {each["training"]["epochs"] for each in configs.values()} == {budgets.UNLIMITED}
    assert sizes(configs) == [(64, None), (64, None)]
    assert "match=seconds: all models train for 2.5 s, in any number of epochs" in said


def test_steps_are_equal_where_nothing_may_stop_a_training(asked):
    defaults, _, _ = asked("task=sentiment")
    assert [each["training"].get("stop_when_solved") for each in defaults.values()] == [True, True]
    configs, _, error = asked("task=sentiment", "stop=never")
    assert error == ENOUGH
    for each in configs.values():
        assert each["training"]["patience"] is None
        assert "stop_when_solved" not in each["training"], "as in runs of earlier versions"


# -- which words reach the runs --------------------------------------------------------------------------------------


def test_a_setting_of_one_model_goes_to_that_model_alone_and_all_others_to_both(asked):
    configs, _, error = asked(
        "task=copy", "task.delay=7", "model.forget_bias=2", "model.recurrent_scale=0.5", "training.epochs=3"
    )
    assert error == ENOUGH
    assert "forget_bias" not in configs["rnn"]["model"]
    assert configs["lstm"]["model"]["forget_bias"] == 2
    for each in configs.values():
        assert (each["task"]["name"], each["task"]["delay"], each["training"]["epochs"]) == ("copy", 7, 3)
        assert each["model"]["recurrent_scale"] == 0.5
        assert each["seed"] == 0


def test_an_experiment_gives_its_task_and_settings_to_both(asked):
    configs, _, error = asked("experiment=quick", "training.epochs=1")
    assert error == ENOUGH
    assert {(each["task"]["name"], each["task"]["feed"]) for each in configs.values()} == {("hello", "previous")}


@pytest.mark.parametrize(
    ("word", "says"),
    [
        (
            "hydra/launcher=nosuch",
            "hydra/launcher: expected one of basic, joblib, ray, submitit_local, submitit_slurm; got 'nosuch'",
        ),
        ("hydra.launcher.n_job=2", "hydra.launcher.n_job: no such key"),
    ],
)
def test_a_launcher_that_is_not_there_is_refused_before_anything_is_made(asked, runs, word, says):
    configs, _, error = asked("task=adding", word)
    assert configs == {}
    assert error.startswith(f"error: {says}")
    assert error.count("\n") == 1
    assert not runs.exists() or not list(runs.iterdir())


# -- what MLflow is told ---------------------------------------------------------------------------------------------


@pytest.fixture
def told(runs, monkeypatch):
    """The parent runs that MLflow is told of: [opened with, the status it ended with], a list each."""
    parents = []

    def opened(tracking, **about):
        parents.append([about])
        return "the parent"

    def finished(tracking, parent, status, *rest):
        assert parent == "the parent"
        parents[-1].append(status)

    monkeypatch.setattr(protocol, "open_parent", opened)
    monkeypatch.setattr(protocol, "finish_parent", finished)
    return parents


@pytest.mark.parametrize(
    ("second", "status", "code"),
    [
        (0.5, "FINISHED", 0),
        (None, "FAILED", 1),
        (UserError("no such file"), "FAILED", 2),
        (KeyboardInterrupt(), "KILLED", 130),
    ],
    ids=["all finish", "one diverges", "one is refused", "Ctrl-C"],
)
def test_the_parent_run_ends_as_the_comparison_did(runs, compare, told, monkeypatch, second, status, code):
    def run(run_config, location):
        assert location.parent_run_id == "the parent"
        model, seed = run_config.name("model"), run_config.settings["seed"]
        if isinstance(second, BaseException) and seed == 1:
            raise second
        made = choose(run_config, location, str)
        assert made is not None
        assert made == location.root / "adding" / model / run_config.signature, "where the same command looks for it"
        return fabricated(run_config, second if seed == 1 else 0.25)

    stand_in(monkeypatch, run)
    done, _, error = compare(*PAIR, "task=adding", "max_seeds=2")
    ((about, ended),) = told
    assert (done, ended) == (code, status)
    assert (about["name"], about["tags"]) == ("comparison", {"kind": "comparison"})
    assert (
        "python -m seqexp.compare run=true a=rnn b=lstm tuned=false first_seed=0 task=adding max_seeds=2"
        in about["note"]
    )
    assert ("stopped; the same command goes on where this one ended" in error) == (status == "KILLED")
