"""Formal languages: strings of any length, and what is asked of each.

Decided languages ask once, at the end: to which class does the string belong? Predicted ones ask at every step which
symbols may come next. ``reversal`` asks for the string from its end. A string's length counts what lies between its
first and last mark, where it has such marks.

Sources: the regular ones, and reversal, as in Deletang et al. 2023; a^n b^n and a^n b^n c^n with the set of legal next
symbols as in Gers and Schmidhuber 2001; Dyck words: Chomsky and Schuetzenberger 1963; Reber grammar: Reber 1967,
Cleeremans, Servan-Schreiber and McClelland 1989; embedded: Hochreiter and Schmidhuber 1997, experiment 1.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FIRST, LAST = "S", "T"  # the marks of languages that have none of their own


@dataclass(frozen=True)
class Example:
    """One string as a network reads it.

    read:     (T,) symbols, -1 for a step without input.
    target:   the class (int), or (T, Y) bool: the right answers of each step.
    answered: (T,) bool, the steps that are asked.
    """

    read: np.ndarray
    target: int | np.ndarray
    answered: np.ndarray


class Language(ABC):
    """symbols: its alphabet; labels: the classes of a decided language, empty elsewhere; echo: the mark after which a
    string is asked for, of a transduced one."""

    symbols: tuple[str, ...]
    labels: tuple[str, ...] = ()
    echo: str | None = None

    @abstractmethod
    def has(self, length: int) -> bool:
        """Whether there are strings of this length."""

    @abstractmethod
    def steps(self, length: int) -> int:
        """How many steps a string of this length is read in."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, length: int) -> Example:
        """A string of this length, each as likely."""

    def ids(self, string: Sequence[str]) -> np.ndarray:
        return np.array([self.symbols.index(symbol) for symbol in string], np.int32)

    def at_least(self, length: int) -> int:
        """The first length from this one on that there is."""
        return next(n for n in range(length, 2 * length + 10) if self.has(n))


# -- decided: a class for the whole string ----------------------------------------------------------------------------


class Decided(Language):
    def has(self, length: int) -> bool:
        return length >= 1

    def steps(self, length: int) -> int:
        return length

    def draw(self, rng: np.random.Generator, length: int) -> Example:
        string = rng.integers(len(self.symbols), size=length).astype(np.int32)
        return Example(string, self.decide(string), np.arange(length) == length - 1)

    @abstractmethod
    def decide(self, string: np.ndarray) -> int: ...


class Parity(Decided):
    """Is the number of ones odd?"""

    symbols, labels = ("0", "1"), ("even", "odd")

    def decide(self, string: np.ndarray) -> int:
        return int(string.sum() % 2)


class EvenPairs(Decided):
    """Is the number of the pairs ab and ba even? It is where the first and the last symbol are the same."""

    symbols, labels = ("a", "b"), ("odd", "even")

    def decide(self, string: np.ndarray) -> int:
        return int(string[0] == string[-1])


