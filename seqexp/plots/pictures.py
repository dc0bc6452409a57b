"""A grid of small pictures on given axes."""

from typing import Any

from seqexp.tasks.artifacts import Images

COLUMNS = 8
GAP = 0.25  # between pictures, of a picture's width


def size(found: Images) -> tuple[float, float]:
    """Width and height in inches of the figure that holds them."""
    columns, rows = _grid(found)
    return max(4.0, 1.1 * columns), 1.3 * rows + 0.6


def lay_out(found: Images, axes: Any) -> None:
    """Draw each picture above its line of text."""
    columns, rows = _grid(found)
    _, height, width = found.pictures.shape
    tall = height / width
    for number, (picture, text) in enumerate(zip(found.pictures, found.captions, strict=True)):
        left, top = number % columns * (1 + GAP), number // columns * (tall + 2 * GAP)
        axes.imshow(picture, cmap="Greys", vmin=0, vmax=1, extent=(left, left + 1, top + tall, top))
        axes.text(left + 0.5, top + tall + GAP / 4, text, ha="center", va="top", fontsize=8)
    axes.set(xlim=(-GAP, columns * (1 + GAP)), ylim=(rows * (tall + 2 * GAP), -GAP))
    axes.axis("off")


def _grid(found: Images) -> tuple[int, int]:
    """Columns and rows."""
    count = max(1, len(found.captions))
    columns = min(COLUMNS, count)
    return columns, -(-count // columns)
