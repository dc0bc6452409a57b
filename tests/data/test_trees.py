"""Trees from brackets, and forests from trees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqexp.data import trees
from seqexp.data.trees import Malformed
from seqexp.numerics.forest import Forest
from seqexp.system.errors import UserError

FILM = "(3 (2 a) (4 (4 lovely) (2 film)))"


def ids(tree):
    return np.array([ord(word[0]) - ord("a") for word in tree.words], np.int32)


def gathered(*texts):
    parsed = [trees.parse(text, labelled=True) for text in texts]
    return trees.gathered(parsed, [ids(tree) for tree in parsed], {str(k): k for k in range(5)})


def test_a_tree_in_penn_brackets_has_a_label_at_each_node():
    tree = trees.parse(FILM, labelled=True)
    assert tree.words == ["a", "lovely", "film"]
    assert tree.labels == ["2", "4", "2", "4", "3"]  # children before their parent
    assert tree.left == [-1, -1, -1, 1, 0]
    assert tree.right == [-1, -1, -1, 2, 3]
    assert tree.height == [0, 0, 0, 1, 2]
    assert list(zip(tree.first, tree.stop, strict=True)) == [(0, 1), (1, 2), (2, 3), (1, 3), (0, 3)]


def test_a_tree_without_labels_has_words_as_leaves():
    tree = trees.parse("( ( ( [MAX 2 ) 9 ) ] )", labelled=False)
    assert tree.words == ["[MAX", "2", "9", "]"]
    assert tree.left == [-1, -1, 0, -1, 2, -1, 4]
    assert trees.parse("7", labelled=False).words == ["7"]


@pytest.mark.parametrize(
    "text, says",
    [
        ("(3 (2 a) (4 b)", "expected as many ) as (; got 1 too few"),
        ("(3 (2 a) (4 b)))", "expected one tree a line; got ')' behind its end"),
        (") (3 a)", "expected a ( before the first ); got none"),
        ("(3 (2 a) (2 b) (4 c))", "expected two children of each node; got 3 in (3 …"),
        ("(3 (2 a))", "expected two children of each node; got one in (3 …"),
        ("(3 (2 a) b)", "expected a label for each word; got 'b' without one"),
        ("(3 (film) (2 b))", "expected a label and a word; got (film)"),
        ("film", "expected a label for each word; got 'film' without one"),
        ("((2 a) (4 b))", "expected a label behind each ( of a node; got none"),
        ("(3 two words)", "expected a label and a word, or a label and two nodes; got (3 two words …"),
        ("()", "expected two nodes, or a label and a word, in each bracket; got ()"),
        ("(3 (2 a) (2 b)) (3 c)", "expected one tree a line; got '(' behind its end"),
    ],
)
def test_brackets_that_are_no_binary_tree_are_named(text, says):
    with pytest.raises(Malformed) as refused:
        trees.parse(text, labelled=True)
    assert says in str(refused.value)
    assert refused.value.remedy


def test_a_file_is_refused_with_its_lines(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text(f"{FILM}\n\n(3 (2 a) (2 b)\n(3 (2 a) (2 b) (2 c))\n")
    with pytest.raises(UserError) as refused:
        trees.read(path)
    assert str(refused.value).startswith(
        f"{path}: 2 faulty rows: line 3: expected as many ) as (; got 1 too few; line 4:"
    )
    path.write_text("\n \n")
    with pytest.raises(UserError, match=r"expected trees in Penn brackets, one a line, .* the file has none"):
        trees.read(path)


def test_no_tree_is_too_deep():
    deep = "(1 (2 w) " * 10_000 + "(3 w)" + ")" * 10_000
    tree = trees.parse(deep, labelled=True)
    assert tree.height[-1] == 10_000
    assert len(tree.words) == 10_001


@given(st.lists(st.sampled_from(["(", ")", "3", "film", "(2 a)", "(1 (2 a) (3 b))"]), max_size=12))
def test_whatever_the_brackets_they_are_a_tree_or_malformed(pieces):
    for labelled in (True, False):
        try:
            tree = trees.parse(" ".join(pieces), labelled)
        except Malformed:
            continue
        if tree.words:  # else there were no pieces
            assert len(tree.token) == 2 * len(tree.words) - 1
            assert sorted(child for child in tree.left + tree.right if child >= 0) == list(range(len(tree.token) - 1))


def test_a_forest_has_the_leaves_first_and_asks_the_labelled_nodes_in_order_of_words():
    kept = gathered("(0 (1 a) (2 (3 b) (4 c)))", "(x d)", "(1 (x e) (2 f))")
    forest, nodes, owners = kept.forest(np.array([0, 2]))
    assert forest.starts.tolist() == [0, 5, 7, 8]
    assert forest.tokens.tolist() == [0, 1, 2, 4, 5, -1, -1, -1]
    assert forest.children[5:].tolist() == [[1, 2], [3, 4], [0, 5]]
    assert forest.asked.tolist() == [7, 5, 6, 0, 1, 2, 4]
    assert kept.nodes.labels[nodes].tolist() == [0, 2, 1, 1, 3, 4, 2]
    assert owners.tolist() == [0, 0, 2, 0, 0, 0, 2]
    x, lengths = kept.phrases(nodes, owners)
    assert lengths.tolist() == [3, 2, 2, 1, 1, 1, 1]
    assert [x[: lengths[k], k].tolist() for k in range(7)] == [[0, 1, 2], [1, 2], [4, 5], [0], [1], [2], [5]]
    depths, examples = forest.below()
    assert depths.tolist() == [1, 2, 2, 1, 1, 1, 0, 0]
    assert examples.tolist() == [0, 0, 0, 2, 2, 0, 2, 0]  # of the columns: the roots are the first and the third
    depths, examples = forest.columns(np.array([1])).below()
    assert examples.tolist() == [-1, 0, 0, -1, -1, 0, -1, -1]
    assert depths[examples == 0].tolist() == [1, 1, 0]


def test_trees_are_taken_and_joined():
    kept = gathered("(0 (1 a) (2 (3 b) (4 c)))", "(2 d)", "(1 (0 e) (2 f))")
    again = trees.Trees.joined([kept.take(np.array([2])), kept.take(np.array([0, 1]))])
    one, other = again.forest(np.arange(3))[0], kept.forest(np.array([2, 0, 1]))[0]
    for part in ("tokens", "children", "starts", "asked"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))
    assert again.words[2].tolist() == [3]


def test_chains_have_a_node_a_step():
    x, lengths = np.array([[1, 2], [3, 0], [4, 0]]), np.array([3, 1])
    forest = Forest.chains(x, lengths)
    assert forest.tokens.tolist() == [1, 2, 3, 4]
    assert forest.children.tolist() == [[-1, -1], [-1, -1], [0, -1], [2, -1]]
    assert forest.starts.tolist() == [0, 2, 3, 4]
    assert forest.asked.tolist() == [3, 1]
