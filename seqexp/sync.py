"""``python -m seqexp.sync <run directory>``: send to MLflow what it is missing of a run."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from seqexp import config
from seqexp.config import load_plugins
from seqexp.config.command_line import for_shell, refuse_flags
from seqexp.runs.lock import locked
from seqexp.runs.progress import configure_logging
from seqexp.runs.recovery import result_of, send, stored_tracking, wrap_up
from seqexp.system.commands import ended, leave
from seqexp.system.errors import UserError, masked
from seqexp.system.exit_codes import FAILED, OK
from seqexp.system.paths import METRICS, STARTED
from seqexp.system.plurals import counted
from seqexp.tracking.mlflow_store import ANOTHER

BUSY = "another process is working on it"
OPTIONS = ("plugins", "tracking.uri")
USAGE = """usage: python -m seqexp.sync <run directory> ... [tracking.uri=<address>] [plugins=[my.module]]

Sends to MLflow what it is missing of each run: its metrics, settings and files. The run's config.yaml says where MLflow
is; tracking.uri= names another address, or says that a stored one is to be trusted. Sending again what is there changes
nothing. plugins= loads the modules that the run's model or task comes from.
"""


def main() -> NoReturn:
    """Exit codes: 0 sent, 1 MLflow could not take everything, 2 bad input, such as a directory without a run, 130."""
    leave(ended(_sync_all, sys.argv[1:], USAGE))


def _sync_all(words: Sequence[str]) -> int:
    configure_logging()
    try:
        paths, uri = _understood(words)
        sent = [_sent(path, uri) for path in paths]
    except UserError as error:
        advice = "try again once MLflow can be reached, or name another address: tracking.uri=<address>"
        raise UserError(str(error).replace(ANOTHER, advice)) from error
    return OK if all(sent) else FAILED


def _understood(words: Sequence[str]) -> tuple[list[Path], str | None]:
    """The run directories and the address that are named, once the plug-ins are loaded."""
    refuse_flags(words)
    given = {key: value for key, equals, value in (word.partition("=") for word in words) if equals and key in OPTIONS}
    paths = [Path(word) for word in words if word.partition("=")[0] not in given]
    for path in paths:
        if not (path / METRICS).is_file():
            legal = ", ".join(f"{option}=" for option in OPTIONS)
            raise UserError(f"{path}: expected the directory of a run, with its {METRICS}, or one of {legal}")
    load_plugins(words)
    return paths, given.get("tracking.uri")


def _sent(path: Path, given: str | None) -> bool:
    """Send one run; False where MLflow could not take everything."""
    with locked(path, wait=False) as held:
        if not held:
            raise UserError(f"{path}: {BUSY}; wait for it to end")
        return _sync(path, given)


def _sync(path: Path, given: str | None) -> bool:
    """As ``_sent``. UserError where nobody has said that its address, which may be a stranger's, is to be trusted."""
    stored = stored_tracking(path)
    usual = config.tracking_defaults()["uri"]
    trusted = [uri for uri in (given, os.environ.get("MLFLOW_TRACKING_URI"), usual) if uri is not None]
    uri = given or next((uri for uri in trusted if masked(uri) == masked(stored.uri or "")), None)
    if stored.name == "off" and given is None:
        print(f"{path}: nothing sent, since the run has tracking=off; tracking.uri=<address> sends it there")
        wrap_up(path, None)
        return True
    if uri is None:
        address = masked(stored.uri or "")
        raise UserError(
            f"{path}: its config.yaml would send it to {address}, where this folder's runs are not "
            f"kept; add {for_shell(f'tracking.uri={address}')} if you trust that address, or name another"
        )
    own = replace(stored, name="mlflow", uri=uri)
    print(f"{path}: sending to {masked(uri)}")
    result = result_of(path)
    tracker = send(path, result, own)
    if not tracker.troubled:
        (path / STARTED).unlink(missing_ok=True)
        print(f"{path}: sent {counted(tracker.points, 'point')} of its metrics and {counted(tracker.files, 'file')}")
    return not tracker.troubled


if __name__ == "__main__":
    main()
