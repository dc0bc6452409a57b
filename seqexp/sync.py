"""``python -m seqexp.sync <run directory>``: send to MLflow what it is missing of a run."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from seqexp import config
from seqexp.config import load_plugins
from seqexp.config.command_line import refuse_flags
from seqexp.runs.lock import locked
from seqexp.runs.recovery import result_of, send, stored_tracking, wrap_up
from seqexp.system.errors import UserError, masked
from seqexp.system.exit_codes import BAD_INPUT, FAILED, OK
from seqexp.system.paths import METRICS, STARTED

BUSY = "another process is working on it"


def main() -> NoReturn:
    """Exit codes: 0 sent, 1 MLflow could not take everything, 2 bad input, such as a directory without a run."""
    from seqexp.runs.progress import configure_logging

    configure_logging()
    words = sys.argv[1:]
    if not words or set(words) & {"-h", "--help"}:
        print("usage: python -m seqexp.sync <run directory> ... [tracking.uri=<address>] [plugins=[my.module]]")
        sys.exit(OK if words else BAD_INPUT)
    complete = True
    try:
        refuse_flags(words)
        load_plugins(words)
        given = [word.partition("=")[2] for word in words if word.startswith("tracking.uri=")]
        for word in [word for word in words if not word.startswith(("plugins=", "tracking.uri="))]:
            path = Path(word)
            if not (path / METRICS).is_file():
                raise UserError(f"{path}: expected the directory of a run, with its {METRICS}")
            with locked(path, wait=False) as held:
                if not held:
                    raise UserError(f"{path}: {BUSY}; wait for it to end")
                complete &= _sync(path, given[-1] if given else None)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    sys.exit(OK if complete else FAILED)


def _sync(path: Path, given: str | None) -> bool:
    """Send one run; False where MLflow could not take everything. UserError where nobody has said that its address,
    which may be a stranger's, is to be trusted."""
    stored = stored_tracking(path)
    usual = config.tracking_defaults()["uri"]
    trusted = [uri for uri in (given, os.environ.get("MLFLOW_TRACKING_URI"), usual) if uri is not None]
    uri = given or next((uri for uri in trusted if masked(uri) == masked(stored.uri or "")), None)
    if stored.name == "off" and given is None:
        print(f"{path}: nothing sent, since the run has tracking=off; tracking.uri=<address> sends it there")
        wrap_up(path, None)
        return True
    if uri is None:
        raise UserError(
            f"{path}: its config.yaml would send it to {masked(stored.uri or '')}, where this folder's runs are not "
            f"kept; add tracking.uri={masked(stored.uri or '')} if you trust that address, or name another"
        )
    own = replace(stored, name="mlflow", uri=uri)
    print(f"{path}: sending to {masked(uri)}")
    result = result_of(path)
    sent = send(path, result, own)
    if sent:
        (path / STARTED).unlink(missing_ok=True)
    return sent


if __name__ == "__main__":
    main()
