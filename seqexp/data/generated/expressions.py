"""Nested list operations with one-digit operands and results: the published grammar of ListOps, a level at a time.

    [MAX 2 9 [MIN 4 7 ] 0 ]        is 9

An operand is a digit with probability 0.75, each digit as likely, and else a list. A list has MAX, MIN, MED (the
median, rounded down) or SM (the sum modulo 10), each as likely, and 2 to ``arguments`` operands, each number as likely.
What lies deeper than ``depth`` lists is a digit. Source: Nangia and Bowman 2018; their set has ``depth`` 19 and
``arguments`` 5.

As a tree a list grows from the left, operand by operand: ((((MAX 2) 9) (…)) 0) ]).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from seqexp.data.text import UNKNOWN, Ragged, Vocabulary
from seqexp.data.trees import Nodes, Trees

LIST = 0.25  # the probability of a list
OPERATORS = ("MAX", "MIN", "MED", "SM")
DIGITS = tuple("0123456789")
END = "]"
VOCABULARY = Vocabulary((UNKNOWN, *DIGITS, *(f"[{name}" for name in OPERATORS), END))
FIRST_DIGIT, FIRST_OPERATOR, ENDING = 1, 11, 15


def evaluate(words: Iterable[str]) -> int:
    """What an expression's tokens are worth. Also knows FIRST and LAST, which an older file has. ValueError of tokens
    that are no expression."""
    opened: list[tuple[str, list[int]]] = [("[LAST", [])]
    for word in words:
        if word in DIGITS:
            opened[-1][1].append(int(word))
        elif word == END and len(opened) > 1 and opened[-1][1]:
            operator, values = opened.pop()
            opened[-1][1].append(VALUES[operator](sorted(values), values))
        elif word in VALUES:
            opened.append((word, []))
        else:
            raise ValueError(f"no list operation: {word!r}")
    if len(opened) > 1 or len(opened[0][1]) != 1:
        raise ValueError("expected one expression, whose lists all end in ]")
    return opened[0][1][0]


VALUES: dict[str, Callable[[list[int], list[int]], int]] = {  # of the operands in order of size, and as they stand
    "[MAX": lambda ordered, values: ordered[-1],
    "[MIN": lambda ordered, values: ordered[0],
    "[MED": lambda ordered, values: (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2,
    "[SM": lambda ordered, values: sum(values) % 10,
    "[FIRST": lambda ordered, values: values[0],
    "[LAST": lambda ordered, values: values[-1],
}


def drawn(rng: np.random.Generator, size: int, depth: int, arguments: int, least_depth: int = 1) -> Trees:
    """Those of ``size`` lists drawn that are at least ``least_depth`` deep; a root's label is what it is worth."""
    levels = [_level(rng, size, 1.0, arguments)]
    for level in range(1, depth + 1):
        levels.append(_level(rng, int(levels[-1].count.sum()), LIST if level < depth else 0.0, arguments))
    levels = _deep_enough(levels, least_depth)
    for number in reversed(range(len(levels))):
        _measure(levels[number], levels[number + 1] if number + 1 < len(levels) else levels[number])
    return _laid_out(levels)


@dataclass
class _Level:
    """The n operands that lie equally deep, those of one list side by side; m of them are lists themselves."""

    lists: np.ndarray  # (n,) bool
    digit: np.ndarray  # (n,), of those that are none
    operator: np.ndarray  # (m,)
    count: np.ndarray  # (m,): how many operands each has, on the next level

    def __post_init__(self) -> None:
        n, m = len(self.lists), len(self.count)
        self.starts = np.cumsum(self.count) - self.count  # (m,): where the operands of each begin on the next level
        self.owner = np.repeat(np.arange(m), self.count)  # of each operand of the next level
        self.place = np.arange(len(self.owner)) - self.starts[self.owner]  # and which one of its list's it is
        self.value = self.digit.copy()  # (n,)
        self.words, self.nodes = np.ones(n, np.int64), np.ones(n, np.int64)  # how many of them each operand is
        self.height = np.zeros(n, np.int64)
        self.joined = np.zeros(0, np.int64)  # the height of a list so far, behind each operand of the next level


def _level(rng: np.random.Generator, size: int, lists: float, arguments: int) -> _Level:
    are_lists = rng.random(size) < lists
    digits, many = rng.integers(10, size=size), int(are_lists.sum())
    operators, counts = rng.integers(len(OPERATORS), size=many), rng.integers(2, arguments + 1, size=many)
    return _Level(are_lists, digits, operators, counts)


