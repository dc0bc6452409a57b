"""What a unit may count or keep track of: at each step of a text, a number or a yes or no that needs memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

OPENS = {'"': '"', "“": "”", "„": "“", "«": "»", "``": "''"}  # quotation marks, and what closes them
BRACKETS = {"(": 1, "[": 1, "{": 1, "-LRB-": 1, ")": -1, "]": -1, "}": -1, "-RRB-": -1}
NEGATIONS = frozenset({"not", "n't", "no", "never", "nor", "neither", "cannot", "without", "nothing"})
FEW = 8  # symbols of an alphabet whose members are counted one by one


@dataclass(frozen=True)
class Concept:
    """name: said of a unit: "unit 3 counts …". yes_no: whether its values are yes and no. of: a text's words to a value
    a step."""

    name: str
    yes_no: bool
    of: Callable[[Sequence[str]], np.ndarray]


def of_words(vocabulary: Sequence[str]) -> Iterator[Concept]:
    """The concepts that texts of this vocabulary may have."""
    known = set(vocabulary)
    yield steps_read()
    if known & set(OPENS):
        yield Concept("inside quotation marks", True, quoted)
    if known & set(BRACKETS):
        yield Concept("inside brackets", True, lambda words: depth(words) > 0)
        yield Concept("how many brackets are open", False, depth)
    if "\n" in known:
        yield Concept("steps since the line began", False, lambda words: since(words, "\n"))
    if "not" in known:
        yield Concept("a negation was read", True, lambda words: seen(words, NEGATIONS))
    plain = [word for word in vocabulary if not word.startswith("<")]
    if len(plain) <= FEW:
        for symbol in plain:
            yield Concept(f"how many {symbol} were read", False, _counter(symbol))


def steps_read() -> Concept:
    return Concept("steps read so far", False, lambda words: np.arange(1, len(words) + 1))


def _counter(symbol: str) -> Callable[[Sequence[str]], np.ndarray]:
    return lambda words: np.cumsum([word == symbol for word in words])


def quoted(words: Sequence[str]) -> np.ndarray:
    """Whether a step lies inside quotation marks; the opening mark does, the closing one does not."""
    inside, closing = np.zeros(len(words), bool), ""
    for t, word in enumerate(words):
        if closing and word == closing:
            closing = ""
        elif not closing and word in OPENS:
            closing = OPENS[word]
        inside[t] = bool(closing)
    return inside


def depth(words: Sequence[str]) -> np.ndarray:
    """How many brackets are open behind each step; one that closes none counts for nothing."""
    found, level = np.zeros(len(words), int), 0
    for t, word in enumerate(words):
        level = max(0, level + BRACKETS.get(word, 0))
        found[t] = level
    return found


def since(words: Sequence[str], mark: str) -> np.ndarray:
    """Steps since the last mark, 0 at it."""
    found, last = np.zeros(len(words), int), 0
    for t, word in enumerate(words):
        last = t if word == mark else last
        found[t] = t - last
    return found


def seen(words: Sequence[str], marks: frozenset[str]) -> np.ndarray:
    """Whether one of the marks was read at a step or before."""
    return np.logical_or.accumulate([word.lower() in marks for word in words])
