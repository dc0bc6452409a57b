"""Binary trees: many of them in flat arrays, and read from brackets."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from seqexp.data import files
from seqexp.data.files import Faults
from seqexp.data.text import Ragged
from seqexp.numerics.forest import Forest
from seqexp.system.errors import UserError

_PIECES = re.compile(r"[()]|[^ \t()]+")  # a no-break space is part of a word, as in 8 1/2


@dataclass(frozen=True)
class Nodes:
    """The nodes of some trees, one tree after another, each node behind its children: a tree's last node is its root.

    tokens:      the node's own token, -1 for none.
    left, right: its children, counted from the tree's first node, -1 for none; one child alone is the left one.
    heights:     0 of a leaf.
    first, stop: which of the tree's words the node stands for.
    labels:      its class, -1 for none.
    """

    tokens: np.ndarray
    left: np.ndarray
    right: np.ndarray
    heights: np.ndarray
    first: np.ndarray
    stop: np.ndarray
    labels: np.ndarray

    def arrays(self) -> list[np.ndarray]:
        return [getattr(self, one.name) for one in fields(self)]

    def at(self, places: np.ndarray) -> "Nodes":
        return Nodes(*(array[places] for array in self.arrays()))


@dataclass(frozen=True)
class Trees:
    """n trees: the ``words`` of each, in the order in which a sequence has them, and its ``sizes`` (n,) ``nodes``."""

    words: Ragged
    sizes: np.ndarray
    nodes: Nodes

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def lengths(self) -> np.ndarray:
        return self.words.lengths

    @property
    def roots(self) -> np.ndarray:
        """(n,): where each tree's root stands among the nodes."""
        return np.cumsum(self.sizes) - 1

    def forest(self, rows: np.ndarray) -> tuple[Forest, np.ndarray, np.ndarray]:
        """The trees ``rows`` (b,) as a forest that asks every node with a label; those that stand for most words first.

        Also the nodes asked (B,), as they stand in ``nodes``, and the tree of each (B,), one of ``rows``.
        """
        at, sizes = self._places(rows), self.sizes[rows]
        begins = np.repeat(np.cumsum(sizes) - sizes, sizes)  # where each node's tree begins among these
        heights = self.nodes.heights[at]
        order = np.argsort(heights, kind="stable")
        place = np.empty(len(at), np.int64)
        place[order] = np.arange(len(at))
        children = np.stack([self.nodes.left[at], self.nodes.right[at]], axis=1)
        there = children >= 0
        children[there] = place[(children + begins[:, None])[there]]
        asked = np.flatnonzero(self.nodes.labels[at] >= 0)
        asked = asked[np.argsort((self.nodes.first - self.nodes.stop)[at[asked]], kind="stable")]
        starts = np.concatenate([[0], np.cumsum(np.bincount(heights))])
        forest = Forest(self.nodes.tokens[at][order], children[order], starts, place[asked])
        return forest, at[asked], np.repeat(rows, sizes)[asked]

    def take(self, rows: np.ndarray) -> "Trees":
        """The trees ``rows``, in that order."""
        return Trees(self.words.take(rows), self.sizes[rows], self.nodes.at(self._places(rows)))

    @staticmethod
    def joined(parts: Sequence["Trees"]) -> "Trees":
        """The trees of all parts."""
        flat, lengths = ([getattr(part.words, name) for part in parts] for name in ("flat", "lengths"))
        nodes = Nodes(
            *(np.concatenate(values) for values in zip(*(part.nodes.arrays() for part in parts), strict=True))
        )
        words = Ragged(np.concatenate(flat), np.concatenate(lengths))
        return Trees(words, np.concatenate([part.sizes for part in parts]), nodes)

    def _places(self, rows: np.ndarray) -> np.ndarray:
        """Where the nodes of these trees stand in ``nodes``, tree by tree."""
        sizes = self.sizes[rows]
        ends = np.cumsum(sizes)
        return np.arange(ends[-1] if len(ends) else 0) + np.repeat(self.roots[rows] + 1 - ends, sizes)

    def phrases(self, nodes: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the nodes (B,) of the trees ``rows`` (B,) stand for, side by side: x (T, B) int32, lengths (B,)."""
        first = self.nodes.first[nodes]
        return self.words.spans(self.words.starts[rows] + first, self.nodes.stop[nodes] - first)


@dataclass
class Tree:
    """One tree as it is read, each node behind its children; fields as in ``Nodes``."""

    words: list[str] = field(default_factory=list)
    token: list[int] = field(default_factory=list)  # which of the words is the node's own; -1 for none
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    height: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    stop: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)  # "" where there are none

    def leaf(self, word: str, label: str = "") -> int:
        """Append a node that stands for a word; its number."""
        self.words.append(word)
        at = len(self.words) - 1
        return self._add((at, -1, -1, 0, at, at + 1), label)

    def join(self, left: int, right: int, label: str = "") -> int:
        """Append a node with two children; its number."""
        height = 1 + max(self.height[left], self.height[right])
        return self._add((-1, left, right, height, self.first[left], self.stop[right]), label)

    def operate(self, word: int, left: int, right: int, label: str = "") -> int:
        """Append a node with a token of its own, which was put into ``words`` at ``word``; its number."""
        height = 1 + max(self.height[left], self.height[right] if right >= 0 else 0)
        return self._add((word, left, right, height, word, len(self.words)), label)

    def _add(self, values: tuple[int, ...], label: str) -> int:
        own = (self.token, self.left, self.right, self.height, self.first, self.stop)
        for numbers, value in zip(own, values, strict=True):
            numbers.append(value)
        self.labels.append(label)
        return len(self.labels) - 1


class Malformed(Exception):
    """What is wrong with a tree's brackets: "expected …; got …", and in ``remedy`` what to do about it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def read(path: Path) -> list[Tree]:
    """The trees of a file in Penn brackets, one a line; blank lines are none. UserError with the lines that are
    malformed."""
    faults, trees = Faults(path), []
    for line, text in files.lines(path):
        if not text.strip():
            continue
        try:
            trees.append(parse(text, labelled=True))
        except Malformed as error:
            faults.add(line, str(error), error.remedy)
    faults.refuse()
    if not trees:
        raise UserError(
            f"{path}: expected trees in Penn brackets, one a line, as (3 (2 a) (4 word)); the file has none"
        )
    return trees


def parse(text: str, labelled: bool) -> Tree:
    """A tree from brackets: ``(label left right)`` and ``(label word)``, or without labels ``(left right)`` and words.

    It keeps a stack of its own, so that no tree is too deep. Malformed where the text is no binary tree.
    """
    tree = Tree()
    opened: list[_Bracket] = []
    whole = False
    for piece in _PIECES.findall(text):
        if whole:
            raise Malformed(f"expected one tree a line; got {piece!r} behind its end", "check its brackets")
        if piece == "(":
            opened.append(_Bracket())
            continue
        if piece == ")":
            if not opened:
                raise Malformed("expected a ( before the first ); got none", "check its brackets")
            node = opened.pop().closed(tree, labelled)
        elif labelled:
            if not opened or opened[-1].children:
                raise Malformed(f"expected a label for each word; got {piece!r} without one", "write (label word)")
            opened[-1].words.append(piece)
            continue
        else:
            node = tree.leaf(piece)
        if opened:
            opened[-1].children.append(node)
        whole = not opened
    if opened:
        raise Malformed(f"expected as many ) as (; got {len(opened)} too few", "check its brackets")
    return tree


@dataclass
class _Bracket:
    """What stands in a bracket that is open: words, the first of which is its label, and nodes behind them."""

    words: list[str] = field(default_factory=list)
    children: list[int] = field(default_factory=list)

    def closed(self, tree: Tree, labelled: bool) -> int:
        """The number of the node that the bracket is. Malformed where it is none."""
        words, children = self.words, self.children
        said = " ".join(words)[:40]
        if len(words) == 2 and not children:
            return tree.leaf(words[1], words[0])
        if len(words) == labelled and len(children) == 2:
            return tree.join(children[0], children[1], said)
        if not words and not children:
            raise Malformed("expected two nodes, or a label and a word, in each bracket; got ()", "remove it")
        if labelled and not words:
            raise Malformed("expected a label behind each ( of a node; got none", "write (label left right)")
        if len(words) == 1 and not children:
            raise Malformed(f"expected a label and a word; got ({said})", "write (label word)")
        if len(words) > 1:
            raise Malformed(
                f"expected a label and a word, or a label and two nodes; got ({said} …", "write (label word)"
            )
        many = "one" if len(children) == 1 else str(len(children))
        raise Malformed(
            f"expected two children of each node; got {many}" + (f" in ({said} …" if labelled else ""),
            "make the trees binary, with nltk's collapse_unary and chomsky_normal_form or the like",
        )


def gathered(trees: Sequence[Tree], ids: Sequence[np.ndarray], labels: Mapping[str, int]) -> Trees:
    """The trees in flat arrays; ``ids``: of each tree's words; ``labels``: the class of each label, all others -1."""
    own = [np.array([*one, -1], np.int32)[one_tree.token] for one, one_tree in zip(ids, trees, strict=True)]

    def flat(name: str) -> np.ndarray:
        return np.array([value for tree in trees for value in getattr(tree, name)], np.int64)

    nodes = Nodes(
        tokens=np.concatenate(own),
        left=flat("left"),
        right=flat("right"),
        heights=flat("height"),
        first=flat("first"),
        stop=flat("stop"),
        labels=np.array([labels.get(label, -1) for tree in trees for label in tree.labels], np.int64),
    )
    return Trees(Ragged.of(ids), np.array([len(tree.labels) for tree in trees]), nodes)
