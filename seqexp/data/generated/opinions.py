"""Sentences about films as binary trees, with an opinion at every node that follows from its children's.

    (1 (2 the film) (1 (2 was) (1 (2 not) (4 (2 really) (3 funny)))))

An opinion is 0 (very negative) to 4 (very positive), 2 is none. "really" drives the word behind it to the end of its
side. "not" gives the mild opposite of what is behind it. Of "A but B" it is B that counts; of "A and B" the stronger of
the two where they agree in side, and else neither. All other words have no opinion, so a phrase has that of its other
half. The same words are in sentences of every class: Naive Bayes on them is right in about half.
"""

from collections.abc import Callable

from seqexp.data.generated.dice import Dice
from seqexp.data.generated.reviews import FILMS, INTENSIFIERS, NEGATIVE, NEGATORS, POSITIVE
from seqexp.data.trees import Tree

NEUTRAL = 2
JOINED = 0.5  # the probability that a sentence goes on behind "and" or "but", as long as it may
MOST_CLAUSES = 4


def opinion(dice: Dice) -> Tree:
    """A sentence; the labels of its nodes are "0" to "4"."""
    tree = Tree()
    clauses = 1
    while clauses < MOST_CLAUSES and dice.hit(JOINED):
        clauses += 1
    _sentence(tree, dice, clauses)
    return tree


def _sentence(tree: Tree, dice: Dice, clauses: int) -> int:
    if clauses == 1:
        return _clause(tree, dice)
    first = 1 + dice.below(clauses - 1)
    one, which = _sentence(tree, dice, first), dice.one_of(("and", "but"))
    word = tree.leaf(which, str(NEUTRAL))
    other = _sentence(tree, dice, clauses - first)
    rest = tree.join(word, other, tree.labels[other])
    return _joined(tree, one, rest, _both if which == "and" else lambda one, other: other)


def _clause(tree: Tree, dice: Dice) -> int:
    article, film = dice.one_of(FILMS).split()
    first, second = (tree.leaf(word, str(NEUTRAL)) for word in (article, film))
    subject = _joined(tree, first, second, _other)
    verb = tree.leaf("was", str(NEUTRAL))
    return _joined(tree, subject, _joined(tree, verb, _judgement(tree, dice), _other), _other)


def _judgement(tree: Tree, dice: Dice) -> int:
    negated, driven = (
        tree.leaf(dice.one_of(words), str(NEUTRAL)) if dice.hit(0.5) else None for words in (NEGATORS, INTENSIFIERS)
    )
    good = dice.hit(0.5)
    node = tree.leaf(dice.one_of(POSITIVE if good else NEGATIVE), "3" if good else "1")
    if driven is not None:
        node = _joined(tree, driven, node, lambda _, of: 4 if of > NEUTRAL else 0)
    if negated is not None:
        node = _joined(tree, negated, node, lambda _, of: 1 if of > NEUTRAL else 3)
    return node


def _joined(tree: Tree, left: int, right: int, rule: Callable[[int, int], int]) -> int:
    return tree.join(left, right, str(rule(int(tree.labels[left]), int(tree.labels[right]))))


def _other(one: int, other: int) -> int:
    """The opinion of the half that has one."""
    return one if other == NEUTRAL else other


def _both(one: int, other: int) -> int:
    """The stronger where both are on one side, and else neither."""
    one, other = one - NEUTRAL, other - NEUTRAL
    if one * other <= 0:
        return NEUTRAL
    return NEUTRAL + (max(one, other) if one > 0 else min(one, other))
