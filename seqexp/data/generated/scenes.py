"""Pictures of one to four coloured shapes, and the words for them: "two red circles and a blue square".

A picture has 24 x 24 places of red, green and blue. Shapes lie in nine cells of 7 x 7, which are moved together by up
to three places; each shape has a cell and a brightness of its own. Two groups differ in colour and number; the words
name the larger one first.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from seqexp.data.batch import Split
from seqexp.numerics.rng import Purpose, stream

COLOURS = {
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "green": (0, 255, 0),
    "purple": (255, 0, 255),
    "red": (255, 0, 0),
    "yellow": (255, 255, 0),
}
KINDS = ("circle", "square", "triangle")
COUNTS = ("a", "two", "three", "four")
MOST = len(COUNTS)  # shapes of a picture
HELD_OUT = 3  # counts, from one, that are held out with some colour; four shapes fill a picture
SIDE, CELLS, CELL = 24, 3, 7
SIZE = 6  # of a shape, so that between two cells is a gap
DARKEST = 0.8
TWO = 0.85  # how often two groups are drawn; many of them do not fit, so that half of the pictures have one
PICTURE = (3, SIDE, SIDE)
WORDS = (*COUNTS, *COLOURS, *KINDS, *(f"{kind}s" for kind in KINDS), "and")

Pair = tuple[int, str]  # a count and a colour
Unseen = Literal["together", "counts"]


class Group(NamedTuple):
    """Shapes of one colour and kind."""

    number: int
    colour: str
    kind: str

    def words(self) -> list[str]:
        return [COUNTS[self.number - 1], self.colour, self.kind + "s" * (self.number > 1)]


def caption(groups: Sequence[Group]) -> str:
    """The words for a picture of these groups, in whatever order they come."""
    return " and ".join(" ".join(group.words()) for group in in_order(groups))


def in_order(groups: Sequence[Group]) -> list[Group]:
    """The larger group first."""
    return sorted(groups, key=lambda group: -group.number)


def parsed(text: str) -> list[Group] | None:
    """The groups that a caption names, in the order of the words; None where it is no caption."""
    groups = []
    for part in text.lower().split(" and "):
        count, colour, kind = part.split() if len(part.split()) == 3 else ("", "", "")
        count = "a" if count == "one" else count
        if count not in COUNTS or colour not in COLOURS or kind.removesuffix("s") not in KINDS:
            return None
        groups.append(Group(COUNTS.index(count) + 1, colour, kind.removesuffix("s")))
    return groups if sum(group.number for group in groups) <= MOST and differ(groups) else None


def part_of(groups: Sequence[Group], unseen: Unseen, split_seed: int) -> Split | None:
    """The one part that a scene may be in; None of one that would be in two.

    unseen: what only one part has. "together": two counts with their colours in one picture, such as two reds beside a
            blue; a picture of one colour is for training. "counts": a count with a colour, such as two reds.
    """
    pairs = {(group.number, group.colour) for group in groups}
    if unseen == "together":
        return _part_together(groups, split_seed) if len(groups) > 1 else "train"
    held = held_counts(split_seed)
    parts = {split for split, own in held.items() if own & pairs}
    return parts.pop() if len(parts) == 1 else None if parts else "train"


def _part_together(groups: Sequence[Group], split_seed: int) -> Split:
    """Of a larger and a smaller group. With the colours in a drawn circle: the test has each larger group beside one
    colour of the others alone, validation every other one beside one, so that training has each beside most."""
    larger, smaller = in_order(groups)
    colours = _circle(split_seed)
    at = colours.index(larger.colour)
    apart = (colours.index(smaller.colour) - at) % len(colours)
    if apart == larger.number - 1:
        return "test"
    return "val" if apart == larger.number + 1 and (at + larger.number) % 2 == 0 else "train"


@cache
def _circle(split_seed: int) -> list[str]:
    return list(stream(split_seed, Purpose.SPLIT).permutation(list(COLOURS)).tolist())


@cache
def held_counts(split_seed: int) -> dict[Split, frozenset[Pair]]:
    """The counts with a colour that only validation, and that only the test has: three each, every count once and no
    colour twice, so that training has every count and every colour in most of its pairs."""
    colours = _circle(split_seed)
    return {
        "test": frozenset((n + 1, colours[n]) for n in range(HELD_OUT)),
        "val": frozenset((n + 1, colours[HELD_OUT + n]) for n in range(HELD_OUT)),
    }


def scene(rng: np.random.Generator, split: Split, unseen: Unseen, split_seed: int) -> list[Group]:
    """A scene of one or two groups that may be in this part."""
    while True:
        groups = [Group(*_pair(rng, MOST), _one(rng, KINDS))]
        if rng.random() < TWO:
            groups.append(Group(*_pair(rng, MOST), _one(rng, KINDS)))
        if (
            sum(group.number for group in groups) <= MOST
            and differ(groups)
            and part_of(groups, unseen, split_seed) == split
        ):
            return groups


def differ(groups: Sequence[Group]) -> bool:
    """Whether no two groups have a colour or a number in common, so that the words have one order."""
    return len({group.colour for group in groups}) == len({group.number for group in groups}) == len(groups)


def _pair(rng: np.random.Generator, most: int) -> Pair:
    return int(rng.integers(1, most + 1)), _one(rng, tuple(COLOURS))


def _one(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]


def drawn(rng: np.random.Generator, groups: Iterable[Group]) -> np.ndarray:
    """A picture (3, SIDE, SIDE) uint8 of these groups, 0 where nothing is."""
    picture = np.zeros(PICTURE, np.uint8)
    cells = iter(rng.permutation(CELLS * CELLS).tolist())
    corner = rng.integers(0, SIDE - CELLS * CELL + 1, 2)
    for group in groups:
        for _ in range(group.number):
            top, left = corner + np.array(divmod(next(cells), CELLS)) * CELL
            stamp(picture, group, SIZE, top, left, rng.uniform(DARKEST, 1))
    return picture


def stamp(picture: np.ndarray, shape: Group, size: int, top: int, left: int, brightness: float = 1.0) -> None:
    """Draw one shape into a picture (3, height, width); what lies outside it is not seen."""
    mask = outline(shape.kind, size)
    high, wide = picture.shape[1:]
    inside = mask[max(0, -top) : max(0, high - top), max(0, -left) : max(0, wide - left)]
    top, left = max(0, top), max(0, left)
    for channel, value in zip(picture, COLOURS[shape.colour], strict=True):
        channel[top : top + inside.shape[0], left : left + inside.shape[1]][inside] = round(brightness * value)


@cache
def outline(kind: str, size: int) -> np.ndarray:
    """Where a shape is, (size, size) bool."""
    at = np.arange(size) - (size - 1) / 2
    if kind == "circle":
        return np.asarray(at[:, None] ** 2 + at**2 <= 0.9 * size**2 / 4)  # else a square without corners
    if kind == "triangle":  # as wide at each row as the row is far from the tip
        return np.asarray(np.abs(at) <= (np.arange(size)[:, None] + 1) / 2)
    return np.ones((size, size), bool)
