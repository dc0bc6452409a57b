"""How does a series of numbers go on? The next steps of a window, in the series' own units."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from seqexp.codecs import Answering, Row
from seqexp.codecs.forecasts import Forecasts, Strategy
from seqexp.data import windows
from seqexp.data.batch import Batch, Split
from seqexp.data.series import Scale
from seqexp.data.time_series import Columns
from seqexp.data.windows import Level, Missing
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import Generator, Metrics, Shape, Task, _forecast_source, metrics, register
from seqexp.tasks._forecast_errors import Errors, errors
from seqexp.tasks._forecast_windows import Floors, Windows, seasonal_errors
from seqexp.tasks.artifacts import Artifact

AT_ONCE = 500  # windows side by side

for _name, _label in (
    ("mase", "error, scaled by the seasonal naive's (MASE)"),
    ("rmse", "root mean squared error"),
    ("mae", "mean absolute error"),
    ("smape", "symmetric mean absolute percentage error"),
    ("nrmse", "root mean squared error / deviation"),
    ("one_step_rmse", "root mean squared error, one step ahead"),
):
    metrics.register(metrics.Metric(_name, _label, "min", unit="%" if _name == "smape" else ""))


@register("forecast")
@dataclass(kw_only=True)
class Forecast(Task):
    """After ``window`` steps of a series, the next ``horizon`` steps of its ``target``.

    Three strategies (Ben Taieb et al. 2012): ``direct``, all steps at once from the last state (many-to-one);
    ``recursive``, a network of one step that is fed its own answers; ``encoder_decoder``, one network reads the window
    and another says the steps, all at once (many-to-many).

    ``mackey-glass``: ``steps`` of the chaotic equation with delay ``tau``. ``seasonal``: a noisy season of 24.
    ``sunspots``: yearly numbers, validated on 1901 to 1920 and tested on 1921 to 1979, unless said otherwise. ``co2``:
    weekly at Mauna Loa. Or a ``.csv`` or ``.tsv`` with a column of times, rising, one or more series
    (``series_column``), and ``covariates`` that are known up to the present.

    The split is by time, the same for all series: training, then validation from ``val_from``, the test from
    ``test_from`` to ``until``; without them 70, 15 and 15 % of the times. Each series has the scale of its own training
    part; with ``level=last`` a window's values count from its last one, for series that go where training never was.
    A missing value in a window is interpolated inside the window, or with ``missing=mask`` said. None is ever asked.

    mase, the primary metric, is the mean absolute error over that of the ``season``al naive forecast in training
    (Hyndman and Koehler 2006); smape is 200 |y - f| / (|y| + |f|); nrmse is rmse over the test's deviation. All are
    over all steps of the horizon; ``rmse_at_12`` is of the twelfth. No ``season`` means the one that training shows.

    The memoryless baselines: the last value again (persistence), the value a season before, and a linear autoregression
    of the same window (ridge regression, the penalty by leave-one-out).
    """

    source: str
    window: Annotated[int, Ge(1), Le(100_000)]
    horizon: Annotated[int, Ge(1), Le(100_000)]
    strategy: Strategy
    level: Level
    missing: Missing
    steps: Annotated[int, Ge(1), Le(10_000_000)]
    tau: Annotated[int, Ge(1), Le(1000)]
    split_seed: Annotated[int, Ge(0)]
    time_column: str | None = None
    target: str | None = None
    covariates: tuple[str, ...] = ()
    series_column: str | None = None
    season: Annotated[int, Ge(1), Le(100_000)] | None = None
    val_from: str | int | None = None
    test_from: str | int | None = None
    until: str | int | None = None
    data_dir: str | None = None

    primary_metric = "mase"
    direction = "min"

    def __post_init__(self) -> None:
        columns = Columns(self.time_column, self.target, tuple(self.covariates), self.series_column)
        named = {"val_from": self.val_from, "test_from": self.test_from, "until": self.until}
        self._read = read = _forecast_source.read(
            self.source, columns, named, self.data_dir, stream(self.split_seed, Purpose.SPLIT), self.steps, self.tau
        )
        self._table = read.table
        read.refuse_short(self.window)
        if self.strategy == "recursive" and self.covariates and self.horizon > 1:
            raise UserError(
                "task.strategy: expected direct or encoder_decoder with task.covariates, whose future nobody knows; "
                "got recursive"
            )
        self._asked = Windows(read.table, read.cuts, self.window, self.horizon)
        self._trained = self._asked
        if self.strategy == "recursive":  # it learns one step, so that more windows fit into training
            self._trained = Windows(read.table, read.cuts, self.window, 1)
        self._rows = {**self._asked.parts, "train": self._trained.parts["train"]}
        read.refuse_empty(self._rows, self.window, self.horizon)
        known = read.known
        scales = [Scale.of([one]) for one in known]
        self._mean = np.array([scale.mean for scale in scales])  # (series, X)
        self._deviation = np.array([scale.deviation for scale in scales])
        self._season = self.season or windows.season_of([one[:, 0] for one in known])
        self._scaled_by = seasonal_errors(read.table, read.cuts, self._season)
        if self.horizon > 1:
            name = f"rmse_at_{self.horizon}"
            metrics.register(metrics.Metric(name, f"root mean squared error, {self.horizon} steps ahead", "min"))
        self._floors = Floors(self._asked, self._codec, self._season, lambda rows: self._scaled(self._asked, rows))
        read.tell(self._rows, self._asked.lost, self._season, self.level)

    # -- what is asked ------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        return self._codec.shape

    def codec(self) -> Forecasts:
        return self._codec

    @cached_property
    def _codec(self) -> Forecasts:
        clock = self._table.clock
        return Forecasts(
            strategy=self.strategy,
            window=self.window,
            horizon=self.horizon,
            columns=(self._read.time, *self._table.channels),
            series_column=self.series_column,
            names=tuple(series.name for series in self._table.series),
            mean=tuple(map(tuple, self._mean.tolist())),
            deviation=tuple(map(tuple, self._deviation.tolist())),
            level=self.level,
            missing=self.missing,
            form=clock.form,
            step=clock.step,
            unit=clock.unit,
        )

    def batches(self, split: Split, batch_size: int) -> int:
        return -(-len(self._rows[split]) // batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """Windows of training in drawn order, the others in theirs. x (W, X, B), or as the source of a SourceBatch;
        target (H, B), or (H, 1, B); scaled, float32."""
        epoch, position = divmod(index, self.batches(split, batch_size))
        rows = self._rows[split]
        if split == "train":
            rows = rows[self._order(seed, epoch)]
        elif epoch:
            raise IndexError(f"forecast: {split} has {self.batches(split, batch_size)} batches, got index {index}")
        rows = rows[position * batch_size : (position + 1) * batch_size]
        of = self._trained if split == "train" else self._asked
        x, base, mean, deviation = self._scaled(of, rows)
        target = (of.truth(rows) - mean) / deviation - base
        return self._codec.asked(x, target.astype(np.float32), rows)

    def _order(self, seed: int, epoch: int) -> np.ndarray:
        """The last one asked for is kept."""
        if getattr(self, "_ordered", (None,))[0] != (seed, epoch):
            drawn = stream(seed, Purpose.ORDER, epoch).permutation(len(self._rows["train"]))
            self._ordered = (seed, epoch), drawn
        return self._ordered[1]

    def _scaled(self, of: Windows, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """x (W, X, B), and of the target base, mean and deviation, each (B,)."""
        mean, deviation = self._mean[of.of[rows]].T, self._deviation[of.of[rows]].T
        x, base = windows.scaled(of.read(rows), mean, deviation, self.level, self.missing)
        return x, base, mean[0], deviation[0]

    # -- how answers are scored ---------------------------------------------------------------------------------------

    def scorer(self) -> "ForecastScorer":
        """Of a recursive network one step ahead; ``generate`` has the rest."""
        return ForecastScorer(self)

    def errors_of(self, rows: np.ndarray, said: np.ndarray) -> Errors:
        """Errors of forecasts (H, B), or of their first steps, in the target's units."""
        return errors(self._asked.truth(rows)[: len(said)], said, self._scaled_by[self._asked.of[rows]])

    def unscaled(self, rows: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Answers y (H, B) in the target's units."""
        return windows.in_units(y, *self._scaled(self._asked, rows)[1:])

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        if self.strategy != "recursive":
            return {}, []
        rows = self._rows[split]
        said = np.concatenate([self._free(generator, part) for part in _parts(rows)], axis=1)
        return self.errors_of(rows, said).metrics(), self.artifacts(rows, said) if split == "test" else []

    def _free(self, generator: Generator, rows: np.ndarray) -> np.ndarray:
        x = self._scaled(self._asked, rows)[0]
        return self.unscaled(rows, generator(Batch(x, x), self.horizon)[:, 0])

    def artifacts(self, rows: np.ndarray, said: np.ndarray) -> list[Artifact]:
        """Of forecasts (H, N) of all the test's windows: a picture, and a table beside the floors."""
        from seqexp.tasks._forecast_pictures import shown

        order = np.argsort(rows, kind="stable")
        return shown(self._asked, rows[order], said[:, order], self._floors.of(rows[order]), self.errors_of)

    def is_test(self, rows: np.ndarray) -> bool:
        return len(rows) == len(self._rows["test"]) and set(rows) == set(self._rows["test"])

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        """A row for each step of each forecast."""
        assert batch.rows is not None
        return self._told(batch.rows, self.unscaled(batch.rows, y.reshape(-1, batch.size)))

    def said(self, network: Answering) -> list[Row] | None:
        if self.strategy != "recursive":
            return None
        rows = self._rows["test"]
        return self._told(rows, np.concatenate([self._free(network.generate, part) for part in _parts(rows)], axis=1))

    def _told(self, rows: np.ndarray, said: np.ndarray) -> list[Row]:
        found: list[Row] = []
        answers, truth = {"answer": said, **self._floors.of(rows)}, self._asked.truth(rows)
        for column, row in enumerate(rows.tolist()):
            series, first = self._table.series[self._asked.of[row]], int(self._asked.first[row])
            named = {} if self.series_column is None else {"series": series.name}
            scale = float(self._scaled_by[self._asked.of[row]])
            for step in range(self.horizon):
                at = {"from": series.times[first - 1], "step": step + 1, "time": series.times[first + step]}
                values = {name: float(value[step, column]) for name, value in answers.items()}
                found.append(named | at | {"truth": float(truth[step, column])} | values | {"seasonal error": scale})
        return found

    def baselines(self) -> Metrics:
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        rows = self._rows["test"]
        return {name: self.errors_of(rows, said).metrics()["mase"] for name, said in self._floors.of(rows).items()}

    def fingerprint(self) -> str:
        return self._read.fingerprint


class ForecastScorer:
    """Errors in the series' own units; the picture and the table of the test."""

    def __init__(self, task: Forecast) -> None:
        self._task = task
        self._rows: list[np.ndarray] = []
        self._said: list[np.ndarray] = []

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (H, B), or (1, H B) of an encoder-decoder, or (1, B) of a recursive network; on the training's scale."""
        assert batch.rows is not None
        self._rows.append(batch.rows)
        self._said.append(self._task.unscaled(batch.rows, y.reshape(-1, batch.size)))

    def metrics(self) -> Metrics:
        found = self._task.errors_of(np.concatenate(self._rows), np.concatenate(self._said, axis=1)).metrics()
        return {"one_step_rmse": found["rmse"]} if self._task.strategy == "recursive" else found

    def artifacts(self) -> list[Artifact]:
        rows = np.concatenate(self._rows)
        if self._task.strategy == "recursive" or not self._task.is_test(rows):
            return []
        return self._task.artifacts(rows, np.concatenate(self._said, axis=1))


def _parts(rows: np.ndarray) -> Sequence[np.ndarray]:
    return [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
