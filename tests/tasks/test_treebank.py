"""Sentiment of trees: phrases as examples, own files in Penn brackets, and the published treebank."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data.generated.dice import Dice
from seqexp.data.generated.opinions import opinion
from seqexp.system.errors import UserError

SMALL = {"source": "generated", "classes": "fine", "nodes": True, "examples": 40, "min_count": 1, "split_seed": 0}
WORDS = ["bad", "dull", "odd", "good", "fine", "great"]


def made(**settings):
    return tasks.create("treebank", **(SMALL | settings))


def sentence(number: int) -> str:
    first, second = WORDS[number % 6], WORDS[number // 6 % 6]
    labels = [min(4, WORDS.index(word)) for word in (first, second)]
    return f"({labels[1]} ({labels[0]} {first}) ({labels[1]} {second}))"


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("\n".join(sentence(number) for number in range(36)) + "\n")
    return path


def test_every_phrase_is_an_example_of_its_own(own):
    """In a sequence model's batch a column, in a tree model's a node; both with the same class."""
    task = made(source=str(own))
    batch = task.batch(0, "train", 0, 4)
    assert batch.size == 4 * 3
    assert batch.beside.sum() == 4 * 2
    assert (batch.lengths == np.where(batch.beside, 1, 2)).all()
    for column in range(batch.size):
        words = task.vocabulary.decode(batch.x[: batch.lengths[column], column])
        assert task.labels[batch.target[column]] == str(min(4, WORDS.index(words[-1])))
    roots = made(source=str(own), nodes=False).batch(0, "train", 0, 4)
    assert (roots.size, roots.beside) == (4, None)


def test_binary_leaves_out_what_is_neutral(own):
    task = made(source=str(own), classes="binary")
    assert task.labels == ("negative", "positive")
    assert sum(task.size(split) for split in ("train", "val", "test")) == 30  # of 36, 6 end in "odd"
    assert set(made(source=str(own)).labels) == set("01234")


def test_sentences_and_nodes_are_scored_apart():
    task = made()
    scorer, right = task.scorer(), np.zeros(2)
    for index in range(task.batches("test", 100)):
        batch = task.batch(0, "test", index, 100)
        scorer.add(batch, np.eye(5)[:, np.where(batch.beside, batch.target, 0)])  # all phrases right, all sentences 0
        right += [(batch.target[~batch.beside] == 0).sum(), batch.beside.sum()]
    metrics = scorer.metrics()
    assert metrics["accuracy"] == right[0] / 1000
    total = sum(task.batch(0, "test", index, 100).size for index in range(task.batches("test", 100)))
    assert metrics["node_accuracy"] == right.sum() / total


def test_opinions_follow_from_the_phrases_below():
    dice = Dice(np.random.default_rng(0))
    seen = set()
    for _ in range(300):
        tree = opinion(dice)
        seen.add(tree.labels[-1])
        for node, left in enumerate(tree.left):
            if left < 0:
                continue
            right, phrase = tree.right[node], tree.words[tree.first[node] : tree.stop[node]]
            if phrase[0] in ("not", "never", "hardly"):
                assert tree.labels[node] == {"0": "3", "1": "3", "3": "1", "4": "1"}[tree.labels[right]]
            elif tree.words[tree.first[right]] == "but" and tree.labels[left] != "2":
                assert tree.labels[node] == tree.labels[right]
    assert seen == set("01234")


@pytest.mark.parametrize(
    "line, says",
    [
        ("(3 (2 a) (4 b)", ":37: expected as many ) as (; got 1 too few; check its brackets"),
        ("(3 (2 a) (2 b) (4 c))", ":37: expected two children of each node; got 3 in (3 …; make the trees binary"),
        ("(3 (2 a) b)", ":37: expected a label for each word; got 'b' without one; write (label word)"),
        ("()", ":37: expected two nodes, or a label and a word, in each bracket; got (); remove it"),
    ],
)
def test_a_malformed_tree_is_told_with_its_line(own, line, says):
    with open(own, "a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError) as refused:
        made(source=str(own))
    assert str(refused.value).startswith(f"{own}{says}")
    assert "\n" not in str(refused.value)


def test_a_deep_tree_is_read(own):
    with open(own, "a") as file:
        file.write("(1 (2 w) " * 10_000 + "(3 w)" + ")" * 10_000 + "\n")
    task = made(source=str(own), nodes=False)
    deepest = max(len(task.batch(0, split, 0, 64).forest.starts) for split in ("train", "val", "test"))
    assert deepest == 10_002


@pytest.mark.parametrize(
    "lines, settings, says",
    [
        (
            [f"({'xy'[k % 2]} (y a{k}) (z b))" for k in range(9)],
            {"classes": "binary"},
            "task.classes: expected fine",
        ),
        ([f"(3 (2 a{k}) (3 b))" for k in range(9)], {}, "expected at least two classes of roots; all have '3'"),
        ([f"(2 (2 a{k}) (3 b))" for k in range(9)], {"classes": "binary"}, "expected sentences whose root is not"),
        (["(3 (2 a) (3 b))"], {}, "expected at least 3 different trees, for training, validation and test; got 1"),
        ([], {}, "expected trees in Penn brackets, one a line"),
    ],
)
def test_trees_that_make_no_task_are_refused(tmp_path, lines, settings, says):
    path = tmp_path / "own.txt"
    path.write_text("\n".join(lines))
    with pytest.raises(UserError) as refused:
        made(source=str(path), **settings)
    assert says in str(refused.value)


def test_a_named_source_has_parts_of_its_own():
    with pytest.raises(UserError, match=r"^task\.val_source: expected null, since 'generated' has parts of its own"):
        made(val_source="mine.txt")


def test_the_published_treebank_has_its_published_sizes(data_dir):
    task = made(source="sst-trees", data_dir=str(data_dir), nodes=False)
    assert [task.size(split) for split in ("val", "test")] == [1101, 2210]
    assert 8500 < task.size("train") < 8544  # without the sentences that are in validation or test too
    assert 0.38 < task.baselines()["naive_bayes"] < 0.43  # Socher et al. 2013: 0.410
