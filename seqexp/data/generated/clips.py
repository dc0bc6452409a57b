"""Clips of a coloured shape that moves, and the words for them: "the red circle moves left".

A clip has five frames of 16 x 16 places of red, green and blue. Beside the shape that moves there may be one that
stands still; the words name it last, and neither hides the other. Where a single shape is in the last frame is drawn
alike for every movement, so that this frame does not tell where it comes from.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from seqexp.data import splits
from seqexp.data.batch import Split
from seqexp.data.generated import scenes
from seqexp.data.generated.scenes import COLOURS, DARKEST, KINDS

FRAMES, SIDE = 5, 16
PICTURE = (3, SIDE, SIDE)
SIZES = (5, 6)
SPEED = 2  # places a frame
STILL = "stands still"
Way = list[tuple[int, int]]
MOVEMENTS = {  # words -> rows and columns a step
    "moves left": (0, -1),
    "moves right": (0, 1),
    "moves up": (-1, 0),
    "moves down": (1, 0),
    STILL: (0, 0),
}


class Actor(NamedTuple):
    """A shape, and what it does."""

    colour: str
    kind: str
    movement: str


def caption(actors: Sequence[Actor]) -> str:
    """The words for a clip of these shapes, in whatever order they come."""
    return " and ".join(f"the {actor.colour} {actor.kind} {actor.movement}" for actor in in_order(actors))


def in_order(actors: Sequence[Actor]) -> list[Actor]:
    """The one that moves first."""
    return sorted(actors, key=lambda actor: actor.movement == STILL)


def differ(actors: Sequence[Actor]) -> bool:
    """Whether there is one shape, or two of different colours of which one moves, so that the words have one order."""
    still = sum(actor.movement == STILL for actor in actors)
    return len(actors) == 1 or (len(actors) == 2 and still == 1 and actors[0].colour != actors[1].colour)


def parsed(text: str) -> list[Actor] | None:
    """The shapes that a caption names; None where it is no caption."""
    actors = []
    for part in text.lower().split(" and "):
        words = part.split()
        colour, kind, movement = (words[1], words[2], " ".join(words[3:])) if len(words) == 5 else ("", "", "")
        if words[0:1] != ["the"] or colour not in COLOURS or kind not in KINDS or movement not in MOVEMENTS:
            return None
        actors.append(Actor(colour, kind, movement))
    return actors if differ(actors) else None


def clip(rng: np.random.Generator, split: Split, split_seed: int) -> list[Actor]:
    """One shape, or one that moves and one that does not, whose words are those of no other part."""
    while True:
        actors = [Actor(_one(rng, COLOURS), _one(rng, KINDS), _one(rng, MOVEMENTS))]
        if rng.random() < 0.6:
            actors.append(Actor(_one(rng, COLOURS), _one(rng, KINDS), STILL))
        if differ(actors) and splits.part_of(caption(actors).encode(), split_seed) == split:
            return actors


def _one(rng: np.random.Generator, words: Iterable[str]) -> str:
    listed = list(words)
    return listed[int(rng.integers(len(listed)))]


def drawn(rng: np.random.Generator, actors: Sequence[Actor]) -> np.ndarray:
    """Frames (FRAMES, 3, SIDE, SIDE) uint8. A shape that comes from the edge is not seen at first."""
    while True:
        sizes = [SIZES[n] for n in rng.integers(len(SIZES), size=len(actors)).tolist()]
        ways = [_way(rng, actor, size) for actor, size in zip(actors, sizes, strict=True)]
        if len(actors) == 1 or not _meet(ways, sizes):
            break
    frames = np.zeros((FRAMES, *PICTURE), np.uint8)
    for actor, size, way in zip(actors, sizes, ways, strict=True):
        shape, brightness = scenes.Group(1, actor.colour, actor.kind), rng.uniform(DARKEST, 1)
        for frame, (top, left) in zip(frames, way, strict=True):
            scenes.stamp(frame, shape, size, top, left, brightness)
    return frames


def _way(rng: np.random.Generator, actor: Actor, size: int) -> Way:
    """The rows and columns of the shape's upper left corner, frame by frame."""
    top, left = rng.integers(0, SIDE - size + 1, 2).tolist()  # in the last frame
    down, right = MOVEMENTS[actor.movement]
    return [(top - SPEED * ago * down, left - SPEED * ago * right) for ago in range(FRAMES - 1, -1, -1)]


def _meet(ways: Sequence[Way], sizes: Sequence[int]) -> bool:
    """Whether the squares around two shapes have a place in common in some frame."""
    return any(
        top < other + sizes[1] and other < top + sizes[0] and left < beside + sizes[1] and beside < left + sizes[0]
        for (top, left), (other, beside) in zip(*ways, strict=True)
    )
