"""run=true, tuned: the plan, what is registered before the first run, which runs tune and which confirm, and what makes
a claim exploratory. Runs are stood in for."""

import json
import math
from threading import Event
from typing import Any

import pytest
from omegaconf import OmegaConf

from seqexp import config
from seqexp.comparison import arguments, spaces
from seqexp.sweeps.search import TUNING_SEEDS
from seqexp.sweeps.search_space import Choice, Range
from seqexp.system.errors import UserError
from tests.comparison.stand_in import fabricated, stand_in

pytestmark = pytest.mark.usefixtures("without_figures")

WORDS = ("run=true", "task=adding", "trials=1", "max_seeds=8", "level=0.8")
BEST = {"rnn": 3e-3, "lstm": 6e-3}  # the rates at which the stand-ins learn best


@pytest.fixture
def made(runs, monkeypatch):
    """The (model, seed, rate, whether a trial) that were run, in their order. lstm is a little better at its best rate
    and much worse elsewhere."""
    found = []

    def run(run_config, location):
        model, seed = run_config.name("model"), run_config.settings["seed"]
        rate = run_config.settings["optimizer"]["learning_rate"]
        found.append((model, seed, rate, run_config.is_trial, location.root))
        away = abs(math.log10(rate / BEST[model]))
        return fabricated(run_config, away + (0.3 if model == "rnn" else 0.1) + seed % 10 / 1000)

    stand_in(monkeypatch, run)
    return found


def claims(runs):
    return {file.parent.name: json.loads(file.read_text()) for file in sorted(runs.glob("compare/*/claim.json"))}


def confirming(made):
    return [one for one in made if not one[3]]


def test_each_model_is_tuned_alike_and_confirmed_at_its_best_on_seeds_that_no_trial_had(made, compare):
    code, said, error = compare(*WORDS[:2], *WORDS[3:], "trials=4", "a=rnn", "b=lstm")
    assert code == 0, error
    trials = {model: [one[1:3] for one in made if one[3] and one[0] == model] for model in BEST}
    assert len(trials["rnn"]) == len(trials["lstm"]) == 6, "4 trials, then the better 2 for longer"
    assert trials["rnn"][:4] == trials["lstm"][:4], "the same values on the same seed"
    rates = {model: {one[2] for one in confirming(made) if one[0] == model} for model in BEST}
    assert {model: len(its) for model, its in rates.items()} == {"rnn": 1, "lstm": 1}
    assert rates["rnn"] != rates["lstm"]
    seeds = {one[1] for one in confirming(made)}
    assert len(seeds) == 5
    assert not seeds & {*TUNING_SEEDS, *range(1000)}
    assert "lstm is better than rnn" in said
    assert "UNTUNED" not in said
    assert "exploratory" not in said
    assert "at other settings" not in said, "there were none"


def test_the_order_of_the_models_changes_neither_the_question_nor_the_answer(runs, made, compare):
    compare(*WORDS, "a=rnn", "b=lstm")
    before = {(model, seed, rate) for model, seed, rate, *_ in confirming(made)}
    made.clear()
    _, said, _ = compare(*WORDS, "a=lstm", "b=rnn")
    assert {(model, seed, rate) for model, seed, rate, *_ in confirming(made)} == before
    assert "rnn is better than lstm" in said
    assert "registered before" in said
    assert len(claims(runs)) == 1


def test_a_plan_runs_nothing_and_registers_nothing(runs, made, compare):
    code, said, error = compare(*WORDS[:2], *WORDS[3:], "trials=4", "a=rnn", "b=lstm", "plan=true")
    assert code == 0, error
    assert made == []
    assert not runs.exists()
    assert "4 trials of each model, the same for all: 4 with training.epochs=10, then 2 with training.epochs=20" in said
    assert "optimizer.learning_rate in tag(log, interval(0.0001, 0.03)), the first trial at 0.003" in said
    assert "pairs that one takes: 5 at least" in said
    assert "estimate: " in said


def test_the_claim_is_written_before_the_first_run(runs, compare, monkeypatch):
    def run(run_config, location):
        (claim,) = claims(runs).values()
        raise AssertionError(f"{claim['task']} of {claim['models']} within {claim['margin']}")

    stand_in(monkeypatch, run)
    code, _, error = compare(*WORDS, "a=rnn", "b=lstm")
    assert code != 0
    assert "adding of ['lstm', 'rnn'] within 0.005" in error


def test_untuned_is_said_first(made, compare, monkeypatch):
    meanwhile = Event()
    monkeypatch.setattr("seqexp.compare._import_early", meanwhile.set)
    code, said, error = compare(*WORDS[:2], "a=rnn", "b=lstm", "tuned=false", "level=0.8")
    assert code == 0, error
    assert not any(one[3] for one in made)
    assert "UNTUNED: rnn is better" in said, "at the default rate, which suits it"
    assert meanwhile.wait(5), "what the report needs is imported while runs are made"


