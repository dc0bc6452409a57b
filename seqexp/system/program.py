"""What a person types to run this program again: as they typed it, since only that is known to work for them."""

import os
import shlex
import sys
from pathlib import Path

VARIABLE = "SEQEXP_PROGRAM"  # set by scripts/seqexp to its own name, as it was typed


def program(command: str = "") -> str:
    """``python -m seqexp``, ``seqexp`` where it is installed and was typed, or ``scripts/seqexp``; and a command of
    its, such as ``explain``: ``python -m seqexp.explain``."""
    script = os.environ.get(VARIABLE)
    called = Path(sys.argv[0]).name
    if script or called == "seqexp":
        return " ".join([shlex.quote(script or called), *([command] if command else [])])
    return f"python -m seqexp.{command}" if command else "python -m seqexp"
