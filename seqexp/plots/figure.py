"""What all figures share: colours, style, frame and title. Each is a PNG with one message.

Colours are Okabe and Ito's (2008), which colour-blind people tell apart, and no figure depends on colour alone.
Matplotlib is imported when a figure is drawn.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any
from warnings import catch_warnings, filterwarnings

from seqexp.system.atomic_files import write_bytes

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#555555"
STYLES = ((ORANGE, "o"), (GREEN, "s"), (BLUE, "^"), (RED, "D"), (GREY, "v"))  # colour and marker of each model
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
}


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
def frame(path: Path, *, rows: int = 1, columns: int = 1, width: float = 7.2, height: float) -> Iterator[Sequence[Any]]:
    """A grid of axes with shared scales, saved at the end of the block. Without pyplot, which keeps global state."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE), catch_warnings():
        filterwarnings("ignore", "Glyph .* missing")  # labels may be in any script; the font shows boxes for some
        figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
        # Attaches itself to the figure: without pyplot, nothing else gives it a canvas that can draw.
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, sharex=True, sharey=columns > 1, squeeze=False).ravel()
        yield list(axes)
        if _kept is not None:
            # A notebook shows it: IPython asks an object for this, and knows figures only once pyplot is imported.
            figure._repr_png_ = lambda: as_png(figure)  # type: ignore[attr-defined]
            _kept.append(figure)
            return
        write_bytes(path, as_png(figure))  # through no link that lies there


def as_png(figure: Any) -> bytes:
    """The figure as a PNG file's bytes."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    return drawn.getvalue()


def headline(axes: Any, subject: str, message: str) -> None:
    """The figure's title: its message, after its subject if there is one."""
    text = f"{subject}: {message}" if subject else message[:1].upper() + message[1:]
    width = int(12 * axes.figure.get_figwidth())  # characters of this size
    lines = [fill(line, width) for line in text.split("\n")]
    axes.figure.suptitle("\n".join(lines), x=0.02, ha="left", fontsize=11)


def number(value: float) -> str:
    """Three significant digits, and all digits before the point."""
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
