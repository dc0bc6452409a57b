"""Splits that do not leak: drawn ones, and those of the user's own files."""

import numpy as np
import pytest

from seqexp.data import splits
from seqexp.data.batch import Split
from seqexp.data.splits import PARTS
from seqexp.system.errors import UserError

TEXTS = [f"t{i}" for i in range(40)]
LABELS = ["a", "b"] * 20


def parts(**counts: int) -> list[Split]:
    return [part for part in PARTS for _ in range(counts.get(part, 0))]


def in_parts(divided, texts):
    return {split: [texts[divided.kept[row]] for row in divided.splits[split]] for split in PARTS}


def test_given_parts_stay_and_what_they_have_leaves_training():
    texts = [*TEXTS, "t0", "t1", "v0", "v1", "v0", "t1", "t1", "x0", "x1"]
    labels = [*LABELS, *"ababaabab"]
    given = parts(train=40, val=5, test=4)
    found = in_parts(splits.divide(texts, labels, 0, "mine", given), texts)
    assert found["test"] == ["t1", "t1", "x0", "x1"]  # a repetition stays: scores on a test set are to be compared
    assert found["val"] == ["t0", "v0", "v1", "v0"]  # the test has t1
    assert found["train"] == TEXTS[2:]


@pytest.mark.parametrize("there, missing", [("val", "test"), ("test", "val")])
def test_a_part_that_is_missing_is_cut_from_training(there, missing):
    texts = [*TEXTS, "x0", "x1"]
    given = parts(**{"train": 40, there: 2})
    found = in_parts(splits.divide(texts, [*LABELS, "a", "b"], 0, "mine", given), texts)
    assert [len(found[part]) for part in ("train", there, missing)] == [36, 2, 4]
    assert sorted(found["train"] + found[missing]) == sorted(TEXTS)
    assert not set(found["train"]) & set(found[missing])
    again = in_parts(splits.divide(texts, [*LABELS, "a", "b"], 1, "mine", given), texts)
    assert again[missing] != found[missing]
    assert again[there] == found[there]


def test_a_text_of_several_labels_stays_in_one_part_when_validation_is_cut():
    texts, labels = [*TEXTS, *TEXTS[:20], "x0", "x1"], [*LABELS, *LABELS[19::-1], "a", "b"]
    held = []
    for seed in range(5):
        found = in_parts(splits.divide(texts, labels, seed, "mine", parts(train=60, test=2)), texts)
        assert not set(found["train"]) & set(found["val"])
        assert len(set(found["val"])) == 4
        held.append(len(found["val"]))
    assert max(held) > 4  # of a text with two labels both rows are there


def test_classes_that_training_lacks_are_refused():
    given: list[Split] = ["train", "train", "val", "test"]
    with pytest.raises(UserError, match="expected texts of every class for training; class 'c' has none"):
        splits.divide(["p", "q", "r", "s"], ["a", "b", "a", "c"], 0, "mine", given)
    with pytest.raises(UserError, match=r"expected at least 2 different texts .*; class 'b' has 1"):
        splits.divide(["p", "q", "r", "s"], ["a", "a", "b", "a"], 0, "mine", ["train", "train", "train", "test"])
    with pytest.raises(UserError, match="for training"):
        splits.divide(["p", "q"], ["a", "a"], 0, "mine", ["test", "test"])


def test_parts_are_filled():
    items = [f"i{n}" for n in range(20)]
    found = splits.filled({"train": [*items, "i3", "held"], "test": ["held", "held"]}, str, 0, "mine", "things")
    assert [len(found[part]) for part in PARTS] == [18, 2, 2]
    assert sorted(found["train"] + found["val"]) == sorted(items)
    assert found["test"] == ["held", "held"]
    assert splits.filled({"train": ["a", "a"], "val": ["b"], "test": ["c"]}, str, 0, "mine", "things")["train"] == ["a"]
    with pytest.raises(UserError, match="expected training things that validation and test do not repeat"):
        splits.filled({"train": ["a"], "test": ["a"]}, str, 0, "mine", "things")
    with pytest.raises(UserError, match="expected at least 3 different things, for training, validation and t"):
        splits.filled({"train": ["a", "b", "a"]}, str, 0, "mine", "things")


def test_one_part_held_out():
    train, other = splits.split_rows(np.arange(30), np.random.default_rng(0), held_out=1)
    assert (len(train), len(other)) == (27, 3)
    assert [len(part) for part in splits.stratified(np.repeat([0, 1], [20, 2]), 0, held_out=1)] == [19, 3]
