"""When a step of a series was: how a file writes it, how far apart steps are, and what comes next."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

NUMBER = "number"
FORMS = (
    NUMBER,
    "%Y%m%d",
    "%Y-%m-%d",
    "%Y-%m",
    "%Y/%m/%d",
    "%d.%m.%Y",
    *(f"%Y-%m-%d{gap}{clock}" for gap in " T" for clock in ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S%z")),
)
KNOWN = "a number, or a date such as 2024-05-31, 2024-05 or 2024-05-31 12:00"
Unit = Literal["number", "months", "seconds"]


@dataclass(frozen=True)
class Clock:
    """form: how times are written, ``number`` or as of ``strptime``; step: how far apart two are, in ``unit``."""

    form: str
    step: float
    unit: Unit

    def moment(self, text: str) -> float:
        """The time as a number, in seconds if it is a date. ValueError where it is written in another form."""
        return moment(text, self.form)

    def after(self, text: str, steps: int) -> str:
        """The time so many steps later, in the same form; how many steps later where the calendar ends."""
        if self.form == NUMBER:
            later = float(text) + steps * self.step
            return f"{round(later)}" if later == round(later) else f"{later:.10g}"
        there = _date(text, self.form)
        try:
            if self.unit == "months":
                years, month = divmod(there.month - 1 + round(steps * self.step), 12)
                later_date = there.replace(year=there.year + years, month=month + 1)
            else:
                later_date = there + timedelta(seconds=steps * self.step)
            return later_date.strftime(self.form)
        except (OverflowError, ValueError):
            return f"{text} + {steps}"

    def told(self) -> str:
        """A step in words, such as 7 days."""
        if self.unit == "number":
            return f"{self.step:g}"
        count, name = self.step, self.unit.removesuffix("s")
        for seconds, larger in ((86400, "day"), (3600, "hour"), (60, "minute")):
            if self.unit == "seconds" and self.step % seconds == 0:
                count, name = self.step / seconds, larger
                break
        return f"{count:g} {name}" + ("s" if count != 1 else "")


def form_of(texts: Sequence[str]) -> str | None:
    """The form in which all of the times are written; that of the first where there is none for all; None of none."""
    fits = [form for form in FORMS if texts and _is(texts[0], form)]
    whole = [form for form in fits if all(_is(text, form) for text in texts)]
    if NUMBER in whole and "%Y%m%d" in whole:  # 19580329 is a day, not the nineteen-millionth year
        return "%Y%m%d"
    return next(iter([*whole, *fits]), None)


def clock_of(form: str, each: Sequence[Sequence[str]]) -> Clock:
    """The clock of series, each the times of one in their order: their commonest step."""
    moments = [np.array([moment(text, form) for text in texts]) for texts in each]
    gaps = np.concatenate([np.diff(one) for one in moments])
    step = _commonest(gaps)
    if form == NUMBER:
        return Clock(form, step, "number")
    dates = [[_date(text, form) for text in texts] for texts in each]
    one_day = len({(date.day, date.time()) for one in dates for date in one}) == 1
    if one_day and step >= 28 * 86400:
        months = [np.diff([12 * date.year + date.month for date in one]) for one in dates]
        return Clock(form, _commonest(np.concatenate(months)), "months")
    return Clock(form, step, "seconds")


def moment(text: str, form: str) -> float:
    """The time as a number, in seconds if it is a date. ValueError where it is written in another form."""
    if form != NUMBER:
        return _date(text, form).timestamp()
    value = float(text)
    if not np.isfinite(value) or "_" in text:
        raise ValueError(text)
    return value


def _date(text: str, form: str) -> datetime:
    date = datetime.strptime(text, form)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _is(text: str, form: str) -> bool:
    try:
        moment(text, form)
    except (ValueError, OverflowError):
        return False
    return form != "%Y%m%d" or len(text) == 8


def _commonest(gaps: np.ndarray) -> float:
    """1 where there is none."""
    counts = Counter(np.round(gaps, 9).tolist())
    return float(min(counts, key=lambda gap: (-counts[gap], gap))) if counts else 1.0
