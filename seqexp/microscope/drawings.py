"""Where the parts of a cell stand in its picture: on the page with numbers in it, on a slide with names."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Drawing:
    """size: width and height. nodes: name -> (signal, x, y, its derivative). signs: name -> (operation, x, y); ``g`` is
    the activation in the cell's last equation. arrows: from and to, by these names. y grows downward."""

    size: tuple[int, int]
    nodes: Mapping[str, tuple[str, int, int, str]]
    signs: Mapping[str, tuple[str, int, int]]
    arrows: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def _arrows(*pairs: str) -> tuple[tuple[str, str], ...]:
    split = [pair.split() for pair in pairs]
    return tuple((one, other) for one, other in split)


DRAWINGS = {
    "lstm": Drawing(
        (720, 236),
        {
            "c0": ("c_prev", 60, 40, "dc_back"),
            "f": ("f", 170, 130, "df"),
            "i": ("i", 285, 196, "di"),
            "t": ("t", 395, 196, "dt"),
            "c": ("c", 480, 40, "dc"),
            "o": ("o", 540, 196, "do"),
            "h": ("h", 660, 140, "dh"),
        },
        {
            "keep": ("×", 170, 40),
            "add": ("+", 340, 40),
            "new": ("×", 340, 122),
            "squash": ("g", 590, 40),
            "say": ("×", 590, 140),
        },
        _arrows(
            "c0 keep",
            "f keep",
            "keep add",
            "i new",
            "t new",
            "new add",
            "add c",
            "c squash",
            "squash say",
            "o say",
            "say h",
        ),
    ),
    "gru": Drawing(
        (720, 236),
        {
            "h0": ("h_prev", 60, 40, "dh_back"),
            "z": ("z", 250, 120, "dz"),
            "r": ("r", 150, 196, "dr"),
            "n": ("n", 380, 196, "dn"),
            "h": ("h", 640, 40, "dh"),
        },
        {
            "keep": ("× z", 250, 40),
            "new": ("× (1 − z)", 500, 120),
            "add": ("+", 500, 40),
            "see": ("×", 250, 196),
        },
        _arrows("h0 keep", "z keep", "keep add", "z new", "n new", "new add", "add h", "h0 see", "r see", "see n"),
    ),
    "rnn": Drawing(
        (720, 90),
        {"h0": ("h_prev", 60, 40, "dh_back"), "a": ("a", 330, 40, "da"), "h": ("h", 620, 40, "dh")},
        {"add": ("W h + W x + b", 190, 40), "g": ("g", 480, 40)},
        _arrows("h0 add", "add a", "a g", "g h"),
    ),
}
