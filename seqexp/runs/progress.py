"""What a person sees while a run trains: a bar on a terminal, one line an epoch elsewhere."""

import logging
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.logging import RichHandler

from seqexp.system.errors import mask_logs

console = Console(stderr=True)  # the one console of the process, so that log lines and the bar do not tear each other
logger = logging.getLogger("seqexp")

REDRAW = 0.1  # seconds between two updates of the bar: a step must not pay for being watched


def configure_logging(prefix: str = "") -> None:
    """Log lines go to the terminal through the shared console, or plainly to stderr where there is none.

    ``prefix`` tells a sweep's jobs apart.
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
    logger.addHandler(handler)


class Progress:
    """A context manager that shows steps, the loss, the primary metric and the time left.

    ``bar``: whether a bar is wanted (it is only drawn on a terminal); each epoch's line is logged in any case
    without one.
    """

    def __init__(self, primary: str, bar: bool) -> None:
        self._primary = primary
        self._wanted = bar and console.is_terminal
        self._bar: object = None
        self._drawn = 0.0
        self._metric = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()  # type: ignore[attr-defined]

    def on_step(self, step: int, total: int, loss: float) -> None:
        """Called after every step; draws at most ten times a second."""
        if not self._wanted or (time.monotonic() - self._drawn < REDRAW and step < total):
            return
        self._drawn = time.monotonic()
        if self._bar is None:
            self._start(total)
        self._bar.update(self._task, completed=step, loss=f"{loss:.4f}", metric=self._metric)  # type: ignore[attr-defined]

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Called once an epoch."""
        value = metrics.get(f"val/{self._primary}")
        if value is None:
            return
        self._metric = f"val {self._primary} {value:.4g}"
        if not self._wanted:
            logger.info(
                "step %d  train loss %.4f  val loss %.4f  %s  (%.1f s)",
                step,
                metrics["train/loss"],
                metrics["val/loss"],
                self._metric,
                metrics["time/epoch_seconds"],
            )

    def _start(self, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = ("loss {task.fields[loss]}", "{task.fields[metric]}")
        bar = Bar(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            *(TextColumn(column) for column in columns),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        bar.start()
        self._task = bar.add_task("training", total=total, loss="", metric="")
        self._bar = bar
