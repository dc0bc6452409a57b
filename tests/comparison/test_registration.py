"""claim.json: what is in it, which seeds it draws, and what makes a later report exploratory."""

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from seqexp import config
from seqexp.comparison import registration
from seqexp.comparison.arguments import parsed
from seqexp.comparison.plan import planned
from seqexp.comparison.registration import Registration, register, unlike_registered
from seqexp.runs.reader import Run
from seqexp.system.errors import UserError
from tests.fabricated import run_result

NOW = "2026-01-02T03:04:05.678+00:00"


@cache
def plan(*words, models=("rnn", "lstm")):
    config.register_resolvers()
    of = ["run=true", "tracking=off", "task=adding", *(f"{k}={model}" for k, model in zip("ab", models, strict=True))]
    return planned(parsed([*of, *words]))


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(registration, "_now", lambda: NOW)


def digest(content):
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def test_a_claim_has_all_that_was_promised_and_is_named_by_it(tmp_path):
    found = register(plan("trials=4", "max_seeds=8", "margin=0.1"), None, tmp_path)
    claim = json.loads((found.folder / "claim.json").read_text())
    assert found.content == claim
    assert found.folder == tmp_path / "compare" / f"adding_lstm_rnn_{claim['claim']}"
    assert claim["digest"] == digest({key: value for key, value in claim.items() if key != "digest"})
    plain = {
        "task": "adding",
        "models": ["lstm", "rnn"],
        "pairs": [["lstm", "rnn"]],
        "metric": "test/mse",
        "direction": "min",
        "margin": 0.1,
        "level": 0.95,
        "rule": registration.RULE,
        "claims": 1,
        "max_seeds": 8,
        "match": "params",
        "splits": False,
    }
    assert {key: claim[key] for key in plain} == plain
    assert claim["conditions"] == [["", 4353, "own", "model.hidden_size=null", "++model.param_budget=4353"]]
    assert claim["search"]["stages"] == [[4, 1000, "training.epochs=10"], [2, 1001, "training.epochs=20"]]
    space = {"optimizer.learning_rate": "tag(log, interval(0.0001, 0.03))"}
    assert claim["search"]["space"] == {"lstm": space, "rnn": space}
    assert claim["search"]["first"] == {"lstm": {"optimizer.learning_rate": "0.003"}} | {
        "rnn": {"optimizer.learning_rate": "0.003"}
    }
    settings = claim["settings"]["rnn"]
    assert settings["task.length"] == 50
    assert not {"seed", "optimizer.learning_rate"} & set(settings), "which is not of a run, and what is searched"
    assert claim["registered"] == NOW
    assert set(claim["code"]) == {"commit", "files"}
    asked = {key: claim[key] for key in (*plain, "conditions", "search", "settings") if key != "max_seeds"}
    assert claim["claim"] == digest(asked)[:12]
    first = 10_000 + int(claim["claim"], 16) % 9_000 * 1_000
    assert claim["seeds"] == {"first": first, "drawn": True}
    assert (found.first_seed, found.name, found.is_new, found.earlier) == (first, claim["claim"], True, 0)


def test_the_same_question_finds_its_claim_in_either_order_and_with_more_seeds(tmp_path):
    found = register(plan("max_seeds=5"), None, tmp_path)
    again = register(plan("max_seeds=9", models=("lstm", "rnn")), None, tmp_path)
    assert (again.folder, again.is_new, again.changed) == (found.folder, False, ())
    assert again.content["max_seeds"] == 5, "as it was registered"


@pytest.mark.parametrize(
    "words, change",
    [
        (["margin=0.2"], "margin (then 0.005, now 0.2)"),
        (["level=0.9"], "level (then 0.95, now 0.9)"),
        (["training.epochs=7"], "settings.lstm.training.epochs (then 20, now 7)"),
        (["training.clip_norm=null"], "settings.lstm.training.clip_norm (then 1.0, now none)"),
        (["tuned=false"], "settings.rnn.optimizer.learning_rate (then none, now 0.003)"),
    ],
)
def test_what_is_asked_otherwise_later_is_told_with_both_values(tmp_path, words, change):
    first = register(plan(), None, tmp_path)
    later = register(plan(*words), None, tmp_path)
    assert later.folder != first.folder
    assert (later.earlier, later.replicates) == (1, None)
    start = f"claim {first.name}, registered {NOW}, asked the same with another "
    assert f"{start}{change}" in later.changed
    assert all(line.startswith(start) for line in later.changed)


