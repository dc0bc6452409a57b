"""Clips of one or two coloured shapes that move, and the words for them: "the red circle moves left".

A clip has six frames of 20 x 20 places of red, green and blue. Where a shape is in the last frame is drawn alike for
every movement, so that this frame does not tell where it comes from. The words name the colour first that comes first
in the alphabet.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqexp.data.batch import Split
from seqexp.data.generated import scenes
from seqexp.data.generated.scenes import COLOURS, DARKEST, KINDS, SIZES
from seqexp.numerics.rng import Purpose, stream

FRAMES, SIDE = 6, 20
PICTURE = (3, SIDE, SIDE)
MOVEMENTS = {  # words -> rows and columns a step
    "moves left": (0, -1),
    "moves right": (0, 1),
    "moves up": (-1, 0),
    "moves down": (1, 0),
    "stands still": (0, 0),
}
SPEEDS = (1, 2)  # places a frame

Pair = tuple[str, str]  # a colour and a movement


class Actor(NamedTuple):
    """A shape, and what it does."""

    colour: str
    kind: str
    movement: str


def caption(actors: Sequence[Actor]) -> str:
    """The words for a clip of these shapes, in whatever order they come."""
    return " and ".join(f"the {actor.colour} {actor.kind} {actor.movement}" for actor in sorted(actors))


def parsed(text: str) -> list[Actor] | None:
    """The shapes that a caption names; None where it is no caption."""
    actors = []
    for part in text.lower().split(" and "):
        words = part.split()
        colour, kind, movement = (words[1], words[2], " ".join(words[3:])) if len(words) == 5 else ("", "", "")
        if words[0:1] != ["the"] or colour not in COLOURS or kind not in KINDS or movement not in MOVEMENTS:
            return None
        actors.append(Actor(colour, kind, movement))
    return actors if len({actor.colour for actor in actors}) == len(actors) <= 2 else None


def held_out(split_seed: int) -> dict[Split, frozenset[Pair]]:
    """The pairs of colour and movement that only validation, and that only the test has: five each, every movement
    once and no colour twice."""
    colours = stream(split_seed, Purpose.SPLIT).permutation(list(COLOURS)).tolist()
    shifts: dict[Split, int] = {"test": 0, "val": len(colours) // 2}
    return {
        split: frozenset((colours[(n + shift) % len(colours)], movement) for n, movement in enumerate(MOVEMENTS))
        for split, shift in shifts.items()
    }


def clip(rng: np.random.Generator, split: Split, held: dict[Split, frozenset[Pair]]) -> list[Actor]:
    """One or two shapes. Of a held-out split one has a pair of that split, and none has one of the other split."""
    other = held["val"] if split == "test" else held["test"]
    own = sorted(held[split]) if split in held else []
    while True:
        pairs = [own[int(rng.integers(len(own)))] if own else _pair(rng)]
        pairs += [_pair(rng) for _ in range(int(rng.integers(2)))]
        colours = {colour for colour, _ in pairs}
        if len(colours) == len(pairs) and not other & set(pairs) and (own or not held["val"] & set(pairs)):
            return [Actor(colour, KINDS[int(rng.integers(len(KINDS)))], movement) for colour, movement in pairs]


def _pair(rng: np.random.Generator) -> Pair:
    return list(COLOURS)[int(rng.integers(len(COLOURS)))], list(MOVEMENTS)[int(rng.integers(len(MOVEMENTS)))]


def drawn(rng: np.random.Generator, actors: Sequence[Actor]) -> np.ndarray:
    """Frames (FRAMES, 3, SIDE, SIDE) uint8. A shape that comes from the edge is not seen at first."""
    frames = np.zeros((FRAMES, *PICTURE), np.uint8)
    for actor in actors:
        size, speed = int(rng.choice(SIZES)), int(rng.choice(SPEEDS))
        last, brightness = rng.integers(0, SIDE - size + 1, 2), rng.uniform(DARKEST, 1)
        for number, frame in enumerate(frames):
            top, left = (last - speed * (FRAMES - 1 - number) * np.array(MOVEMENTS[actor.movement])).tolist()
            shape = scenes.Group(1, actor.colour, actor.kind)
            scenes.stamp(frame, shape, size, top, left, brightness)
    return frames
