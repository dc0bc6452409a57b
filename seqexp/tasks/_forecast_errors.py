"""Errors of forecasts, in the units of what is forecast."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Errors:
    """difference (H, N): forecast less truth; truth (H, N); percent (H, N): symmetric; scaled_by (N,)."""

    difference: np.ndarray
    truth: np.ndarray
    percent: np.ndarray
    scaled_by: np.ndarray

    def metrics(self) -> dict[str, float]:
        """Over all steps and windows, and the root mean squared error of the last step where there are several.

        nrmse is nan-free: of a truth that never changes it is the error itself.
        """
        rmse, deviation = _rms(self.difference), float(self.truth.std())
        found = {
            "mase": float(np.mean(np.abs(self.difference) / self.scaled_by)),
            "rmse": rmse,
            "mae": float(np.mean(np.abs(self.difference))),
            "smape": float(np.mean(self.percent)),
            "nrmse": rmse / (deviation or 1.0),
        }
        steps = len(self.difference)
        return found | ({f"rmse_at_{steps}": _rms(self.difference[-1])} if steps > 1 else {})

    def by_step(self) -> np.ndarray:
        """(H,): the root mean squared error of each step ahead."""
        found: np.ndarray = np.sqrt(np.mean(self.difference**2, axis=1))
        return found


def errors(truth: np.ndarray, said: np.ndarray, scaled_by: np.ndarray) -> Errors:
    """Of forecasts ``said`` (H, N) of ``truth`` (H, N); scaled_by (N,): the error that a scaled error of 1 is.

    The symmetric error is 200 |y - f| / (|y| + |f|) percent (Makridakis and Hibon 2000), 0 where both are 0.
    """
    difference = said - truth
    size = np.abs(truth) + np.abs(said)
    percent = 200 * np.abs(difference) / np.where(size > 0, size, 1.0)
    return Errors(difference, truth, percent, scaled_by)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