def test_another_length_of_the_task_is_another_question(tmp_path):
    register(plan(), None, tmp_path)
    later = register(plan("task.length=9"), None, tmp_path)
    assert (later.earlier, later.changed) == (1, ())


def test_the_same_on_seeds_of_ones_own_replicates(tmp_path):
    first = register(plan(), None, tmp_path)
    again = register(plan(), 50, tmp_path)
    assert (again.replicates, again.changed, again.first_seed) == (first.name, (), 50)
    assert again.content["seeds"] == {"first": 50, "drawn": False}


@pytest.mark.parametrize("first, refused", [(980, False), (981, True), (1009, True), (1010, False), (2**31 - 18, True)])
def test_seeds_of_trials_and_those_beyond_the_largest_are_refused(tmp_path, first, refused):
    asked = plan()  # of 20 seeds
    if not refused:
        assert register(asked, first, tmp_path).first_seed == first
        return
    with pytest.raises(UserError) as error:
        register(asked, first, tmp_path)
    assert str(error.value) == (
        f"first_seed: expected seeds up to 2147483648; got {first}, and the last is {first + 19}"
        if first > 10_000
        else f"first_seed: expected seeds that no trial runs on, such as 10000 or more; got {first} to {first + 19}, "
        "and trials run on 1000 to 1009"
    )
    assert not (tmp_path / "compare").exists()


def test_data_that_changed_and_a_file_that_was_edited_are_told(tmp_path):
    first = register(plan(), None, tmp_path)
    assert register(replace(plan(), data="other"), None, tmp_path).changed == (
        "the data are others than were registered",
    )
    file = first.folder / "claim.json"
    file.write_text(json.dumps(dict(first.content) | {"margin": 9}))
    edited = register(plan(), None, tmp_path)
    assert edited.changed == (f"{file} was edited after it was registered",)
    assert edited.content["margin"] == 0.005, "the terms are the command's"


@pytest.mark.parametrize(
    "spoiled", ["", "[]", "{}", '{"registered": "yesterday"}'], ids=["nothing", "a list", "no keys", "no date"]
)
def test_a_file_that_is_no_claim_is_written_anew(tmp_path, spoiled):
    first = register(plan(), None, tmp_path)
    (first.folder / "claim.json").write_text(spoiled)
    assert register(plan(), None, tmp_path).content == first.content


def test_what_only_the_runs_show_makes_a_claim_exploratory(monkeypatch):
    code = {"commit": "a" * 40, "files": "here"}
    monkeypatch.setattr(registration, "_code", lambda: code)
    about: dict[str, Any] = {"registered": NOW, "code": code}
    claim, begun = Registration(Path("x"), about), Registration(Path("x"), about).registered

    def run(started, commit="a" * 40):
        return Run(replace(run_result(), started=started, git_sha=commit), None, {})

    later, before = run(begun + 1), run(begun - 1)
    assert unlike_registered(claim, [later, run(None), run(begun)]) == []
    assert unlike_registered(claim, [later, before, before]) == [
        "2 runs of its seeds had been made before the claim was registered"
    ]
    assert unlike_registered(claim, [run(begun + 1, "b" * 40)]) == [
        f"runs were made by other code (commit {'b' * 10}) than was registered ({'a' * 10})"
    ]
    monkeypatch.setattr(registration, "_code", lambda: code | {"files": "changed"})
    assert unlike_registered(claim, [later]) == ["the code was changed after the claim was registered"]
    assert unlike_registered(claim, [before]) == ["1 run of its seeds had been made before the claim was registered"]