class ModularArithmetic(Decided):
    """What is 2 + 3 * 4 - 1 modulo five? Without brackets; * binds first."""

    symbols, labels = (*"01234", "+", "-", "*"), tuple("01234")

    def has(self, length: int) -> bool:
        return length % 2 == 1

    def draw(self, rng: np.random.Generator, length: int) -> Example:
        string = rng.integers(5, size=length).astype(np.int32)
        string[1::2] = 5 + rng.integers(3, size=length // 2)
        return Example(string, self.decide(string), np.arange(length) == length - 1)

    def decide(self, string: np.ndarray) -> int:
        total, sign, product = 0, 1, int(string[0])
        for operator, digit in zip(string[1::2].tolist(), string[2::2].tolist(), strict=True):
            if self.symbols[operator] == "*":
                product = product * digit % 5
            else:
                total += sign * product
                sign, product = (1 if self.symbols[operator] == "+" else -1), digit
        return (total + sign * product) % 5


# -- predicted: what may come next ------------------------------------------------------------------------------------


class Predicted(Language):
    def steps(self, length: int) -> int:
        return length + 1  # with the first mark

    def draw(self, rng: np.random.Generator, length: int) -> Example:
        string = self.string(rng, length)
        legal = np.zeros((len(string) - 1, len(self.symbols)), bool)
        for step, following in enumerate(self.following(string)):
            for symbol in following:
                legal[step, self.symbols.index(symbol)] = True
        return Example(self.ids(string[:-1]), legal, np.ones(len(legal), bool))

    @abstractmethod
    def string(self, rng: np.random.Generator, length: int) -> list[str]:
        """A string with its marks."""

    @abstractmethod
    def following(self, string: Sequence[str]) -> list[str]:
        """What may come after the first, the second, … symbol: as many as the string has, less one."""


class Counted(Predicted):
    """a^n b^n, or a^n b^n c^n: as many of each letter, in their order. There is one string of each length."""

    def __init__(self, letters: str) -> None:
        self.letters, self.symbols = letters, (FIRST, *letters, LAST)

    def has(self, length: int) -> bool:
        return length >= 1 and length % len(self.letters) == 0

    def string(self, rng: np.random.Generator, length: int) -> list[str]:
        return [FIRST, *(letter for letter in self.letters for _ in range(length // len(self.letters))), LAST]

    def following(self, string: Sequence[str]) -> list[str]:
        first, then = self.letters[0], [*self.letters[2:], LAST]
        n = (len(string) - 2) // len(self.letters)
        sets = [first, *[first + self.letters[1]] * n]
        for letter, after in zip(self.letters[1:], then, strict=True):
            sets += [letter] * (n - 1) + [after]
        return sets


class Dyck(Predicted):
    """Brackets that close what is open: of one kind, or of two. The empty word is left out."""

    def __init__(self, pairs: Sequence[str]) -> None:
        self.pairs = {pair[0]: pair[1] for pair in pairs}
        self.opening = "".join(self.pairs)
        self.symbols = (FIRST, *"".join(pairs), LAST)

    def has(self, length: int) -> bool:
        return length >= 2 and length % 2 == 0

    def string(self, rng: np.random.Generator, length: int) -> list[str]:
        string, open_ = [FIRST], list[str]()
        for left, chance in zip(range(length, 0, -1), rng.random(length), strict=True):
            depth = len(open_)
            # The share of the words that go on upwards: by the ballot theorem (Bertrand 1887).
            if chance < (depth + 2) * (left - depth) / (2 * left * (depth + 1)):
                open_.append(self.opening[rng.integers(len(self.opening))])
                string.append(open_[-1])
            else:
                string.append(self.pairs[open_.pop()])
        return [*string, LAST]

    def following(self, string: Sequence[str]) -> list[str]:
        open_, sets = list[str](), []
        for symbol in string[:-1]:
            if symbol in self.pairs:
                open_.append(symbol)
            elif symbol != FIRST:
                open_.pop()
            closing = self.pairs[open_[-1]] if open_ else LAST
            sets.append(self.opening if symbol == FIRST else self.opening + closing)
        return sets


class Automaton(Predicted):
    """A finite automaton whose first step and last one are marks: state -> symbol -> next state; the end is ``END``.

    In every state each symbol is as likely (Cleeremans et al. 1989), given that the string has its length.
    """

    END = -1

    def __init__(self, moves: Sequence[dict[str, int]]) -> None:
        self.moves = moves
        self.symbols = tuple(sorted({symbol for move in moves for symbol in move}))
        self._ahead = np.zeros((1, len(moves) + 1))  # (steps left, state): the chance to end after so many steps
        self._ahead[0, self.END] = 1

    def has(self, length: int) -> bool:
        return length >= 1 and bool(self._chances(length + 2)[length + 2, 0] > 0)

    def _chances(self, steps: int) -> np.ndarray:
        while len(self._ahead) <= steps:
            row = np.zeros((1, len(self.moves) + 1))
            for state, move in enumerate(self.moves):
                row[0, state] = np.mean([self._ahead[-1, after] for after in move.values()])
            self._ahead = np.concatenate([self._ahead, row])
        return self._ahead

    def string(self, rng: np.random.Generator, length: int) -> list[str]:
        chances, state, string = self._chances(length + 2), 0, list[str]()
        for left, chance in zip(range(length + 1, -1, -1), rng.random(length + 2), strict=True):
            move = self.moves[state]
            ways = np.cumsum([chances[left, after] for after in move.values()])
            string.append([*move][int(np.searchsorted(ways, chance * ways[-1], side="right"))])
            state = move[string[-1]]
        return string

    def following(self, string: Sequence[str]) -> list[str]:
        state, sets = 0, []
        for symbol in string[:-1]:
            state = self.moves[state][symbol]
            sets.append("".join(self.moves[state]))
        return sets


REBER = [
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": Automaton.END},
]


def embedded(inner: Sequence[dict[str, int]]) -> list[dict[str, int]]:
    """B, then T or P, then a string of the inner automaton, then that T or P again, then E."""
    size, end = len(inner), 2 + 2 * len(inner) + 2
    moves: list[dict[str, int]] = [{"B": 1}, {"T": 2, "P": 2 + size}]
    for copy in range(2):
        start, after = 2 + copy * size, end - 2 + copy
        moves += [{s: after if to == Automaton.END else start + to for s, to in move.items()} for move in inner]
    return [*moves, {"T": end}, {"P": end}, {"E": Automaton.END}]


class Reversal(Language):
    """The string, a mark, and then, without input, the string from its end."""

    symbols, echo = ("a", "b", "#"), "#"

    def has(self, length: int) -> bool:
        return length >= 1

    def steps(self, length: int) -> int:
        return 2 * length

    def draw(self, rng: np.random.Generator, length: int) -> Example:
        string = rng.integers(2, size=length).astype(np.int32)
        silence = np.full(length - 1, -1, np.int32)
        read = np.concatenate([string, self.ids(self.echo), silence])
        answered = np.arange(len(read)) >= length
        target = np.zeros((len(read), len(self.symbols)), bool)
        target[np.flatnonzero(answered), string[::-1]] = True
        return Example(read, target, answered)


LANGUAGES: dict[str, Language] = {
    "parity": Parity(),
    "even_pairs": EvenPairs(),
    "modular_arithmetic": ModularArithmetic(),
    "anbn": Counted("ab"),
    "anbncn": Counted("abc"),
    "dyck1": Dyck(["()"]),
    "dyck2": Dyck(["()", "[]"]),
    "reversal": Reversal(),
    "reber": Automaton(REBER),
    "embedded_reber": Automaton(embedded(REBER)),
}
