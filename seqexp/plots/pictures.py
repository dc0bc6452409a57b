"""A grid of small pictures on given axes."""

import textwrap
from typing import Any

from seqexp.tasks.artifacts import Images

COLUMNS = 8
GAP = 0.25  # between pictures, of a picture's width
LINE = 0.17  # of a picture's width, that a further line of text needs
SHORT = 16  # letters of a text that fits below a small picture; where one is longer, pictures are larger
LARGE = 4  # how many large pictures stand side by side
WRAPPED = 26  # letters of a line below a large one


def size(found: Images) -> tuple[float, float]:
    """Width and height in inches of the figure that holds them."""
    columns, rows = _grid(found)
    inches = 1.1 if _is_short(found) else 2.2  # a picture with its gap
    return max(4.0, inches * columns), 0.6 + (1.3 if _is_short(found) else inches / (1 + GAP) * _row(found)) * rows


def lay_out(found: Images, axes: Any) -> None:
    """Draw each picture above its text."""
    columns, rows = _grid(found)
    tall, row = _tall(found), _row(found)
    for number, (picture, text) in enumerate(zip(found.pictures, found.captions, strict=True)):
        left, top = number % columns * (1 + GAP), number // columns * row
        axes.imshow(picture, cmap="Greys", vmin=0, vmax=1, extent=(left, left + 1, top + tall, top))
        axes.text(left + 0.5, top + tall + GAP / 4, _wrapped(text), ha="center", va="top", fontsize=8)
    axes.set(xlim=(-GAP, columns * (1 + GAP)), ylim=(rows * row, -GAP))
    axes.axis("off")


def _tall(found: Images) -> float:
    """A picture's height, in widths."""
    return float(found.pictures.shape[1] / found.pictures.shape[2])


def _row(found: Images) -> float:
    """The height of a row with its text, in widths of a picture."""
    lines = max((_wrapped(text).count("\n") for text in found.captions), default=0)
    return _tall(found) + 2 * GAP + LINE * lines / (1 if _is_short(found) else 2)


def _wrapped(text: str) -> str:
    return "\n".join(line for part in text.split("\n") for line in textwrap.wrap(part, WRAPPED))


def _is_short(found: Images) -> bool:
    return max(map(len, found.captions), default=0) <= SHORT


def _grid(found: Images) -> tuple[int, int]:
    """Columns and rows."""
    count = max(1, len(found.captions))
    columns = min(COLUMNS if _is_short(found) else LARGE, count)
    return columns, -(-count // columns)
