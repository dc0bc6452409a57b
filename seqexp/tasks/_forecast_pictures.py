"""What is shown of forecasts: a stretch of the test with what was said of it, errors by step ahead, and a table."""

from collections.abc import Callable, Mapping

import numpy as np

from seqexp.tasks._forecast_errors import Errors
from seqexp.tasks._forecast_windows import Windows
from seqexp.tasks.artifacts import Artifact, ByStepAhead, ForecastPlot, TextSamples

NETWORK = "network"
STEPS = 160  # of a picture
TABLE = ("mase", "rmse", "mae", "smape", "nrmse")


def shown(
    asked: Windows,
    rows: np.ndarray,
    said: np.ndarray,
    floors: Mapping[str, np.ndarray],
    errors_of: Callable[[np.ndarray, np.ndarray], Errors],
) -> list[Artifact]:
    """Of forecasts said (H, N) of the test's windows ``rows``, in rising order, and those of the floors."""
    methods = {NETWORK: said, **floors}
    errors = {name: errors_of(rows, values) for name, values in methods.items()}
    found: list[Artifact] = [_stretch(asked, rows, methods, errors), _table(errors)]
    if asked.horizon > 1:
        found.insert(1, ByStepAhead({name: each.by_step() for name, each in errors.items()}, asked.table.channels[0]))
    return found


def _stretch(
    asked: Windows, rows: np.ndarray, methods: Mapping[str, np.ndarray], errors: Mapping[str, Errors]
) -> ForecastPlot:
    """The test's last steps of the first series that is tested, forecast horizon by horizon: each from what was known
    when the one before ended."""
    horizon, number = asked.horizon, asked.of[rows[0]]
    series = asked.table.series[number]
    own = np.flatnonzero(asked.of[rows] == number)
    first = asked.first[rows[own]]
    end = int(first[-1]) + horizon
    begin = max(int(first[0]), end - max(STEPS, 2 * horizon))
    lines = {name: np.full(end - begin, np.nan) for name in methods}
    starts, until = [], end
    for column, start in reversed(list(zip(own.tolist(), first.tolist(), strict=True))):
        if begin <= start <= until - horizon:
            until = start
            starts.append(start - begin)
            for name, values in methods.items():
                lines[name][start - begin : start - begin + horizon] = values[:, column]
    return ForecastPlot(
        times=series.times[begin:end],
        truth=series.values[begin:end, 0],
        lines=lines,
        starts=tuple(sorted(starts)),
        horizon=horizon,
        target=asked.table.channels[0],
        series=series.name,
        errors={name: each.metrics()["rmse"] for name, each in errors.items()},
    )


def _table(errors: Mapping[str, Errors]) -> TextSamples:
    scores = {name: each.metrics() for name, each in errors.items()}
    keys = [*TABLE, *(key for key in scores[NETWORK] if key.startswith("rmse_at_"))]
    rows = tuple((name, *(f"{score[key]:.4g}" for key in keys)) for name, score in scores.items())
    return TextSamples(("test forecasts", *keys), rows, "floors")
