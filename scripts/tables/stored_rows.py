"""The rows that a table's script keeps as CSV in docs/, from which it goes on."""

import csv
from pathlib import Path
from typing import Any


def read(path: Path) -> list[dict[str, Any]]:
    """The rows; none where nothing is kept yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
