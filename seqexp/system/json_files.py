"""JSON in files that may be damaged or come from a stranger."""

import json
import math
from pathlib import Path
from typing import Any

from seqexp.system.paths import RESULT

LONGEST_JSON = 10_000_000  # bytes; a larger result.json, run.json or line of metrics is not read


def stored_result(path: Path, name: str = RESULT) -> dict[str, Any] | None:
    """The content of a run directory's result.json. None if there is no file, {} if it cannot be read."""
    try:
        if (path / name).stat().st_size > LONGEST_JSON:
            return {}
        result = json.loads((path / name).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    # RecursionError: a stranger's file may nest brackets without end.
    except (OSError, ValueError, RecursionError):
        return {}
    return result if isinstance(result, dict) else {}


def finite(value: float) -> float | None:
    """The number, or None if JSON cannot express it."""
    return float(value) if math.isfinite(value) else None
