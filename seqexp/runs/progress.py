"""What a person sees while a run trains: a bar on a terminal, one line an epoch elsewhere."""

import html
import logging
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.control import Control
from rich.logging import RichHandler
from rich.segment import ControlType

from seqexp.system.errors import mask_logs

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

console = Console(stderr=True)  # the one console of the process, so that log lines and the bar do not tear each other
logger = logging.getLogger("seqexp")

BAR, BESIDE = 40, 60  # characters of the bar at its longest, and of what stands beside it
PATIENCE = 30  # seconds that an evaluation may say nothing
REDRAW = 0.1  # seconds between two updates of the bar: a step must not pay for being watched


def configure_logging(prefix: str = "", level: int = logging.INFO) -> None:
    """Log lines go to the terminal through the shared console, or plainly to stderr where there is none.

    ``prefix`` tells a sweep's jobs apart. ``level``: from which on they are shown; a run's own log has them all.
    """
    mask_logs()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for old in logger.handlers[:]:
        logger.removeHandler(old)
    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(console=console, show_path=False, show_level=False, markup=False, highlighter=None)
        handler.setFormatter(logging.Formatter(f"{prefix}%(message)s", "[%X]"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(f"%(asctime)s {prefix}%(message)s", "%H:%M:%S"))
    handler.setLevel(level)
    logger.addHandler(handler)


class Progress:
    """A context manager that shows steps, the loss, the primary metric and the time left; and how far an evaluation is.

    ``bar``: whether a bar is wanted (it is only drawn on a terminal); each epoch's line is logged in any case
    without one, and a line every ``PATIENCE`` seconds of an evaluation.
    """

    def __init__(self, primary: str, bar: bool) -> None:
        self._primary = primary
        self._wanted = bar and (console.is_terminal or in_notebook())
        self._below = _Below() if self._wanted and in_notebook() else None
        self._bar: Bar | None = None
        self._drawn = self._said = time.monotonic()
        self._metric = ""
        self._lengths: list[int] = []  # of the lines drawn last

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._erase()
            self._bar.stop()
        if self._below is not None:
            self._below.clear()

    def on_step(self, step: int, total: int, loss: float) -> None:
        """Called after every step; draws at most ten times a second."""
        self._said = time.monotonic()
        self._draw("training", step, total, f"loss {loss:.4g}")

    def on_evaluation(self, split: str, done: int, total: int) -> None:
        """Called between two batches of an evaluation."""
        name = "validation" if split == "val" else split
        if self._wanted:
            self._draw(name, done, total, "")
        elif time.monotonic() - self._said > PATIENCE:
            self._said = time.monotonic()
            logger.info("%s: %d of %d batches", name, done, total)

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Called once an epoch."""
        value = metrics.get(f"val/{self._primary}")
        if value is None:
            return
        self._metric = f"val {self._primary} {value:.4g}"
        if not self._wanted:
            logger.info(
                "step %d  train loss %.4g  val loss %.4g  %s  (%.1f s)",
                step,
                metrics["train/loss"],
                metrics["val/loss"],
                self._metric,
                metrics["time/epoch_seconds"],
            )

    def _draw(self, what: str, done: int, total: int, said: str) -> None:
        """Draw the bar, unless it was drawn just now."""
        if not self._wanted or (time.monotonic() - self._drawn < REDRAW and done < total):
            return
        self._drawn = time.monotonic()
        if self._below is not None:
            self._below.show(what, done, total, f"{said}  {self._metric}")
            return
        if self._bar is None:
            self._bar = _bar()
            self._task = self._bar.add_task(what, said="")
        self._erase()
        self._bar.columns[1].bar_width = max(4, min(BAR, console.width - BESIDE))  # type: ignore[union-attr]
        self._bar.update(self._task, description=what, completed=done, total=total, said=f"{said}  {self._metric}")
        self._bar.refresh()
        lines = console.render_lines(self._bar.get_renderable(), pad=False)
        self._lengths = [sum(segment.cell_length for segment in line) for line in lines]

    def _erase(self) -> None:
        """Take away the lines into which a terminal that has become narrower broke the last one."""
        for length in self._lengths:
            more = max(0, -(-length // console.width) - 1)
            console.control(Control(*[(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)] * more))
        self._lengths = []


def in_notebook() -> bool:
    """Whether what is displayed appears below a notebook's cell."""
    return "ipykernel" in sys.modules


class _Below:
    """A bar below a notebook's cell, which is one thing that changes, and goes away at the end."""

    def __init__(self) -> None:
        from IPython.display import HTML, display

        self._html = HTML
        self._place = display(HTML(""), display_id=True)

    def show(self, what: str, done: int, total: int, said: str) -> None:
        bar = f'<progress value="{done}" max="{total}"></progress>'
        self._place.update(self._html(f"{html.escape(what)} {bar} {done}/{total} {html.escape(said)}"))

    def clear(self) -> None:
        self._place.update(self._html(""))


def _bar() -> "Bar":
    """One that is drawn when it is told to, so that what is drawn is known."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    whole = Column(no_wrap=True)  # a narrow terminal cuts the text rather than break it
    text, said = (TextColumn(f"{{task.{name}}}", table_column=whole) for name in ("description", "fields[said]"))
    columns = (text, BarColumn(bar_width=BAR), MofNCompleteColumn(table_column=whole), said, TimeRemainingColumn())
    bar = Bar(*columns, console=console, transient=True, auto_refresh=False)
    bar.start()
    return bar
