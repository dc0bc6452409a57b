"""Tables of numbers with a time column: one series or many, a target and what else is known of each step."""

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqexp.data import rows, series_files, timestamps
from seqexp.data.fetch import default_data_dir, sha256
from seqexp.data.files import Faults
from seqexp.data.timestamps import Clock
from seqexp.system.errors import UserError

SUFFIXES = (".csv", ".tsv")
FEWEST = 3  # steps of a series, of which its step of time can be told
STATSMODELS = {  # data set -> its file in statsmodels/datasets, and its SHA-256
    "sunspots": ("sunspots/sunspots.csv", "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b"),
    "co2": ("co2/co2.csv", "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f"),
}


@dataclass(frozen=True)
class Columns:
    """How a table is read; None leaves it to the table: the first column is the time, the only other one the target.

    series: the column that says which series a row is a step of; None: there is one.
    """

    time: str | None = None
    target: str | None = None
    covariates: tuple[str, ...] = ()
    series: str | None = None


@dataclass(frozen=True)
class TimeSeries:
    """times (T,): as the file writes them; moments (T,): as numbers, rising; values (T, X): the target first, nan where
    one is missing."""

    name: str
    times: tuple[str, ...]
    moments: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class TimeTable:
    """channels: the target's name, then the covariates'."""

    series: tuple[TimeSeries, ...]
    channels: tuple[str, ...]
    clock: Clock

    @property
    def uneven(self) -> int:
        """How many steps of a series are not as far from the one before as most are."""
        if self.clock.unit == "months":
            return 0
        gaps = [np.diff(one.moments) for one in self.series]
        return sum(int((~np.isclose(gap, self.clock.step)).sum()) for gap in gaps)


def published(data_dir: str | None, name: str) -> Path:
    """A data set of statsmodels': ``<data_dir>/series/<file>``, or the package's own. UserError where neither is."""
    inside, digest = STATSMODELS[name]
    folder = default_data_dir() if not data_dir else Path(data_dir).expanduser()
    found = importlib.util.find_spec("statsmodels")  # looked for, and never imported: that takes seconds
    package = [Path(place) / "datasets" / inside for place in (found.submodule_search_locations or ())] if found else []
    beside = folder / "series" / Path(inside).name
    path = next((file for file in (beside, *package) if file.is_file()), None)
    if path is None:
        raise UserError(
            f"task.source: {name}: expected the package statsmodels, which has it, or {beside}; "
            "got neither; pip install statsmodels"
        )
    if (actual := sha256(path)) != digest:
        raise UserError(f"{path}: expected SHA-256 {digest}, got {actual}")
    return path


def described(path: Path, columns: Columns) -> Columns:
    """The columns with their names. UserError where the table leaves open which is the target."""
    named = [name for name in (columns.time, columns.target, columns.series, *columns.covariates) if name is not None]
    there = rows.names(path, named)
    if not named and len(there) == 1:  # no name says what stands between them
        there = re.split("[;\t]", there[0])
    if not there:
        raise UserError(f"{path}: expected a line of column names; the file has none")
    time = columns.time if columns.time is not None else there[0]
    others = [name for name in there if name not in {time, columns.series, *columns.covariates}]
    if columns.target is None and len(others) != 1:
        listed = ", ".join(map(repr, others))[:200] or "none"
        raise UserError(
            f"{path}:1: expected task.target, the column to forecast; there are {listed} beside the time, {time!r}"
        )
    target = columns.target if columns.target is not None else others[0]
    used = [time, target, *columns.covariates, *([columns.series] if columns.series is not None else [])]
    if twice := [name for name in used if used.count(name) > 1]:
        raise UserError(f"{path}: expected a column each for time, target, covariates and series; {twice[0]!r} is two")
    return Columns(time, target, columns.covariates, columns.series)


def read(path: Path, columns: Columns, form: str | None = None, fewest: int = FEWEST) -> TimeTable:
    """The series of a table, in the order of their first rows. UserError, with the line, where it is malformed.

    form: in which times have to be written; None for any of ``timestamps.FORMS``, the same for all rows.
    """
    columns = described(path, columns)
    assert columns.time is not None
    assert columns.target is not None
    channels = (columns.target, *columns.covariates)
    wanted = {"task.time_column": columns.time, "task.target": columns.target}
    wanted |= {f"task.covariates[{n}]": name for n, name in enumerate(columns.covariates)}
    if columns.series is not None:
        wanted["task.series_column"] = columns.series
    faults = Faults(path)
    lines: list[tuple[int, str, str]] = []  # line, time, series
    values: list[list[float]] = []
    for line, fields in rows.read(path, wanted, faults):
        lines.append((line, str(fields[0]).strip(), str(fields[-1]).strip() if columns.series is not None else ""))
        texts = zip(channels, fields[1 : 1 + len(channels)], strict=True)
        values.append([series_files.number(field, name, line, faults) for name, field in texts])
    form = form or timestamps.form_of([time for _, time, _ in lines]) or timestamps.NUMBER
    found = _by_series(lines, form, columns, faults)
    faults.refuse()
    series = []
    for name, at in found.items():
        times = tuple(lines[row][1] for row in at)
        moments = np.array([timestamps.moment(time, form) for time in times])
        series.append(TimeSeries(name, times, moments, np.array([values[row] for row in at])))
    if not series or min(len(one.times) for one in series) < fewest:
        short = min(series, key=lambda one: len(one.times), default=None)
        which = f"series {short.name!r} has {len(short.times)}" if short and short.name else f"it has {len(lines)}"
        raise UserError(f"{path}: expected a series of at least {fewest} steps; {which}")
    return TimeTable(tuple(series), channels, timestamps.clock_of(form, [one.times for one in series]))


def _by_series(
    lines: Sequence[tuple[int, str, str]], form: str, columns: Columns, faults: Faults
) -> dict[str, list[int]]:
    """The rows of each series. A time that is no time, comes twice or goes back is a fault."""
    found: dict[str, list[int]] = {}
    last: dict[str, float] = {}
    for row, (line, time, name) in enumerate(lines):
        if columns.series is not None and not name:
            faults.add(line, f"expected the name of a series in column {columns.series!r}; got none")
        try:
            moment = timestamps.moment(time, form)
        except (ValueError, OverflowError):
            like = "" if form == timestamps.NUMBER else f", written as {lines[0][1]!r:.40}"
            faults.add(line, f"expected {timestamps.KNOWN}{like}, in column {columns.time!r}; got {time!r:.60}")
            continue
        if not moment > last.get(name, -np.inf):
            how = "is there twice" if moment == last[name] else "is earlier than the row before"
            of = f" of series {name!r:.40}" if name else ""
            more = "" if columns.series else "if the file has several series, name their column: task.series_column"
            faults.add(line, f"expected rising times in {columns.time!r}{of}; {time!r:.60} {how}", more)
        last[name] = max(moment, last.get(name, -np.inf))
        found.setdefault(name, []).append(row)
    return found
