"""``python -m seqexp.sync <run directory>``: send to MLflow what it is missing of a run."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from seqexp.config import load_plugins
from seqexp.config.command_line import HELP, refuse_flags
from seqexp.runs.lock import locked
from seqexp.runs.recovery import wrap_up
from seqexp.system.errors import UserError
from seqexp.system.exit_codes import BAD_INPUT, FAILED, INTERRUPTED, OK
from seqexp.system.paths import METRICS
from seqexp.tracking.mlflow_store import ANOTHER

BUSY = "another process is working on it"
USAGE = """usage: python -m seqexp.sync <run directory> ... [plugins=[my.module]]

Sends to MLflow what it is missing of each run: its metrics, settings and files. The run's config.yaml says where MLflow
is. Sending again what is there changes nothing. plugins= loads the modules that the run's model or task comes from.
"""


def main() -> NoReturn:
    """Exit codes: 0 sent, 1 MLflow could not take everything, 2 bad input, such as a directory without a run, 130."""
    from seqexp.runs.progress import configure_logging

    configure_logging()
    words = sys.argv[1:]
    if not words or set(words) & set(HELP):
        print(USAGE, end="")
        sys.exit(OK if words else BAD_INPUT)
    try:
        sent = [_sent(path) for path in _understood(words)]
    except UserError as error:
        said = str(error).replace(ANOTHER, "the run's directory keeps everything: try again once MLflow can be reached")
        print(f"error: {said}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(OK if all(sent) else FAILED)


def _understood(words: Sequence[str]) -> list[Path]:
    """The run directories that are named, once the plug-ins are loaded."""
    refuse_flags(words)
    paths = [Path(word) for word in words if not word.startswith("plugins=")]
    for path in paths:
        if not (path / METRICS).is_file():
            raise UserError(f"{path}: expected the directory of a run, with its {METRICS}, or plugins=[my.module]")
    load_plugins(words)
    return paths


def _sent(path: Path) -> bool:
    """Whether MLflow has everything of the run now."""
    with locked(path, wait=False) as held:
        if not held:
            raise UserError(f"{path}: {BUSY}; wait for it to end")
        return wrap_up(path, keep=True)


if __name__ == "__main__":
    main()
