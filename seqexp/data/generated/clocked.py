"""Generated series to forecast: Mackey-Glass's equation, and a noisy season."""

import numpy as np

SUBSTEPS = 10  # of the integration, a unit of time
FORGOTTEN = 500  # units after which a series no longer depends on how it began
PERIOD = 24  # of the season


def mackey_glass(rng: np.random.Generator, length: int, tau: int) -> np.ndarray:
    """x' = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x, at every unit of time (length,); chaotic from tau = 17 on.

    Heun's method, ten steps a unit; a start drawn around 1.2, which is 500 units ago.
    Source: Mackey and Glass 1977; constants as everybody since Farmer 1982 has them.
    """
    step, lag = 1 / SUBSTEPS, tau * SUBSTEPS

    def slope(x: float, late: float) -> float:
        return 0.2 * late / (1 + late**10) - 0.1 * x

    x = list(1.2 + 0.1 * rng.standard_normal(lag + 1))
    for n in range((length + FORGOTTEN) * SUBSTEPS):
        here, late = x[-1], x[n]
        first = slope(here, late)
        x.append(here + step / 2 * (first + slope(here + step * first, x[n + 1])))
    return np.array(x[-length * SUBSTEPS :: SUBSTEPS])


def seasonal(rng: np.random.Generator, length: int) -> np.ndarray:
    """A level of 100 that drifts, a season of 24 steps with two peaks, and noise that half remembers itself."""
    t = np.arange(length)
    season = 10 * np.sin(2 * np.pi * t / PERIOD) + 5 * np.sin(4 * np.pi * t / PERIOD + 1)
    noise, shocks = np.zeros(length), 2 * rng.standard_normal(length)
    for n in range(1, length):
        noise[n] = 0.5 * noise[n - 1] + shocks[n]
    return 100 + 0.002 * t + season + noise
