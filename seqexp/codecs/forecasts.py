"""Windows of series with time stamps, and what comes next, with its time, in the series' own units."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le, MinLen

from seqexp.codecs import STRICT, Answer, Answering, Codec, Options, Row, register, unread
from seqexp.data import files, time_series, timestamps, windows
from seqexp.data.batch import Batch, SourceBatch
from seqexp.data.series import MISSING
from seqexp.data.shape import Shape
from seqexp.data.timestamps import Clock
from seqexp.data.windows import Level, Missing
from seqexp.system.errors import UserError

Strategy = Literal["direct", "recursive", "encoder_decoder"]
EQUALS = "="
Steps = Annotated[int, Ge(1), Le(1_000_000)]


@dataclass(frozen=True)
class Typed:
    """What is forecast from. values (W, X); series: the number of a name; last: the time of the last step, if known."""

    values: np.ndarray
    series: int
    last: str | None


@register("forecasts")
@dataclass(frozen=True)
class Forecasts(Codec):
    """A series, typed as its steps with spaces between them, each ``time=value`` or ``value``, with commas and the
    covariates behind the target: ``2001-12-22=371.5 2001-12-29=371.9``; a ? is missing. Where there are several series,
    the first word is the name of one and a colon.

    names: of the series, with the mean and the deviation of each of their channels in the training part.
    """

    strategy: Strategy
    window: Steps
    horizon: Steps
    columns: tuple[str, ...]  # time, target, covariates
    series_column: str | None
    names: Annotated[tuple[str, ...], MinLen(1)]
    mean: tuple[tuple[float, ...], ...]
    deviation: tuple[tuple[float, ...], ...]
    level: Level
    missing: Missing
    form: str
    step: float
    unit: timestamps.Unit

    whole_tables = True
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        channels = len(self.columns) - 1
        if channels < 1 or {len(self.names)} != {len(self.mean), len(self.deviation)}:
            raise ValueError("expected a time, a target, and a mean and a deviation of each name")
        if {len(row) for row in (*self.mean, *self.deviation)} != {channels} or min(map(min, self.deviation)) <= 0:
            raise ValueError("expected a mean and a deviation above 0 of each channel")
        if self.form not in timestamps.FORMS:
            raise ValueError(f"form must be one of {', '.join(timestamps.FORMS)}")

    @property
    def clock(self) -> Clock:
        return Clock(self.form, self.step, self.unit)

    @property
    def shape(self) -> Shape:
        inputs = (len(self.columns) - 1) * (2 if self.missing == "mask" else 1)
        if self.strategy == "encoder_decoder":
            return Shape(
                inputs=1, tokens=False, outputs=1, answers="steps", loss="squared", source=inputs, source_tokens=False
            )
        if self.strategy == "recursive":
            return Shape(inputs=inputs, tokens=False, outputs=1, answers="steps", loss="squared")
        return Shape(inputs=inputs, tokens=False, outputs=self.horizon, answers="last", loss="squared")

    def asked(self, x: np.ndarray, target: np.ndarray | None = None, rows: np.ndarray | None = None) -> Batch:
        """The batch that asks what follows windows x (W, X, B); target (H, B): on the same scale, by default zeros."""
        B = x.shape[2]
        if self.strategy == "direct":
            return Batch(x, np.zeros((self.horizon, B), np.float32) if target is None else target, rows=rows)
        if self.strategy == "recursive":
            answered = np.zeros((len(x), B), bool)
            answered[-1] = True
            whole = np.zeros((len(x), 1, B), np.float32)
            whole[-1, 0] = 0 if target is None else target[0]
            return Batch(x, whole, answered=answered, rows=rows)
        ahead = np.arange(1, self.horizon + 1, dtype=np.float32) / np.float32(self.horizon)
        fed = np.repeat(ahead[:, None, None], B, axis=2)  # how far ahead a step is: all that is known of it
        wanted = np.zeros((self.horizon, 1, B), np.float32) if target is None else target[:, None]
        return SourceBatch(fed, wanted, answered=np.ones((self.horizon, B), bool), source=x, rows=rows)

    def said(self, network: Answering, x: np.ndarray, steps: int | None = None) -> np.ndarray:
        """What the network says to follow windows x (W, X, B): (steps, B), on the same scale."""
        steps = self.horizon if steps is None else steps
        if self.strategy == "recursive":
            return network.generate(Batch(x, x), steps)[:, 0]
        return network.answers(self.asked(x))[0].reshape(self.horizon, -1)[:steps]

    # -- what a person types ------------------------------------------------------------------------------------------

    def encode(self, texts: Sequence[str]) -> Batch:
        return self.asked(self._windows([self._read(text) for text in texts])[0])

    def _windows(self, typed: Sequence[Typed]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """x (W, X, B), and of the target base, mean and deviation, each (B,)."""
        whole = np.stack([one.values[-self.window :] for one in typed], axis=2)
        of = [one.series for one in typed]
        mean, deviation = np.array(self.mean)[of].T, np.array(self.deviation)[of].T
        x, base = windows.scaled(whole, mean, deviation, self.level, self.missing)
        return x, base, mean[0], deviation[0]

    def _read(self, text: str) -> Typed:
        name, rest = self._named(text)
        times: list[str] = []
        steps: list[list[float]] = []
        for word in rest.split():
            time, equals, fields = word.rpartition(EQUALS)
            try:
                steps.append([np.nan if v.strip().lower() in MISSING else float(v) for v in fields.split(",")])
                if equals:
                    times.append(time.replace("T", " ") if " " in self.form else time)
                    self.clock.moment(times[-1])
            except (ValueError, OverflowError):
                raise unread("series", word, self._expected()) from None
        width = len(self.columns) - 1
        if {len(step) for step in steps} != {width} or np.isinf(steps).any() or (times and len(times) != len(steps)):
            raise unread("series", text, self._expected())
        if any(self.clock.moment(b) <= self.clock.moment(a) for a, b in pairwise(times)):
            raise unread("series", text, "rising times")
        return self._checked(Typed(np.array(steps), self.names.index(name), times[-1] if times else None), text)

    def _checked(self, typed: Typed, text: str) -> Typed:
        if len(typed.values) < self.window:
            expected = f"at least {self.window} steps, the window that the run was trained on"
            raise unread("series", f"{len(typed.values)} in {text[:60]}", expected)
        if np.isnan(typed.values[-self.window :]).all(axis=0).any():
            raise unread("series", text, f"a value in each column of the last {self.window} steps")
        return typed

    def _named(self, text: str) -> tuple[str, str]:
        if self.series_column is None:
            return self.names[0], text
        name, colon, rest = text.partition(":")
        if not colon or name.strip() not in self.names:
            raise unread("series", text, f"one of {', '.join(self.names)[:200]}, a colon, and its steps")
        return name.strip(), rest

    def _expected(self) -> str:
        time = "2001" if self.form == timestamps.NUMBER else "2001-12-29"
        values = ",".join(self.columns[1:])
        return f"steps with spaces between them, each {values} or {time}{EQUALS}{values}"

    def texts_of(self, path: Path) -> list[str]:
        if files.suffix(path) not in time_series.SUFFIXES:
            return super().texts_of(path)
        time, target, *covariates = self.columns
        columns = time_series.Columns(time, target, tuple(covariates), self.series_column)
        table = time_series.read(path, columns, self.form, 1)
        texts = []
        for one in table.series:
            steps = zip(one.times, one.values, strict=True)
            words = (f"{when.replace(' ', 'T')}{EQUALS}{','.join(map(repr, row.tolist()))}" for when, row in steps)
            texts.append((f"{one.name}: " if self.series_column is not None else "") + " ".join(words))
        return texts

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        """As many steps as the horizon; of a recursive network, as many as ``length`` says."""
        steps = self.horizon if options.length is None else options.length
        if steps > self.horizon and self.strategy != "recursive":
            raise UserError(
                f"length: expected at most {self.horizon}, the horizon that the run was trained for; got {steps}; a "
                "run with task.strategy=recursive says as many as are asked for"
            )
        typed = [self._read(text) for text in texts]
        x, base, mean, deviation = self._windows(typed)
        values = windows.in_units(self.said(network, x, steps), base, mean, deviation)
        return [self._told(one, column) for one, column in zip(typed, values.T, strict=True)]

    def _told(self, typed: Typed, values: np.ndarray) -> Answer:
        rows: list[Row] = []
        for ahead, value in enumerate(values.tolist(), 1):
            when = f"+{ahead}" if typed.last is None else self.clock.after(typed.last, ahead)
            named = {} if self.series_column is None else {self.series_column: self.names[typed.series]}
            rows.append(named | {self.columns[0]: when, self.columns[1]: float(f"{value:.7g}")})
        words = (f"{row[self.columns[0]].replace(' ', 'T')}{EQUALS}{row[self.columns[1]]:.6g}" for row in rows)
        name = f"{self.names[typed.series]}: " if self.series_column is not None else ""
        return Answer(name + " ".join(words), rows=tuple(rows))

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        """On the training part's scale, as the batch has lost whose values it is of."""
        return [Answer(" ".join(f"{value:.6g}" for value in column)) for column in y.reshape(-1, batch.size).T]
