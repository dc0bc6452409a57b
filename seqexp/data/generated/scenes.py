"""Pictures of one to four coloured shapes, and the words for them: "two red circles and a blue square".

A picture has 24 x 24 places of red, green and blue, cut into nine cells of 8 x 8; each shape lies in a cell of its own,
in a size, place and brightness of its own. The words name the larger group first, of equal ones the colour that comes
first in the alphabet.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

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
SIDE, CELLS = 24, 3
CELL = SIDE // CELLS
SIZES = (5, 6, 7)  # of a shape
DARKEST = 0.6
PICTURE = (3, SIDE, SIDE)
WORDS = (*COUNTS, *COLOURS, *KINDS, *(f"{kind}s" for kind in KINDS), "and")

Pair = tuple[int, str]  # a count and a colour


class Group(NamedTuple):
    """Shapes of one colour and kind."""

    number: int
    colour: str
    kind: str

    def words(self) -> list[str]:
        return [COUNTS[self.number - 1], self.colour, self.kind + "s" * (self.number > 1)]


def caption(groups: Sequence[Group]) -> str:
    """The words for a picture of these groups, in whatever order they come."""
    first, *rest = sorted(groups, key=lambda group: (-group.number, group.colour))
    return " ".join([*first.words(), *(word for group in rest for word in ("and", *group.words()))])


def parsed(text: str) -> list[Group] | None:
    """The groups that a caption names, in the order of the words; None where it is no caption."""
    groups = []
    for part in text.lower().split(" and "):
        count, colour, kind = part.split() if len(part.split()) == 3 else ("", "", "")
        count = "a" if count in ("an", "one") else count
        if count not in COUNTS or colour not in COLOURS or kind.removesuffix("s") not in KINDS:
            return None
        groups.append(Group(COUNTS.index(count) + 1, colour, kind.removesuffix("s")))
    colours = {group.colour for group in groups}
    return groups if sum(group.number for group in groups) <= MOST and len(colours) == len(groups) <= 2 else None


def held_out(split_seed: int) -> dict[Split, frozenset[Pair]]:
    """The pairs of count and colour that only validation, and that only the test has: four each, every count once and
    no colour twice, so that training has every count and every colour in most of its pairs."""
    colours = stream(split_seed, Purpose.SPLIT).permutation(list(COLOURS)).tolist()
    shifts: dict[Split, int] = {"test": 0, "val": len(colours) // 2}
    return {
        split: frozenset((count, colours[(count - 1 + shift) % len(colours)]) for count in range(1, MOST + 1))
        for split, shift in shifts.items()
    }


def scene(rng: np.random.Generator, split: Split, held: dict[Split, frozenset[Pair]]) -> list[Group]:
    """A scene of one or two groups. One of a held-out split has a pair of that split, and none of the other one's."""
    other = held["val"] if split == "test" else held["test"]
    own = sorted(held[split]) if split in held else []
    while True:
        count, colour = own[rng.integers(len(own))] if own else _pair(rng, MOST)
        groups = [Group(count, colour, _one(rng, KINDS))]
        if count < MOST and rng.random() < 2 / 3:
            groups.append(Group(*_pair(rng, MOST - count), _one(rng, KINDS)))
        pairs = {(group.number, group.colour) for group in groups}
        colours = {group.colour for group in groups}
        if len(colours) == len(groups) and not pairs & other and (own or not pairs & held["val"]):
            return groups


def _pair(rng: np.random.Generator, most: int) -> Pair:
    return int(rng.integers(1, most + 1)), _one(rng, tuple(COLOURS))


def _one(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]


def drawn(rng: np.random.Generator, groups: Iterable[Group]) -> np.ndarray:
    """A picture (3, SIDE, SIDE) uint8 of these groups, 0 where nothing is."""
    picture = np.zeros(PICTURE, np.uint8)
    cells = iter(rng.permutation(CELLS * CELLS).tolist())
    for group in groups:
        for _ in range(group.number):
            size = SIZES[rng.integers(len(SIZES))]
            cell = np.array(divmod(next(cells), CELLS)) * CELL
            top, left = cell + rng.integers(0, CELL - size, 2)  # so that shapes never touch
            stamp(picture, group, size, top, left, rng.uniform(DARKEST, 1))
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
        return np.asarray(at[:, None] ** 2 + at**2 <= 0.9 * size**2 / 4)  # else one of 6 is a square without corners
    if kind == "triangle":  # as wide at each row as the row is far from the tip
        return np.asarray(np.abs(at) <= (np.arange(size)[:, None] + 1) / 2)
    return np.ones((size, size), bool)
