"""ListOps: the grammar, the published answers, and what a task of them draws."""

import gzip
from collections import Counter

import numpy as np
import pytest

from seqexp import config, tasks
from seqexp.data import trees
from seqexp.data.generated import expressions
from seqexp.data.trees import Trees
from seqexp.system.errors import UserError

SMALL = {"depth": 3, "least_depth": 1, "arguments": 3, "examples": 60, "published": False, "split_seed": 0}


def made(**settings):
    return tasks.create("listops", **(SMALL | settings))


def drawn(size=400, depth=5, arguments=5, least_depth=1):
    return expressions.drawn(np.random.default_rng(0), size, depth, arguments, least_depth)


def words(there: Trees, row: int) -> list[str]:
    return expressions.VOCABULARY.decode(there.words[row])


def deepest(tokens: list[str]) -> int:
    depth = most = 0
    for token in tokens:
        depth += (token[0] == "[") - (token == "]")
        most = max(most, depth)
    return most


@pytest.mark.parametrize(
    "expression, value",
    [
        ("7", 7),
        ("[MAX 2 9 [MIN 4 7 ] 0 ]", 9),
        ("[MED 1 8 2 ]", 2),
        ("[MED 1 8 2 5 ]", 3),  # rounded down
        ("[SM 9 9 [SM 5 6 ] ]", 9),
        ("[FIRST 3 [LAST 1 6 ] ]", 3),
    ],
)
def test_expressions_have_their_value(expression, value):
    assert expressions.evaluate(expression.split()) == value


@pytest.mark.parametrize("expression", ["", "[MAX ]", "[MAX 1 2", "1 2", "]", "[ADD 1 2 ]"])
def test_what_is_no_expression_has_none(expression):
    with pytest.raises(ValueError, match=r"no list operation|expected one expression"):
        expressions.evaluate(expression.split())


def test_what_is_drawn_is_worth_its_label():
    there = drawn()
    assert len(there) == 400
    values = [expressions.evaluate(words(there, row)) for row in range(len(there))]
    assert there.nodes.labels[there.roots].tolist() == values
    assert (np.delete(there.nodes.labels, there.roots) == -1).all()


def test_a_list_grows_from_the_left_as_in_the_published_files():
    there = drawn()
    ends = there.roots + 1
    for row, end in enumerate(ends):
        opened: list[str] = [""]
        for word in words(there, row):
            opened += [word] if word[0] == "[" else []
            if word[0] != "[":
                closed = f"( {opened.pop()} ] )" if word == "]" else word
                opened[-1] = f"( {opened[-1]} {closed} )" if opened[-1] else closed
        tree, own = trees.parse(opened[0], labelled=False), np.arange(end - there.sizes[row], end)
        for name, part in (("left", "left"), ("right", "right"), ("heights", "height"), ("first", "first")):
            assert getattr(there.nodes, name)[own].tolist() == getattr(tree, part)
        assert there.nodes.stop[own].tolist() == tree.stop
        assert there.nodes.tokens[own].tolist() == [*np.append(there.words[row], -1)[tree.token]]


def test_the_grammar_is_the_published_one():
    """A quarter of the operands are lists, of each operator and number of operands as many, to the depth allowed."""
    there = drawn(20_000, depth=4)
    tokens = [words(there, row) for row in range(len(there))]
    depths = Counter(map(deepest, tokens))
    assert set(depths) == {1, 2, 3, 4}
    operators = Counter(word for one in tokens for word in one if word[0] == "[")
    assert set(operators) == {"[MAX", "[MIN", "[MED", "[SM"}
    assert max(operators.values()) < 1.05 * min(operators.values())
    flat = [one for one in tokens if deepest(one) == 1]
    by_count = Counter(len(one) - 2 for one in flat)
    assert set(by_count) == {2, 3, 4, 5}
    for operands in (2, 3, 4):  # of so many, all are digits with probability 0.75 each
        assert by_count[operands] / len(tokens) == pytest.approx(0.25 * 0.75**operands, rel=0.06)


def test_least_depth_is_kept():
    there = drawn(3000, depth=3, least_depth=3)
    assert {deepest(words(there, row)) for row in range(len(there))} == {3}


def test_no_expression_is_twice_in_a_draw():
    task = made(examples=2000)
    batch = task.batch(0, "train", 0, 2000)
    assert len({tuple(batch.x[: batch.lengths[k], k]) for k in range(batch.size)}) == 2000


def test_more_than_there_are_is_refused():
    with pytest.raises(
        UserError, match=r"^task\.depth: expected enough for 5,000 different expressions of train; depth"
    ):
        made(depth=1, arguments=2, examples=5000).batch(0, "train", 0, 32)
    with pytest.raises(UserError, match=r"^task\.least_depth: expected at most task\.depth=3; got 4$"):
        made(least_depth=4)


def test_read_as_a_sequence_the_forest_is_a_chain_of_the_same_tokens():
    tree, chain = made().batch(0, "train", 0, 5), made(read="sequence").batch(0, "train", 0, 5)
    np.testing.assert_array_equal(tree.x, chain.x)
    assert chain.forest.size == chain.lengths.sum()
    assert (chain.forest.children[:, 1] == -1).all()
    assert (tree.forest.size, tree.forest.leaves) == (2 * chain.forest.size - 5, chain.forest.size)


@pytest.mark.parametrize("file", ["test_d20s", "test_d8"])
def test_the_published_expressions_are_worth_their_published_answers(data_dir, file):
    with gzip.open(data_dir / "listops" / f"{file}.tsv.gz", "rt") as lines:
        for line in lines:
            answer, _, expression = line.rstrip("\n").partition("\t")
            assert expressions.evaluate([word for word in expression.split() if word not in "()"]) == int(answer)


def test_the_published_set_is_scored_beside_the_own_one(data_dir):
    task = made(published=True, data_dir=str(data_dir))
    scorer, batches = task.scorer(), [task.batch(0, "test", k, 3000) for k in range(task.batches("test", 3000))]
    right = {False: 0, True: 0}
    for batch in batches:
        answer = np.where(batch.beside, batch.target, 0)  # right on all of the published ones
        scorer.add(batch, np.eye(10)[:, answer])
        for beside in right:
            right[beside] += int((batch.target == answer)[batch.beside == beside].sum())
    metrics = scorer.metrics()
    assert right[True] == 10_000
    assert metrics["published_accuracy"] == 1
    assert metrics["accuracy"] == right[False] / 2000
    train, test = task.draw("train", 0, 0).trees, task.draw("test", 0, 0).trees
    published = {test.words[row].tobytes() for row in range(2000, 12_000)}
    assert not published & {train.words[row].tobytes() for row in range(len(train))}


@pytest.mark.parametrize("model", ["rnn", "lstm", "recursive", "tree_lstm"])
def test_structure_gives_every_model_the_same_parameters_and_expressions_of_just_the_depth(model):
    config.register_resolvers()
    settings = config.check(config.composed(["experiment=structure", f"model={model}", "task.depth=4"])).settings
    assert settings["task"]["least_depth"] == settings["task"]["depth"] == 4
    assert (settings["model"]["param_budget"], settings["model"]["hidden_size"]) == (30_000, None)
