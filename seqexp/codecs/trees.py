"""Trees, each of one of some classes: list operations, formulas, and sentences in brackets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from seqexp.codecs import STRICT, Answer, Answering, Options, Row, Tokenized, distribution, register, unread
from seqexp.codecs.classes import Tokens, class_rows
from seqexp.data.batch import Batch, TreeBatch
from seqexp.data.files import composed
from seqexp.data.shape import Shape
from seqexp.data.text import Ragged, lowered
from seqexp.data.trees import Malformed, Tree, gathered, parse
from seqexp.numerics.forest import Forest
from seqexp.system.errors import UserError

Form = Literal["list_operations", "formula", "brackets"]
DEEPEST = 200  # levels of a formula that is typed
LISTS = ("[MAX", "[MIN", "[MED", "[SM")


@register("tree_classes")
@dataclass(frozen=True)
class TreeClasses(Tokenized):
    """Trees, told at the root.

    form: how a tree is typed: ``[MAX 2 9 [MIN 4 7 ] 0 ]``; ``or and p+ q- not r+``; or Penn brackets, with labels or
          without. Words without brackets, with spaces between them, are a sequence, which a model of trees reads from
          left to right.
    read: as the task's: "sequence" makes a chain of every tree.
    """

    form: Form
    tokens: Tokens
    labels: Tokens
    read: Literal["sequence", "tree"] | None = None

    output_field = "labels"
    __pydantic_config__ = STRICT

    @property
    def shape(self) -> Shape:
        return Shape(
            inputs=len(self.tokens),
            tokens=True,
            outputs=len(self.labels),
            answers="last",
            loss="softmax",
            read=self.read or "either",
        )

    def encode(self, texts: Sequence[str]) -> Batch:
        """A TreeBatch, x (T, B) int32 and lengths (B,), in the order of the texts."""
        columns = [self._ids(self._tree(text)) for text in texts]
        x, lengths = Ragged.of(columns).padded(np.arange(len(texts)))
        trees = [self._tree(text) for text in texts]
        bare = {not tree.labels for tree in trees}
        if len(bare) > 1:
            raise UserError("text: expected all texts with brackets, or all without; got both")
        if self.read == "sequence" or bare == {True}:
            forest = Forest.chains(x, lengths)
        else:
            for tree in trees:
                tree.labels[:] = ["" for _ in tree.labels[:-1]] + ["root"]
            found, _, rows = gathered(trees, columns, {"root": 0}).forest(np.arange(len(texts)))
            place = np.empty(len(rows), np.int64)
            place[rows] = np.arange(len(rows))  # a forest has the longest first
            forest = found.columns(place)
        return TreeBatch(x, np.zeros(len(texts), np.int64), lengths, forest=forest)

    def steps(self, text: str, batch: Batch) -> list[str]:
        return self._words(self._tree(text))

    def _ids(self, tree: Tree) -> np.ndarray:
        return self.vocabulary.encode(self._words(tree))

    def _words(self, tree: Tree) -> list[str]:
        return [lowered(word) for word in tree.words] if self.form == "brackets" else tree.words

    def _tree(self, text: str) -> Tree:
        """The tree; one without nodes of words that are a sequence only."""
        words = text.split()
        if not words:
            raise unread("text", text, "a tree")
        try:
            if self.form == "list_operations":
                return _list_operation(words)
            if self.form == "formula":
                return _formula(words)
            if text.lstrip().startswith("("):
                return parse(text, labelled=_is_labelled(text))
        except Malformed as error:
            raise UserError(f"text: {error}; {error.remedy}") from None
        return Tree(words=composed(text).split())

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        return [Answer(next(iter(each)), each) for each in distribution(self.labels, y)]

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        answers = super().answer(network, texts, options)
        missing = [self.vocabulary.missing(self._words(self._tree(text))) for text in texts]
        return [replace(one, unknown=words) for one, words in zip(answers, missing, strict=True)]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        """Rows as of texts, and whether the node is one that is scored beside the others."""
        assert isinstance(batch, TreeBatch) and batch.lengths is not None  # noqa: PT018 - a batch of trees
        texts = [" ".join(self.vocabulary.decode(batch.x[:n, b])) for b, n in enumerate(batch.lengths)]
        rows = class_rows(texts, self.labels, batch.answers(), y)
        beside = np.zeros(batch.size, bool) if batch.beside is None else batch.beside
        return [row | {"beside": int(one)} for row, one in zip(rows, beside, strict=True)]


def _is_labelled(text: str) -> bool:
    """Whether a node's bracket begins with a label: ``(3 (2 a) …``, and not ``((a b) …`` or ``(a b)``."""
    pieces = text.replace("(", " ( ").replace(")", " ) ").split()
    bracket = [place for place, piece in enumerate(pieces) if piece == "("]
    # (label (…; and of the bracket that opens last, (label word).
    behind = pieces[bracket[-1] + 1 : bracket[-1] + 4]
    outer = len(bracket) > 1 and pieces[1] not in "()" and pieces[2:3] == ["("]
    return outer or (len(bracket) == 1 and len(behind) == 3)


def _list_operation(words: Sequence[str]) -> Tree:
    """A list grows from the left, operand by operand: ((((MAX 2) 9) (…)) 0) ]). Malformed where it is none."""
    tree = Tree()
    opened: list[int] = []  # the node of each open list so far
    node = -1
    for word in words:
        if node >= 0 and not opened:
            raise Malformed(f"expected one expression; got {word!r} behind its end", "type [MAX 2 9 [MIN 4 7 ] 0 ]")
        leaf = tree.leaf(word)
        if word in LISTS:
            opened.append(leaf)
            continue
        if word == "]" and opened:
            node = tree.join(opened.pop(), leaf)
        elif word.isdigit() and len(word) == 1:
            node = leaf
        else:
            raise Malformed(
                f"expected digits, {', '.join(LISTS)} and ], with spaces between; got {word[:20]!r}",
                "type [MAX 2 9 [MIN 4 7 ] 0 ]",
            )
        if opened:
            opened[-1] = tree.join(opened[-1], node)
    if opened:
        raise Malformed(f"expected as many ] as lists; got {len(opened)} too few", "put a ] behind each list")
    return tree


def _formula(words: Sequence[str]) -> Tree:
    """Operators in front of what they join. Malformed where it is none."""
    tree = Tree()
    rest = iter(words)

    def grow(depth: int) -> int:
        word = next(rest, None)
        if word is None or depth > DEEPEST:
            what = "its end" if word is None else f"more than {DEEPEST} levels"
            raise Malformed(f"expected a formula behind each operator; got {what}", "type or and p+ q- not r+")
        if word not in ("and", "or", "xor", "not"):
            return tree.leaf(word)
        at = len(tree.words)
        tree.words.append(word)
        left = grow(depth + 1)
        return tree.operate(at, left, -1 if word == "not" else grow(depth + 1))

    grow(0)
    if (more := next(rest, None)) is not None:
        raise Malformed(f"expected one formula; got {more[:20]!r} behind its end", "operators stand in front")
    return tree