def test_what_is_changed_after_a_claim_was_registered_makes_it_exploratory(runs, made, compare):
    compare(*WORDS, "a=rnn", "b=lstm")
    code, said, error = compare(*WORDS, "a=rnn", "b=lstm", "margin=0.02")
    assert code == 0, error
    assert "exploratory: lstm is better" in said or "exploratory: rnn is better" in said
    assert "asked the same with another margin (then 0.005, now 0.02)" in said
    assert "1 other comparison on this task was registered in this folder" in said


def test_more_seeds_go_on_from_the_claim_and_change_nothing(runs, made, compare):
    compare(*WORDS[:3], "level=0.8", "max_seeds=3", "a=rnn", "b=lstm")
    first = [one[:2] for one in confirming(made)]
    made.clear()
    _, said, _ = compare(*WORDS, "a=rnn", "b=lstm")
    assert [one[:2] for one in confirming(made)][:6] == first
    assert "rnn is better than lstm" in said
    assert "exploratory" not in said
    assert "max_seeds was 3 when the claim was registered and is 8" in said
    assert len(claims(runs)) == 1


def test_a_replication_has_its_own_seeds_and_is_not_exploratory(runs, made, compare):
    compare(*WORDS, "a=rnn", "b=lstm")
    (name,) = claims(runs)
    made.clear()
    _, said, _ = compare(*WORDS, "a=rnn", "b=lstm", "first_seed=50")
    assert [seed for model, seed, *_ in confirming(made) if model == "rnn"] == [*range(50, 55)]
    assert f"a replication of claim {name.rpartition('_')[2]} on other seeds" in said
    assert "exploratory" not in said
    assert len(claims(runs)) == 2


def test_seeds_that_had_been_run_before_are_not_fresh(made, compare):
    compare(*WORDS, "a=rnn", "b=lstm", "first_seed=50", "budget=4000")
    _, said, _ = compare(*WORDS, "a=rnn", "b=lstm", "first_seed=50", "budget=4000", "margin=0.01")
    assert "of its seeds had been made before the claim was registered" in said


def test_an_edited_claim_is_exploratory_and_its_terms_are_the_commands(runs, made, compare):
    compare(*WORDS, "a=rnn", "b=lstm")
    (file,) = runs.glob("compare/*/claim.json")
    claim = json.loads(file.read_text())
    file.write_text(json.dumps(claim | {"margin": 0.5}))
    _, said, _ = compare(*WORDS, "a=rnn", "b=lstm")
    assert "claim.json was edited after it was registered" in said
    assert "differences within 0.005 count as equivalent" in said


def test_seeds_of_trials_confirm_nothing(made, compare):
    code, _, error = compare(*WORDS, "a=rnn", "b=lstm", f"first_seed={TUNING_SEEDS.start - 2}")
    assert code == 2
    assert error.startswith("error: first_seed: expected seeds that no trial runs on")
    assert made == []


def test_a_study_is_taken_in_place_of_a_search(runs, made, compare):
    for model, rate in BEST.items():
        folder = runs / "tuning" / "adding" / model
        folder.mkdir(parents=True)
        about = {"task": "adding", "model": model, "space": {}, "trials": 1, "sampler": "tpe", "metric": "val/mse"}
        scores = [{"score": 0.1, "values": {"optimizer.learning_rate": rate}}]
        best = {"optimizer.learning_rate": rate}
        study = {**about, "direction": "min", "scores": scores, "best": best, "signatures": []}
        (folder / f"of_{model}.json").write_text(json.dumps(study))
    code, said, error = compare(*WORDS, "a=rnn", "b=lstm", "study=of_rnn,of_lstm")
    assert code == 0, error
    assert not any(one[3] for one in made)
    assert {(model, rate) for model, _, rate, *_ in made} == {*BEST.items()}
    assert "lstm is better than rnn" in said
    assert "UNTUNED" not in said
    code, _, error = compare(*WORDS, "a=rnn", "b=lstm", "study=of_rnn")
    assert code == 2
    assert error.startswith("error: study: expected a finished study of lstm on adding; got of_rnn; there are ")


def test_three_models_against_one_share_the_error_and_each_searches_once(made, compare, monkeypatch):
    monkeypatch.setitem(BEST, "gru", 1e-3)
    code, said, error = compare(*WORDS, "a=lstm", "models=rnn,gru")
    assert code == 0, error
    assert "2 claims in all, so each is tested at 90 %" in said
    assert sum(one[3] for one in made) == 3
    assert "after Holm for 2 claims" in said


def test_claims_of_other_reports_count_too(made, compare):
    _, said, _ = compare(*WORDS, "a=rnn", "b=lstm", "claims=66", "plan=true")
    assert "66 claims in all" in said
    assert "pairs that one takes: more than 8: raise max_seeds" in said


