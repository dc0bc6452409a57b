"""What ``forecast`` asks: windows of series and what follows them, split by time; and what needs no memory to say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqexp.codecs.forecasts import Forecasts
from seqexp.data import windows
from seqexp.data.batch import Split
from seqexp.data.splits import PARTS
from seqexp.data.time_series import TimeTable
from seqexp.system.errors import UserError

MOST_FITTED = 20_000  # windows that the autoregression is fitted to, the latest of training
Read = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]
PENALTIES = 10.0 ** np.arange(-6, 4)


@dataclass(frozen=True)
class Cuts:
    """The moments at which validation, the test, and what is left unused begin."""

    val: float
    test: float
    end: float


class Windows:
    """Every window of ``window`` steps that has ``horizon`` steps behind it in one part, by number over all parts.

    A window may reach back into an earlier part, since that is past by then; what is asked lies in one part alone. A
    window is left out where a value to forecast is missing, or where it has none itself in one of its channels.
    """

    def __init__(self, table: TimeTable, cuts: Cuts, window: int, horizon: int) -> None:
        self.table, self.window, self.horizon = table, window, horizon
        of, first, part = [], [], []
        self.lost = 0
        for number, series in enumerate(table.series):
            starts = np.arange(window, len(series.times) - horizon + 1)
            begin, last = series.moments[starts], series.moments[starts + horizon - 1]
            which = np.full(len(starts), -1)
            for n, (low, high) in enumerate(((-np.inf, cuts.val), (cuts.val, cuts.test), (cuts.test, cuts.end))):
                which[(begin >= low) & (last < high)] = n
            gaps = np.cumsum(np.concatenate([np.zeros((1, len(table.channels)), int), np.isnan(series.values)]), axis=0)
            asked = gaps[starts + horizon, 0] - gaps[starts, 0]
            read = (gaps[starts] - gaps[starts - window]).max(axis=1)
            whole = (asked == 0) & (read < window)
            self.lost += int(((which >= 0) & ~whole).sum())
            kept = (which >= 0) & whole
            of.append(np.full(kept.sum(), number))
            first.append(starts[kept])
            part.append(which[kept])
        self.of, self.first = np.concatenate(of), np.concatenate(first)
        parts = np.concatenate(part)
        self.parts: dict[Split, np.ndarray] = {split: np.flatnonzero(parts == n) for n, split in enumerate(PARTS)}

    def read(self, rows: np.ndarray) -> np.ndarray:
        """(W, X, B), as measured."""
        return self._steps(rows, np.arange(-self.window, 0))

    def truth(self, rows: np.ndarray) -> np.ndarray:
        """(H, B), as measured."""
        return self._steps(rows, np.arange(self.horizon))[:, 0]

    def _steps(self, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
        found = np.empty((len(at), len(self.table.channels), len(rows)))
        of, first = self.of[rows], self.first[rows]
        for number in np.unique(of):
            columns = np.flatnonzero(of == number)
            found[:, :, columns] = self.table.series[number].values[first[columns] + at[:, None]].swapaxes(1, 2)
        return found


def seasonal_errors(table: TimeTable, cuts: Cuts, season: int) -> np.ndarray:
    """(series,): the mean absolute error, in the training part, of saying what was a season before.

    Where a series has none, that of all; where there is none at all, 1, so that a scaled error is the error itself.
    """
    errors = []
    for series in table.series:
        known = series.values[series.moments < cuts.val, 0]
        errors.append(np.abs(known[season:] - known[:-season]))
    whole = np.concatenate(errors)
    overall = float(np.nanmean(whole)) if np.isfinite(whole).any() else 0.0
    each = [float(np.nanmean(one)) if np.isfinite(one).any() else 0.0 for one in errors]
    return np.array([one or overall or 1.0 for one in each])


class Floors:
    """Forecasts that need no memory, in the target's units: persistence, seasonal naive, a linear autoregression."""

    def __init__(
        self, asked: Windows, codec: Forecasts, season: int, read: Callable[[np.ndarray], tuple[np.ndarray, ...]]
    ) -> None:
        """read: rows -> x (W, X, B) on the network's scale, and of the target base, mean and deviation (B,)."""
        self._asked, self._codec, self._season, self._read = asked, codec, season, read

    def of(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """By name, each (H, B)."""
        found = {"persistence": self.persistence(rows)}
        if self._season > 1:
            found["seasonal naive"] = self.seasonal(rows)
        return found | {"linear autoregression": self.linear(rows)}

    def persistence(self, rows: np.ndarray) -> np.ndarray:
        """The last known value again."""
        read = self._asked.read(rows)
        return np.repeat(windows.last_known(read, np.isnan(read))[None], self._asked.horizon, axis=0)

    def seasonal(self, rows: np.ndarray) -> np.ndarray:
        """What was a season before, or two where that is missing, and so on; the last known value where none is."""
        asked, found = self._asked, self.persistence(rows)
        steps = np.arange(asked.horizon)
        back = steps - self._season * (steps // self._season + 1)  # (H,) before the window's end
        for column, row in enumerate(rows):
            values = asked.table.series[asked.of[row]].values[:, 0]
            at = asked.first[row] + back
            while (open_ := (at >= 0) & np.isnan(values[np.maximum(at, 0)])).any():
                at = np.where(open_, at - self._season, at)
            there = at >= 0
            found[there, column] = values[at[there]]
        return found

    def linear(self, rows: np.ndarray) -> np.ndarray:
        """Least squares on all that the window has, with a penalty that leave-one-out chooses: all steps at once, or
        for a recursive network one, which is fed back as its own are."""
        x, base, mean, deviation = self._read(rows)
        if self._codec.strategy != "recursive":
            return windows.in_units(self._fitted.predict(_flat(x)).reshape(len(rows), -1).T, base, mean, deviation)
        said = np.empty((self._asked.horizon, len(rows)))
        for step in range(len(said)):
            said[step] = self._fitted.predict(_flat(x)).ravel()
            following = np.zeros((1, *x.shape[1:]), x.dtype)
            following[0, 0] = said[step]
            x = np.concatenate([x[1:], following])
        return windows.in_units(said, base, mean, deviation)

    @cached_property
    def _fitted(self) -> "RidgeCV":  # type: ignore[name-defined]  # noqa: F821 - imported where it is used
        from sklearn.linear_model import RidgeCV

        rows = self._asked.parts["train"][-MOST_FITTED:]
        x, base, mean, deviation = self._read(rows)
        steps = 1 if self._codec.strategy == "recursive" else self._asked.horizon
        target = (self._asked.truth(rows)[:steps] - mean) / deviation - base
        with np.errstate(divide="ignore", invalid="ignore"):  # a single window: whatever is left out leaves nothing
            return RidgeCV(PENALTIES).fit(_flat(x), target.T)


def _flat(x: np.ndarray) -> np.ndarray:
    """(B, W X) of windows (W, X, B)."""
    return x.reshape(-1, x.shape[2]).T.astype(np.float64)


def cuts(table: TimeTable, named: Mapping[str, str | None], share: float) -> Cuts:
    """Where the parts begin: at the times named ``val_from`` and ``test_from``, or so that validation and the test have
    a ``share`` of all times each; ``until``: the last time used. UserError where they are not in this order."""
    every = np.unique(np.concatenate([series.moments for series in table.series]))

    def moment(key: str) -> float | None:
        text = named[key]
        if text is None:
            return None
        try:
            return table.clock.moment(text)
        except (ValueError, OverflowError):
            like = table.series[0].times[0]
            raise UserError(
                f"task.{key}: expected a time as the table writes it, such as {like!r}; got {text!r:.60}"
            ) from None

    last = moment("until")
    used = every if last is None else every[every <= last]
    size = len(used)
    fallback = [float(used[min(size - 1, int(size * (1 - n * share)))]) if size else 0.0 for n in (2, 1)]
    val, test = moment("val_from"), moment("test_from")
    if val is None and test is not None:  # as long before the test as the test is
        before = used[used < test]
        val = float(before[-min(len(before), int((used >= test).sum()))]) if len(before) else test
    val, test = fallback[0] if val is None else val, fallback[1] if test is None else test
    if not every[0] < val < test and named["val_from"] is named["test_from"] is None:
        raise UserError(f"task.source: expected times enough for training, validation and a test; got {size}")
    if not every[0] < val < test:
        raise UserError(
            "task.val_from, task.test_from: expected times behind the table's first, validation before the test; got "
            f"{named['val_from']!r} and {named['test_from']!r}"
        )
    return Cuts(val, test, np.inf if last is None else float(np.nextafter(last, np.inf)))
