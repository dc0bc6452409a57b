"""Tables of runs, from their result.json: every score stands beside the best memoryless baseline.

What is in a table may come from a stranger's run: no cell reaches a terminal with escape codes, or a spreadsheet as a
formula. The only home of pandas, which is imported when a table is made.
"""

import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqexp.runs.result import RunResult
from seqexp.system.printable import printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

NOTHING = "-"  # how a table shows that there is no value
# What a cell begins with that a spreadsheet calculates; the last four are wide forms. Source: OWASP, CSV Injection.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def run_table(result: RunResult) -> "Table":
    """One run's score among the memoryless baselines, best first."""
    from rich.table import Table
    from rich.text import Text

    own, smaller = math.nan if (score := result.score()) is None else score, result.direction == "min"
    rows = [(name, value, False) for name, value in result.baseline.items() if value is not None]
    rows = sorted([*rows, (result.model, own, True)], key=lambda row: rank(row[1], smaller))
    title = f"{result.model} on {result.task}, seed {result.seed}: {result.status}"
    table = Table(title=Text(title), title_justify="left")
    table.add_column("")
    better = "smaller" if smaller else "larger"
    table.add_column(f"{result.primary_metric} ({better} is better)", justify="right")
    table.add_column(f"against {result.model}", justify="right")
    for name, value, is_model in rows:
        difference = NOTHING if is_model or math.isnan(value - own) else _signed(value - own)
        cells = (name if is_model else f"{name} (no memory)", _shown(value), difference)
        table.add_row(*(Text(printable(cell)) for cell in cells), style="bold" if is_model else None)
    return table


def _signed(difference: float) -> str:
    """With four digits that say something: 0.00001 is not +0.0000."""
    return f"{difference:+.4f}" if abs(difference) >= 0.01 or difference == 0 else f"{difference:+.4g}"


def to_markdown(frame: "pd.DataFrame") -> str:
    """The frame as a Markdown table, numbers right-aligned."""
    cells = [[printable(str(name)) for name in frame.columns], *_cells(frame)]
    cells = [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in cells]
    rules = ["---:" if right else "---" for right in _numeric(frame)]
    lines = ["| " + " | ".join(row) + " |" for row in (cells[0], rules, *cells[1:])]
    return "\n".join(lines) + "\n"


def to_csv(frame: "pd.DataFrame") -> str:
    """The frame as a CSV file's text. Numbers stay as they are; text that a spreadsheet would take for a formula gets
    an apostrophe before it."""
    safe = frame.map(_inert)
    safe.columns = [_inert(str(name)) for name in frame.columns]
    return str(safe.to_csv(index=False))


def history_table(lines: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """The lines of a metrics.jsonl: a row a step, a column a metric, and ``time`` in seconds since the epoch."""
    import pandas as pd

    # Of a step there may be two lines: of its epoch, and of the test.
    return pd.DataFrame(lines).groupby("step").first() if lines else pd.DataFrame()


def read_table(path: Path) -> "pd.DataFrame":
    """A table that this project has written as CSV."""
    import pandas as pd

    return pd.read_csv(path)


def result_html(result: RunResult, directory: str) -> str:
    """A run for a notebook: its scores, and the primary one beside the memoryless baselines."""
    import pandas as pd

    rows = [{"": name, "value": value} for name, value in result.metrics.items()]
    rows += [{"": f"{name} (no memory): {result.primary_metric}", "value": v} for name, v in result.baseline.items()]
    title = printable(f"{result.model} on {result.task}, seed {result.seed}: {result.status}")
    table = pd.DataFrame(rows, columns=["", "value"])
    cells = table.to_html(index=False, na_rep=NOTHING, float_format=lambda value: f"{value:.4g}")
    return f"<p><b>{html.escape(title)}</b><br>{html.escape(printable(directory))}</p>{cells}"


def rows_as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """As ``to_csv``, of rows that are column -> cell."""
    import pandas as pd

    return to_csv(pd.DataFrame(rows))


def as_rich(frame: "pd.DataFrame", title: str) -> "Table":
    """The frame for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left")
    for name, right in zip(frame.columns, _numeric(frame), strict=True):
        table.add_column(Text(printable(str(name))), justify="right" if right else "left", overflow="fold")
    for row in _cells(frame):
        table.add_row(*(Text(cell) for cell in row))
    return table


# -- rows ------------------------------------------------------------------------------------------------------------


def rank(value: float, smaller_is_better: bool) -> tuple[bool, float]:
    """A sort key: best first, nan last."""
    return (True, 0.0) if math.isnan(value) else (False, value if smaller_is_better else -value)


# -- cells -----------------------------------------------------------------------------------------------------------


def _numeric(frame: "pd.DataFrame") -> list[bool]:
    return [all(isinstance(value, int | float) or _missing(value) for value in frame[name].tolist()) for name in frame]


def _cells(frame: "pd.DataFrame") -> list[list[str]]:
    columns = [[_shown(value, str(name)) for value in frame[name].tolist()] for name in frame.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _shown(value: object, column: str = "") -> str:
    if _missing(value):
        return NOTHING
    if column in ("job", "seed", "params") and isinstance(value, float) and value.is_integer():
        value = int(value)  # a missing neighbour made the column one of floats
    if column in ("job", "seed"):
        return printable(str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if column == "seconds":
            return f"{value:,.1f}"
        return f"{value:.4f}" if 0.01 <= abs(value) < 100 else f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def _inert(value: Any) -> Any:
    """A cell that no spreadsheet calculates."""
    if not isinstance(value, str):
        return value
    return f"'{printable(value)}" if value.startswith(FORMULA) and not _is_number(value) else printable(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and text.isprintable()


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) == "<NA>"


def shown(frame: "pd.DataFrame") -> tuple[list[list[str]], list[bool]]:
    """The frame's cells as text, and which columns are numbers, to be aligned right."""
    return _cells(frame), _numeric(frame)