def test_a_claim_is_checked_at_other_settings(made, compare):
    code, said, error = compare(*WORDS[:2], *WORDS[3:], "trials=4", "a=rnn", "b=lstm", "robustness=true")
    assert code == 0, error
    for name in ("default settings", "half the budget", "twice the budget", "split 1", "split 2"):
        assert f"checked at: {name}" in said
        assert f"{name}: seed " in said
    assert "The same question at other settings" in said
    assert "holds in 5 of 6" in said, "not at default settings, where the rate suits the other model"
    assert sum(one[3] for one in made) == 12, "the checks are not tuned anew"


def test_a_comparison_at_three_budgets_is_three_claims(made, compare):
    code, said, error = compare(*WORDS[:3], "max_seeds=2", "a=rnn", "b=lstm", "budgets=small,medium,large")
    assert code == 0, error
    assert "repeated at: small, 1,088 parameters, tuned anew" in said
    assert "repeated at: large, 17,412 parameters, tuned anew" in said
    assert "3 claims in all" in said
    assert sum(one[3] for one in made) == 6


def test_a_space_in_a_tasks_yaml_is_searched_and_is_no_setting_of_a_run():
    typed = "tag(log, interval(1e-3, 1e-1))"
    config.register_resolvers()
    cfg = config.composed(["task=adding", f"+task.space={{optimizer.learning_rate:'{typed}'}}"])
    assert spaces.read_all(cfg.task.space) == {"optimizer.learning_rate": Range(1e-3, 1e-1, log=True)}
    with_space, without = config.check(cfg), config.check(config.composed(["task=adding"]))
    assert with_space.settings == without.settings
    assert with_space.signature == without.signature
    with pytest.raises(UserError, match=r"^task\.space: expected a range or choices of training\.epochs; got 5"):
        spaces.read_all({"training.epochs": 5})


def test_the_space_is_the_tasks_own_or_in_proportion_to_the_optimizers_usual_rate(monkeypatch):
    config.register_resolvers()

    def space(model="rnn", optimizer="adam", *words):
        asked = arguments.parsed(["run=true", "tracking=off", "a=rnn", "b=lstm", "task=adding", *words])
        return spaces.of(asked, model, config.composed([f"model={model}", "task=adding", f"optimizer={optimizer}"]))

    assert space() == {spaces.RATE: Range(1e-4, 3e-2, log=True)}
    assert space("rnn", "sgd") == {spaces.RATE: Range(3.3e-3, 1.0, log=True)}
    forgets = ["model.forget_bias=choice(1,4)", "training.clip_norm=choice(1,2)"]
    assert [*space("rnn", "adam", *forgets)] == ["training.clip_norm"], "a key that lstm alone has"
    assert [*space("lstm", "adam", *forgets)] == ["model.forget_bias", "training.clip_norm"]
    with pytest.raises(UserError, match=r"^model\.forget_bias: expected a key that rnn has too; it has "):
        space("rnn", "adam", *forgets[:1])
    own = {"space": {"training.clip_norm": "choice(0.5,1)"}, "split_seed": 7}
    monkeypatch.setattr(spaces, "_task", lambda task: own)
    assert space() == {"training.clip_norm": Choice(("0.5", "1"))}
    assert spaces.split_seed("adding") == 7
    monkeypatch.undo()
    assert spaces.split_seed("adding") == spaces.split_seed("of a plug-in") == 0


def test_the_first_trial_has_the_values_of_the_config_as_words():
    cfg = OmegaConf.create({"a": {"none": None, "yes": True, "number": 0.5, "word": "tanh"}})
    keys: Any = ["a.none", "a.yes", "a.number", "a.word"]
    assert spaces.now(cfg, keys) == {"a.none": "null", "a.yes": "true", "a.number": "0.5", "a.word": "tanh"}


def test_a_search_of_which_no_trial_has_a_score_is_refused_in_one_line(runs, compare, monkeypatch):
    stand_in(monkeypatch, lambda run_config, location: fabricated(run_config, None))
    code, _, error = compare(*WORDS, "a=rnn", "b=lstm")
    assert code == 2
    assert "error: rnn: expected a trial with a score; all diverged or failed; try another space" in error


@pytest.mark.parametrize("splits", [True, False])
def test_each_seed_has_its_own_division_where_that_is_asked(runs, compare, monkeypatch, splits):
    own = []

    def run(run_config, location):
        own.append(run_config.settings["task"]["split_seed"] == run_config.settings["seed"])
        return fabricated(run_config, 0.1)

    stand_in(monkeypatch, run)
    compare(*WORDS[:2], "tuned=false", "max_seeds=2", "a=rnn", "b=lstm", f"splits={str(splits).lower()}")
    assert own == [splits] * 4
