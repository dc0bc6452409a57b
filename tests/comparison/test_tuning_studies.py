"""Tuning studies are read without trust: what a file says, which file is none, and which study's winner was run."""

import json
import os
from pathlib import Path

import pytest

from seqexp.comparison.tuning_studies import Study, find, winner

CONTENT = {
    "task": "adding",
    "model": "rnn",
    "space": {"optimizer.learning_rate": "log 0.001 to 0.1", "training.epochs": 3},
    "trials": 20,
    "sampler": "tpe",
    "metric": "val/mse",
    "direction": "min",
    "scores": [{"number": 0, "score": 0.5}, {"number": 1, "score": None}, {"number": 2, "score": 0.25}],
    "signatures": ["abc", "def"],
}


def write(root, name="x", model="rnn", task="adding", content=None, age=0, **other):
    file = root / "tuning" / task / model / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**CONTENT, "model": model, "task": task, **other}) if content is None else content)
    os.utime(file, (1e9 - age, 1e9 - age))
    return file


def test_a_study_is_what_its_file_says(tmp_path):
    file = write(tmp_path)
    found, broken = find(tmp_path, "adding", ["rnn", "lstm"])
    assert broken == []
    assert found == {
        "rnn": [
            Study(
                path=file,
                task="adding",
                model="rnn",
                space={"optimizer.learning_rate": "log 0.001 to 0.1", "training.epochs": "3"},
                trials=20,
                sampler="tpe",
                metric="val/mse",
                direction="min",
                scores=[0.5, None, 0.25],
                signatures=frozenset({"abc", "def"}),
            )
        ]
    }


def test_the_newest_study_of_each_model_comes_first(tmp_path):
    for model in ("rnn", "lstm"):
        for name, age in (("a", 20), ("b", 0), ("c", 10)):
            write(tmp_path, name, model, age=age)
    write(tmp_path, model="rnn", task="copy")
    found, _ = find(tmp_path, "adding", ["rnn", "lstm"])
    assert {model: [study.path.stem for study in studies] for model, studies in found.items()} == {
        "rnn": ["b", "c", "a"],
        "lstm": ["b", "c", "a"],
    }


def test_a_study_without_a_winners_runs_has_no_signatures_and_a_score_that_is_no_number_is_none(tmp_path):
    write(tmp_path, signatures=None, scores=[{"score": "0.5"}, {"score": float("inf")}], direction="max")
    (study,) = find(tmp_path, "adding", ["rnn"])[0]["rnn"]
    assert (study.signatures, study.scores, study.direction) == (frozenset(), [None, None], "max")


@pytest.mark.parametrize(
    "other",
    [
        {"content": "{"},
        {"content": "[]"},
        {"content": "null"},
        {"content": "{}"},
        {"task_inside": "copy"},
        {"model_inside": "lstm"},
        {"direction": "up"},
        {"trials": "many"},
        {"trials": None},
        {"space": ["optimizer.learning_rate"]},
        {"scores": 3},
        {"scores": [0.5]},
        {"scores": [{"number": 0}]},
        {"signatures": 3},
    ],
    ids=str,
)
def test_a_file_that_is_no_study_of_its_folders_task_and_model_is_named(tmp_path, other):
    inside = {key.removesuffix("_inside"): other[key] for key in other if key.endswith("_inside")}
    file = write(tmp_path, **{key: other[key] for key in other if not key.endswith("_inside")})
    if inside:
        file.write_text(json.dumps(CONTENT | inside))
    write(tmp_path, "good")
    found, broken = find(tmp_path, "adding", ["rnn"])
    assert broken == [f"{file}: expected a tuning study"]
    assert [study.path.stem for study in found["rnn"]] == ["good"]


def test_the_winner_is_the_study_that_shares_a_run():
    one, other = (Study(Path(), "t", "m", {}, 1, "", "", "min", [], frozenset(s)) for s in (["a", "b"], ["c"]))
    assert winner([one, other], frozenset({"c", "d"})) is other
    assert winner([one, other], frozenset({"b"})) is one
    assert winner([one, other], frozenset({"d"})) is None
    assert winner([], frozenset({"d"})) is None
