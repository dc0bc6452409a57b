"""Rows on the terminal as they come, and every figure in a file."""

import json
import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:
    console.width = 150  # a file has no width to respect

Row = dict[str, Any]


class Figures:
    """All rows measured so far; with a path they are saved after each, and an earlier file's rows are taken over."""

    def __init__(self, path: Path | None, resume: bool, command: str) -> None:
        self.path = path
        now = datetime.now(UTC).isoformat(timespec="minutes")
        self.about: dict[str, Any] = {"command": command, "date": now} | machine()
        self.rows: list[Row] = []
        if path is not None and resume and path.exists():
            self.rows = json.loads(path.read_text(encoding="utf-8"))["rows"]

    def find(self, **key: Any) -> Row | None:
        """The row that has all of these, if an earlier run measured it."""
        return next((row for row in self.rows if all(row.get(name) == value for name, value in key.items())), None)

    def select(self, section: str) -> list[Row]:
        return [row for row in self.rows if row["section"] == section]

    def add(self, row: Row, instead_of: Row | None = None) -> None:
        self.rows = [other for other in self.rows if other is not instead_of] + [row]
        if self.path is not None:
            beside = self.path.with_name(self.path.name + ".new")
            beside.write_text(json.dumps({"about": self.about, "rows": self.rows}, indent=1) + "\n", encoding="utf-8")
            beside.replace(self.path)


def machine() -> dict[str, Any]:
    """The CPU by name, the CPUs this process may use, how busy they are, the system and the Python."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {"cpu": name, "cpus": cpus, "load": load, "system": platform.platform(), "python": platform.python_version()}


def table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
    """Print a table whose first ``left`` columns are text."""
    drawn = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for index, header in enumerate(headers):
        drawn.add_column(header, justify="left" if index < left else "right", no_wrap=index >= left)
    for row in rows:
        drawn.add_row(*row)
    console.print()
    console.print(drawn)


def milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan
