"""A search space as it is typed, in Hydra's grammar of sweeps: tag(log, interval(1e-4, 3e-2)), range(16, 129, 16)."""

import math
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep, Sweep, Transformer, ValueType
from hydra.errors import HydraException

from seqexp.sweeps.search_space import Choice, Range
from seqexp.system.errors import UserError

PLAIN = (ValueType.SIMPLE_CHOICE_SWEEP, ValueType.GLOB_CHOICE_SWEEP)  # a,b,c and glob(*)


def read(key: str, text: str) -> Range | Choice | None:
    """What ``key=text`` searches; None where it is one value. UserError where it is no search space."""
    try:
        override = OverridesParser.create().parse_override(f"{key}={text}")
    except HydraException:
        return None
    if not override.is_sweep_override():
        return None
    if override.value_type in PLAIN:
        raise UserError(f"{key}: expected one value, or a space such as choice({text}); got {text!r}")
    return searched(key, override.value())


def searched(key: str, sweep: Any) -> Range | Choice:
    """What of Hydra's grammar a search can use. UserError says what is wrong with it."""
    assert isinstance(sweep, Sweep)
    log = sweep.tags == {"log"}
    if sweep.tags and (not log or isinstance(sweep, ChoiceSweep)):
        raise UserError(f"{key}: expected no tag, or tag(log, …) of numbers; got {', '.join(sorted(sweep.tags))}")
    if isinstance(sweep, ChoiceSweep):
        words = tuple(dict.fromkeys(Transformer.str(value) for value in sweep.list))
        if not words:
            raise UserError(f"{key}: expected at least one choice; got none")
        return Choice(words)
    if isinstance(sweep, IntervalSweep):
        low, high, step = sweep.start, sweep.end, None
        given = f"interval({low}, {high})"
    else:
        assert isinstance(sweep, RangeSweep)
        low, high, step = _ends(sweep)
        given = f"range({sweep.start}, {sweep.stop}, {sweep.step})"
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"{key}: expected two numbers, the smaller one first, and others between; got {given}")
    if log and low <= 0:
        raise UserError(f"{key}: expected numbers above 0, since it is searched on a log scale; got {given}")
    if log and step not in (None, 1):
        raise UserError(f"{key}: expected an interval, or a range of whole numbers, with tag(log, …); got {given}")
    return Range(low, high, step, log)


def _ends(sweep: RangeSweep) -> tuple[Any, Any, Any]:
    """The smallest and the largest value of a range, whose stop is not in it, and its step."""
    start, stop, step = sweep.start, sweep.stop, sweep.step
    if start is None or stop is None or not step or not all(map(math.isfinite, (start, stop, step))):
        return None, None, None
    last = start + (math.ceil(round((stop - start) / step, 9)) - 1) * step
    last = last if isinstance(last, int) else float(f"{last:.12g}")
    low, high = (start, last) if step > 0 else (last, start)
    return low, high, abs(step)