def _deep_enough(levels: list[_Level], least: int) -> list[_Level]:
    """The levels of those expressions that have a list on level ``least`` - 1."""
    root, roots = np.arange(len(levels[0].lists)), []  # of each operand, level by level
    for level in levels:
        roots.append(root)
        root = np.repeat(root[level.lists], level.count)
    deep = np.zeros(len(levels[0].lists), bool)
    deep[roots[least - 1][levels[least - 1].lists]] = True
    kept = []
    for level, root in zip(levels, roots, strict=True):
        chosen, lists = deep[root], deep[root[level.lists]]
        kept.append(_Level(level.lists[chosen], level.digit[chosen], level.operator[lists], level.count[lists]))
    return kept


def _measure(level: _Level, below: _Level) -> None:
    """Values and sizes of a level's lists, from the operands ``below``."""
    if not len(level.count):
        return
    starts, lists = level.starts, level.lists
    ordered = below.value[np.lexsort((below.value, level.owner))]
    by_operator = (
        np.maximum.reduceat(below.value, starts),
        np.minimum.reduceat(below.value, starts),
        (ordered[starts + (level.count - 1) // 2] + ordered[starts + level.count // 2]) // 2,
        np.add.reduceat(below.value, starts) % 10,
    )
    level.value[lists] = np.choose(level.operator, by_operator)
    level.words[lists] = 2 + np.add.reduceat(below.words, starts)  # the operator and ]
    level.nodes[lists] = 3 + level.count + np.add.reduceat(below.nodes, starts)  # both, and a join for each but one
    level.joined = np.zeros(len(level.owner), np.int64)
    height = np.zeros(len(level.count), np.int64)
    for place in range(int(level.count.max())):
        has = level.count > place
        at = starts[has] + place
        level.joined[at] = height[has] = 1 + np.maximum(height[has], below.height[at])
    level.height[lists] = 1 + height


def _laid_out(levels: list[_Level]) -> Trees:
    """The expressions one after another: their tokens, and their nodes, each behind its children."""
    top = levels[0]
    word, node = np.cumsum(top.words) - top.words, np.cumsum(top.nodes) - top.nodes  # where each operand begins
    base, first = node, word  # where its tree begins
    words = np.empty(int(top.words.sum()), np.int32)
    count = int(top.nodes.sum())
    token, left, right, height, start, stop = (np.full(count, -1) for _ in range(6))

    def leaves(at: np.ndarray, place: np.ndarray, ids: np.ndarray | int, first: np.ndarray) -> None:
        words[place] = ids
        token[at], height[at], start[at], stop[at] = ids, 0, place - first, place - first + 1

    for number, level in enumerate(levels):
        lists = level.lists
        leaves(node[~lists], word[~lists], FIRST_DIGIT + level.digit[~lists], first[~lists])
        if not lists.any():
            break
        below = levels[number + 1]
        word, node, first, base = word[lists], node[lists], first[lists], base[lists]
        leaves(node, word, FIRST_OPERATOR + level.operator, first)
        ends = node + level.nodes[lists]
        leaves(ends - 2, word + level.words[lists] - 1, ENDING, first)
        # Behind its operator a list has an operand, the node that joins it to what is before, the next operand, ….
        own, starts = level.owner, level.starts
        before_words, before_nodes = (np.cumsum(sizes) - sizes for sizes in (below.words, below.nodes))
        below_word = word[own] + 1 + before_words - before_words[starts][own]
        below_node = node[own] + 1 + before_nodes - before_nodes[starts][own] + level.place
        joins = below_node + below.nodes
        left[joins] = np.where(level.place == 0, node[own], np.roll(joins, 1)) - base[own]
        right[joins] = joins - 1 - base[own]
        height[joins], start[joins] = level.joined, (word - first)[own]
        stop[joins] = below_word + below.words - first[own]
        left[ends - 1], right[ends - 1] = joins[starts + level.count - 1] - base, ends - 2 - base
        height[ends - 1], start[ends - 1] = level.height[lists], word - first
        stop[ends - 1] = word - first + level.words[lists]
        word, node, first, base = below_word, below_node, first[own], base[own]
    labels = np.full(count, -1)
    labels[np.cumsum(top.nodes) - 1] = top.value
    nodes = Nodes(token, left, right, height, start, stop, labels)
    return Trees(Ragged(words, top.words), top.nodes, nodes)
