"""What ``forecast`` reads: a table of series, where its parts begin, and what cannot be forecast of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seqexp.data import fetch, files, time_series
from seqexp.data.batch import Split
from seqexp.data.generated import clocked
from seqexp.data.splits import PARTS
from seqexp.data.summary import Summary
from seqexp.data.time_series import Columns, TimeSeries, TimeTable
from seqexp.data.timestamps import NUMBER, Clock
from seqexp.data.windows import Level
from seqexp.system.errors import UserError
from seqexp.system.plurals import counted
from seqexp.tasks._forecast_windows import Cuts, cuts

GENERATED = ("mackey-glass", "seasonal")
NAMED = (*GENERATED, *time_series.STATSMODELS)
MUCH = 0.1
SHARE = 0.15  # of all times for validation, and as many for the test
CLASSIC = {"val_from": "1901", "test_from": "1921", "until": "1979"}  # sunspots: Weigend et al. 1990

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Read:
    """time: the name of the column of times."""

    source: str
    table: TimeTable
    cuts: Cuts
    time: str
    fingerprint: str

    @property
    def known(self) -> list[np.ndarray]:
        """(T, X) of each series: its training part."""
        return [series.values[series.moments < self.cuts.val] for series in self.table.series]

    def refuse_short(self, window: int) -> None:
        """UserError of a series that no window fits, or that training knows nothing of."""
        for series, known in zip(self.table.series, self.known, strict=True):
            name = f" {series.name!r}" if series.name else ""
            if len(series.times) < window + 1:
                raise UserError(
                    f"task.window: expected series of more than {window} steps; {self.source}: series{name} has "
                    f"{len(series.times)}; try a smaller task.window"
                )
            for channel, empty in zip(self.table.channels, np.isnan(known).all(axis=0), strict=True):
                if empty:
                    raise UserError(
                        f"{self.source}: expected values of {channel!r} in the training part of series{name}; got "
                        "none; leave it out, or set a later task.val_from"
                    )

    def refuse_empty(self, rows: Mapping[Split, np.ndarray], window: int, horizon: int) -> None:
        """UserError where a part has no window."""
        edges = (-np.inf, self.cuts.val, self.cuts.test, self.cuts.end)
        called = ("training", "validation", "test")
        for split, name, low, high in zip(PARTS, called, edges, edges[1:], strict=False):
            if not len(rows[split]):
                most = max(int(((s.moments >= low) & (s.moments < high)).sum()) for s in self.table.series)
                raise UserError(
                    f"task.horizon: expected a {name} part in which {counted(horizon, 'step')} follow a window of "
                    f"{window}; {self.source}: it has {counted(most, 'step')}; try a smaller task.horizon or "
                    "task.window, or other times (task.val_from, task.test_from)"
                )

    def beyond(self) -> float:
        """The share of validation's values to forecast that are larger or smaller than all of training's."""
        outside = count = 0
        for series, known in zip(self.table.series, self.known, strict=True):
            when, values = series.moments, series.values[:, 0]
            asked = values[(when >= self.cuts.val) & (when < self.cuts.test)]
            outside += int(((asked < np.nanmin(known[:, 0])) | (asked > np.nanmax(known[:, 0]))).sum())
            count += int((~np.isnan(asked)).sum())
        return outside / max(1, count)

    def tell(self, rows: Mapping[Split, np.ndarray], lost: int, season: int, level: Level) -> None:
        """Log what was read, in one line; nothing of what is generated. A warning where validation goes where training
        never was, and the network reads levels."""
        if self.source in GENERATED:
            return
        if level == "train" and (share := self.beyond()) > MUCH:
            _log.warning(
                "%s: %.0f %% of validation's values lie beyond all of training's, where a network has never been; "
                "try task.level=last",
                self.source,
                100 * share,
            )
        table, more = self.table, [f"a step is {self.table.clock.told()}"]
        if table.uneven:
            more.append(f"{counted(table.uneven, 'step')} of another length")
        gaps = sum(int(np.isnan(series.values).sum()) for series in table.series)
        more += [f"{gaps:,} missing values", f"a season of {counted(season, 'step')}"]
        Summary(
            source=self.source,
            name="windows",
            rows=sum(map(len, rows.values())) + lost,
            parts={split: len(of) for split, of in rows.items()},
            left_out={"ask for a missing value, or have none, and are left out": lost},
            lengths=[len(series.times) for series in table.series],
            unit="steps",
            more=[f"{len(table.series):,} series of {', '.join(table.channels)[:100]}", *more],
        ).tell()


def read(
    source: str,
    columns: Columns,
    named: Mapping[str, str | int | None],
    data_dir: str | None,
    rng: np.random.Generator,
    steps: int,
    tau: int,
) -> Read:
    """The series of a source, and its parts. named: ``val_from``, ``test_from`` and ``until``."""
    time, fingerprint = "time", "generated"
    if source in GENERATED:
        values = clocked.mackey_glass(rng, steps, tau) if source == "mackey-glass" else clocked.seasonal(rng, steps)
        times = np.arange(steps)
        series = TimeSeries("", tuple(map(str, times)), times.astype(float), values[:, None])
        table = TimeTable((series,), ("x" if source == "mackey-glass" else "value",), Clock(NUMBER, 1.0, "number"))
    else:
        own = source not in NAMED
        path = files.own_path(source, NAMED, time_series.SUFFIXES) if own else time_series.published(data_dir, source)
        columns = time_series.described(path, columns)
        table, time, fingerprint = time_series.read(path, columns), columns.time or "", fetch.sha256(path)
    if source == "sunspots" and set(named.values()) == {None}:
        named = CLASSIC
    said = {key: None if text is None else str(text) for key, text in named.items()}
    return Read(source, table, cuts(table, said, SHARE), time, fingerprint)
