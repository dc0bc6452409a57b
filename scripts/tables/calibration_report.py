"""The tables of a calibration as they are made, and the gates that were broken."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

LEVEL = 0.95


@dataclass
class Report:
    """``comparisons``: simulated ones for each row."""

    comparisons: int
    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.lines += [f"{title}", "", "| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
        self.lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
        self.lines.append("")

    def at_most(self, what: str, rate: float, gate: float, comparisons: int | None = None) -> str:
        """The rate as text; the gate gives way by three standard errors of the simulation."""
        if rate > gate + self._allowance(gate, comparisons):
            self.broken.append(f"{what}: {rate:.3f}, allowed {gate:.3f}")
        return percent(rate)

    def at_least(self, what: str, rate: float, gate: float, comparisons: int | None = None) -> str:
        """The same for what must not be rare."""
        if rate < gate - self._allowance(gate, comparisons):
            self.broken.append(f"{what}: {rate:.3f}, needed {gate:.3f}")
        return percent(rate)

    def _allowance(self, gate: float, comparisons: int | None) -> float:
        return 3 * math.sqrt(gate * (1 - gate) / (comparisons or self.comparisons))


def percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"
