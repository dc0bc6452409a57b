"""Linear and logarithmic axes, chosen by their values."""

from typing import Any, Literal

import numpy as np

CROWDED = 1 / 7  # of an axis: where the middle of all values takes less, they cannot be told apart
NINES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)  # ticks below a perfect score of 1
Which = Literal["x", "y"]


def log_if_wide(axes: Any, values: np.ndarray | None = None) -> None:
    """A logarithmic y axis if the values (default: those of all lines) are positive and span a factor above 50, or if
    most of them crowd at the lower end."""
    if values is None:
        values = np.concatenate([line.get_ydata() for line in axes.lines] or [np.empty(0)])
    values = values[np.isfinite(values)]
    if not values.size or values.min() <= 0:
        return
    if values.max() > 50 * values.min() or (crowded(values) and not crowded(np.log(values))):
        log_scale(axes, values)


def spread_out(axes: Any, values: np.ndarray, which: Which, perfect: float | None = None) -> None:
    """A scale on which the values do not crowd: linear, logarithmic, or towards a ``perfect`` score of 1 by nines."""
    values = values[np.isfinite(values)]
    if not values.size:
        return
    if perfect == 1 and values.max() <= 1 and crowded(values) and values.max() > 0.9:
        _by_nines(axes, values, which)
    elif values.min() > 0 and (values.max() > 50 * values.min() or (crowded(values) and not crowded(np.log(values)))):
        log_scale(axes, values, which)


def crowded(values: np.ndarray) -> bool:
    """Whether the middle four fifths of the values take less than a seventh of their range."""
    low, high = np.quantile(values, [0.1, 0.9])
    return bool(high - low < CROWDED * np.ptp(values))


def log_scale(axes: Any, values: np.ndarray, which: Which = "y") -> None:
    """A logarithmic axis with plain numbers on it, also at 2 and 5 if it is short."""
    axis = getattr(axes, f"{which}axis")
    getattr(axes, f"set_{which}scale")("log")
    short = values.max() < 100 * values.min()
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(lambda value, _: f"{value:g}" if short and f"{value:e}"[0] in "25" else "")


def log_axis(axes: Any, values: np.ndarray) -> None:
    """A logarithmic y axis that shows at most the twelve largest powers of ten."""
    values = values[np.isfinite(values) & (values > 0)]
    if values.size:
        log_scale(axes, values)
        axes.set_ylim(max(values.min(), values.max() * 1e-12) / 2, values.max() * 2)


def _by_nines(axes: Any, values: np.ndarray, which: Which) -> None:
    """An axis on which 0.9, 0.99 and 0.999 are equally far apart; 1 itself is at its end."""
    below = 1 - values[values < 1]
    least = max(float(below.min(initial=1)) / 2, 1e-6)  # how far from 1 the axis looks

    def forward(score: np.ndarray) -> np.ndarray:
        return -np.log10(np.maximum(1 - np.asarray(score, float), 0) + least)

    def inverse(place: np.ndarray) -> np.ndarray:
        return 1 + least - 10.0 ** -np.asarray(place, float)

    getattr(axes, f"set_{which}scale")("function", functions=(forward, inverse))
    low, high = float(values.min()), float(values.max())
    axis = getattr(axes, f"{which}axis")
    ticks = [tick for tick in NINES if low <= tick <= high]
    kept: list[float] = []
    for tick in reversed(ticks):  # labels that would touch are left out, from the top
        if not kept or abs(forward(np.array(kept[-1])) - forward(np.array(tick))) > 0.08 * (
            forward(np.array(high)) - forward(np.array(low))
        ):
            kept.append(tick)
    axis.set_major_locator(_fixed(kept or [low, high]))
    axis.set_major_formatter(lambda value, _: f"{value:.4g}")
    axis.set_minor_locator(_fixed([]))


def _fixed(ticks: list[float]) -> Any:
    from matplotlib.ticker import FixedLocator

    return FixedLocator(ticks)
