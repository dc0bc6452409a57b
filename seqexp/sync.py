"""``python -m seqexp.sync <run directory>``: send to MLflow what it is missing of a run."""

import sys
from pathlib import Path
from typing import NoReturn

from seqexp.config import load_plugins
from seqexp.runs.lock import locked
from seqexp.runs.recovery import wrap_up
from seqexp.system.errors import UserError
from seqexp.system.exit_codes import BAD_INPUT, FAILED, OK
from seqexp.system.paths import METRICS

BUSY = "another process is working on it"


def main() -> NoReturn:
    """Exit codes: 0 sent, 1 MLflow could not take everything, 2 bad input, such as a directory without a run."""
    from seqexp.runs.progress import configure_logging

    configure_logging()
    words = sys.argv[1:]
    if not words or any(word.startswith("-") for word in words):
        print("usage: python -m seqexp.sync <run directory> ... [plugins=[my.module]]")
        sys.exit(OK if set(words) & {"-h", "--help"} else BAD_INPUT)
    complete = True
    try:
        load_plugins(words)
        for word in [word for word in words if not word.startswith("plugins=")]:
            path = Path(word)
            if not (path / METRICS).is_file():
                raise UserError(f"{path}: expected the directory of a run, with its {METRICS}")
            with locked(path, wait=False) as held:
                if not held:
                    raise UserError(f"{path}: {BUSY}; wait for it to end")
                complete &= wrap_up(path, keep=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    sys.exit(OK if complete else FAILED)


if __name__ == "__main__":
    main()
