"""Formulas of Boolean logic over given variables, such as ``or and p+ q- not r+``: written in front, with their values.

A variable is true where it has a + and false where it has a -; in one formula it is always the same. A formula of depth
d has an operator over a formula of depth d - 1; beside that stands one of depth 0, 1 or 2, less than d, on either side.
The operators are and, or, xor and not, each as likely; so a formula grows by about three tokens a level.
"""

from seqexp.data.generated.dice import Dice
from seqexp.data.text import UNKNOWN, Vocabulary
from seqexp.data.trees import Tree

OPERATORS = ("and", "or", "xor", "not")
BESIDE = 2  # the deepest formula beside the one that goes on
LETTERS = "pqrstuvwabcdefgh"


def vocabulary(variables: int) -> Vocabulary:
    return Vocabulary((UNKNOWN, *OPERATORS, *(f"{letter}{sign}" for letter in LETTERS[:variables] for sign in "+-")))


def formula(dice: Dice, depth: int, variables: int) -> Tree:
    """A formula of just this depth as a tree, an operator at each inner node; the root's label is "true" or "false"."""
    given = [dice.below(2) for _ in range(variables)]
    tree = Tree()
    _, value = _grow(tree, dice, depth, given)
    tree.labels[-1] = "true" if value else "false"
    return tree


def _grow(tree: Tree, dice: Dice, depth: int, given: list[int]) -> tuple[int, bool]:
    """Append a formula's nodes; the last one's number, and its value."""
    if depth == 0:
        which = dice.below(len(given))
        value = bool(given[which])
        return tree.leaf(LETTERS[which] + ("+" if value else "-")), value
    operator = dice.one_of(OPERATORS)
    at = len(tree.words)
    tree.words.append(operator)
    if operator == "not":
        node, value = _grow(tree, dice, depth - 1, given)
        return tree.operate(at, node, -1), not value
    depths = [depth - 1, dice.below(min(BESIDE, depth - 1) + 1)]
    if dice.below(2):
        depths.reverse()
    (left, one), (right, other) = (_grow(tree, dice, each, given) for each in depths)
    value = {"and": one and other, "or": one or other, "xor": one != other}[operator]
    return tree.operate(at, left, right), value


def evaluate(words: list[str]) -> bool:
    """What a formula's tokens are worth, read from their end."""
    values: list[bool] = []
    for word in reversed(words):
        if word == "not":
            values.append(not values.pop())
        elif word in OPERATORS:
            one, other = values.pop(), values.pop()
            values.append({"and": one and other, "or": one or other, "xor": one != other}[word])
        else:
            values.append(word.endswith("+"))
    (value,) = values
    return value
