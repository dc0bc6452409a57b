"""``python -m seqexp.sync <run directory>``: send to MLflow what it is missing of a run."""

import sys
from pathlib import Path
from typing import NoReturn

from seqexp.runs.lock import locked
from seqexp.runs.recovery import wrap_up
from seqexp.system.errors import UserError
from seqexp.system.paths import METRICS

BUSY = "another process is working on it"


def main() -> NoReturn:
    """Exit codes: 0 sent, 1 MLflow could not take everything, 2 bad input, such as a directory without a run."""
    from seqexp.runs.progress import configure_logging

    configure_logging()
    words = sys.argv[1:]
    if not words or any(word.startswith("-") for word in words):
        print("usage: python -m seqexp.sync <run directory> ...")
        sys.exit(0 if set(words) & {"-h", "--help"} else 2)
    complete = True
    try:
        for word in words:
            path = Path(word)
            if not (path / METRICS).is_file():
                raise UserError(f"{path}: expected the directory of a run, with its {METRICS}")
            with locked(path, wait=False) as held:
                if not held:
                    raise UserError(f"{path}: {BUSY}; wait for it to end")
                complete &= wrap_up(path, keep=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0 if complete else 1)


if __name__ == "__main__":
    main()
