"""Boolean formulas: their values, their depth, and their tree."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data.generated import formulas
from seqexp.data.generated.dice import Dice
from seqexp.system.errors import UserError


def made(**settings):
    small = {"depth": 3, "variables": 3, "examples": 50, "split_seed": 0}
    return tasks.create("logic", **(small | settings))


@pytest.mark.parametrize(
    "text, value",
    [
        ("p+", True),
        ("not p+", False),
        ("or and p+ q- not r+", False),
        ("xor p+ not q+", True),
        ("and or p- q+ xor p- q+", True),
    ],
)
def test_formulas_have_their_value(text, value):
    assert formulas.evaluate(text.split()) is value


@pytest.mark.parametrize("depth", [1, 2, 5, 9])
def test_what_is_drawn_has_its_depth_and_is_worth_its_label(depth):
    labels = set()
    for seed in range(60):
        tree = formulas.formula(Dice(np.random.default_rng(seed)), depth, 2)
        labels.add(tree.labels[-1])
        assert tree.height[-1] == depth
        assert formulas.evaluate(tree.words) == (tree.labels[-1] == "true")
        values = {word[0]: word[1] for word in tree.words if word[1] in "+-"}
        assert all(values[word[0]] == word[1] for word in tree.words if word[1] in "+-")
        # Each inner node has an operator, and stands for its own and its operands' tokens.
        inner = [k for k, height in enumerate(tree.height) if height]
        assert all(tree.words[tree.token[k]] in formulas.OPERATORS for k in inner)
        assert all(
            tree.first[k] == tree.token[k] and tree.stop[k] == tree.stop[max(tree.right[k], tree.left[k])]
            for k in inner
        )
        assert (tree.first[-1], tree.stop[-1]) == (0, len(tree.words))
    assert labels == {"true", "false"}


def test_a_tree_has_a_node_for_each_token():
    batch = made().batch(0, "train", 0, 8)
    assert (batch.forest.tokens >= 0).all()
    assert batch.forest.size == batch.lengths.sum()


def test_more_formulas_than_there_are_are_refused():
    with pytest.raises(
        UserError, match=r"^task\.depth: expected enough for 500 different formulas of val; depth 2 with 1"
    ):
        made(depth=2, variables=1).batch(0, "val", 0, 8)
