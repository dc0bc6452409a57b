"""Linear and logarithmic axes, chosen by their values."""

from typing import Any

import numpy as np


def log_if_wide(axes: Any, values: np.ndarray | None = None) -> None:
    """A logarithmic y axis if the values (default: those of all lines) are positive and span a factor above 50."""
    if values is None:
        values = np.concatenate([line.get_ydata() for line in axes.lines] or [np.empty(0)])
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > 50 * values.min():
        log_scale(axes, values)


def log_scale(axes: Any, values: np.ndarray) -> None:
    """A logarithmic y axis with plain numbers on it, also at 2 and 5 if it is short."""
    axes.set_yscale("log")
    short = values.max() < 100 * values.min()
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if short and f"{value:e}"[0] in "25" else "")


def log_axis(axes: Any, values: np.ndarray) -> None:
    """A logarithmic y axis that shows at most the twelve largest powers of ten."""
    values = values[np.isfinite(values) & (values > 0)]
    if values.size:
        log_scale(axes, values)
        axes.set_ylim(max(values.min(), values.max() * 1e-12) / 2, values.max() * 2)
