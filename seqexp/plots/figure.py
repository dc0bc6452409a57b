"""What all figures share: style, frame and title. Each has one message.

A run's figures are PNG. A report's are SVG for its page, each with the same as PDF beside it for a paper. Matplotlib is
imported when a figure is drawn.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import chain
from pathlib import Path
from textwrap import fill, wrap
from typing import Any
from warnings import catch_warnings, filterwarnings

from seqexp.plots.colours import BLUE, GREEN, GREY, ORANGE, RED
from seqexp.system.atomic_files import write_bytes

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "RED", "frame", "headline", "kept", "number"]

STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "white",
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "text.parse_math": False,  # a label may hold a dollar sign
    "svg.hashsalt": "seqexp",  # the same figure has the same bytes
    "pdf.fonttype": 42,  # text stays text
}

AXIS = 0.6  # of a row's height: an axis beside a title, a legend and the name of the axis below
LAYOUT = ("GDEF", "GPOS", "GSUB", "kern")  # tables of a font

_kept: list[Any] | None = None  # the figures of a block of ``kept``


@contextmanager
def kept() -> Iterator[list[Any]]:
    """Inside the block, what is drawn is added to this list as matplotlib figures, and written nowhere."""
    global _kept
    _kept = []
    try:
        yield _kept
    finally:
        _kept = None


@contextmanager
def frame(
    path: Path, *, rows: int = 1, columns: int = 1, width: float = 7.2, height: float, shared: bool = True
) -> Iterator[Sequence[Any]]:
    """A grid of axes, by default with shared scales, saved at the end of the block as its name's suffix says; an SVG
    has a PDF beside it. Without pyplot, which keeps global state."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE), catch_warnings():
        filterwarnings("ignore", "Glyph .* missing")  # labels may be in any script; the font shows boxes for some
        figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
        # Attaches itself to the figure: without pyplot, nothing else gives it a canvas that can draw.
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, sharex=shared, sharey=shared and columns > 1, squeeze=False).ravel()
        yield list(axes)
        _wrap_long_names(figure, rows)
        if _kept is not None:
            # A notebook shows it: IPython asks an object for this, and knows figures only once pyplot is imported.
            figure._repr_png_ = lambda: as_png(figure)  # type: ignore[attr-defined]
            _kept.append(figure)
            return
        for file in [path, *([path.with_suffix(".pdf")] if path.suffix == ".svg" else [])]:
            write_bytes(file, _as(file.suffix[1:], figure))  # through no link that lies there
            figure.set_layout_engine("none")  # the places that were found hold for the second file too


def _wrap_long_names(figure: Any, rows: int) -> None:
    """Break a y axis' name into lines where it is longer than the axis: the layout would let the figure cut it off."""
    room = AXIS * figure.bbox.height / rows
    for axes in figure.axes:
        name = axes.yaxis.label
        length = name.get_window_extent().height
        if length > room:
            longest = max(map(len, name.get_text().split("\n")))
            lines = (_balanced(line, int(longest * room / length)) for line in name.get_text().split("\n"))
            name.set_text("\n".join(chain.from_iterable(lines)))


def _balanced(text: str, width: int) -> list[str]:
    """As few lines of at most ``width`` characters as there can be, and about equally long."""
    few = len(wrap(text, width, break_on_hyphens=False))
    by_width = (wrap(text, narrow, break_on_hyphens=False) for narrow in range(1, width + 1))
    return next(lines for lines in by_width if len(lines) <= few)


def as_png(figure: Any) -> bytes:
    """The figure as a PNG file's bytes."""
    return _as("png", figure)


def _as(kind: str, figure: Any) -> bytes:
    drawn = BytesIO()
    if kind == "pdf":
        _embed_outlines_alone()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    figure.savefig(drawn, format=kind, metadata=undated)
    return drawn.getvalue()


def _embed_outlines_alone() -> None:
    """Have a PDF's font leave out how glyphs replace and shift each other: the page says where each stands, and to look
    through those tables takes a quarter of the file's time."""
    from fontTools.subset import Options

    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells each table that it leaves out
    Options._drop_tables_default = list(dict.fromkeys([*Options._drop_tables_default, *LAYOUT]))


def headline(axes: Any, subject: str, message: str) -> None:
    """The figure's title: its message, after its subject if there is one."""
    text = f"{subject}: {message}" if subject else message[:1].upper() + message[1:]
    width = int(12 * axes.figure.get_figwidth())  # characters of this size
    lines = [fill(line, width) for line in text.split("\n")]
    axes.figure.suptitle("\n".join(lines), x=0.02, ha="left", fontsize=11)


def number(value: float) -> str:
    """Three significant digits, and all digits before the point."""
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
