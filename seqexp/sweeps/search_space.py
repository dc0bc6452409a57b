"""What a search may choose from: numbers between two ends, or some words; in Optuna's terms, and as one runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DIGITS = 4  # significant ones of a real value, so that it can be read and typed


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; every ``step``, if there is one."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def is_integer(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def text(self) -> str:
        inner = f"range({self.low}, {self.high}, {self.step})" if self.step else f"interval({self.low}, {self.high})"
        return f"tag(log, {inner})" if self.log else inner

    def word(self, value: float) -> str:
        """The value as it is run: rounded, but within the range."""
        if self.is_integer:
            return str(round(value))
        rounded = float(f"{value:.{12 if self.step else DIGITS}g}")
        return repr(float(min(max(rounded, self.low), self.high)))

    def probes(self) -> list[str]:
        """The ends; and between them a number that is no whole one, unless only whole ones are asked for."""
        between = [] if self.is_integer or self.step else [self.word(self.low + 0.381 * (self.high - self.low))]
        return [self.word(self.low), self.word(self.high), *between]

    def points(self) -> list[float] | None:
        """All values, where there is an end to them."""
        if self.step is None and not self.is_integer:
            return None
        step = self.step or 1
        return [self.low + i * step for i in range(round((self.high - self.low) / step) + 1)]

    def at(self, share: float) -> str:
        """The word this far, from 0 to 1, on the way from low to high; on a log scale in equal factors."""
        if self.log:
            return self.word(self.low * (self.high / self.low) ** share)
        points = self.points()
        if points is not None:
            return self.word(points[min(int(share * len(points)), len(points) - 1)])
        return self.word(self.low + share * (self.high - self.low))

    def distribution(self) -> Any:
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.is_integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)


@dataclass(frozen=True)
class Choice:
    """Some words."""

    words: tuple[str, ...]

    def text(self) -> str:
        return f"choice({', '.join(self.words)})"

    def word(self, value: str) -> str:
        return value

    def probes(self) -> list[str]:
        return list(self.words)

    def points(self) -> list[str]:
        return list(self.words)

    def at(self, share: float) -> str:
        return self.words[min(int(share * len(self.words)), len(self.words) - 1)]

    def distribution(self) -> Any:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.words)


Space = Mapping[str, Range | Choice]
