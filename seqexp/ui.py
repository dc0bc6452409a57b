"""``python -m seqexp.ui``: MLflow's pages of the runs here, opened at the leaderboard. Ctrl-C ends it."""

import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from seqexp.system.commands import ended, leave

KEYS = ("task", "port", "open", "tracking.uri", "tracking.experiment_name")
USAGE = """usage: python -m seqexp.ui [task=<name>] [port=<number>] [open=false]
                           [tracking.uri=<address>] [tracking.experiment_name=<name>]

Shows the runs of this folder in MLflow's pages, at http://127.0.0.1:5000/leaderboard or at a free port where 5000 is in
use, and opens a browser there; open=false does not. The page ranks the runs of the task that ran last, or of task=:
the best first, means over seeds, the curves behind the second button. Only this machine can see it. Ctrl-C ends it.
"""


@dataclass
class Words:
    """The command line, understood."""

    task: str | None = None
    port: int | None = None
    opens: bool = True
    uri: str | None = None
    experiment: str | None = None


def main() -> NoReturn:
    """Exit codes: 0 shown by a server that runs already, 2 bad input, such as a port in use, 130 ended with Ctrl-C."""
    leave(ended(lambda words: show(understood(words)), sys.argv[1:], USAGE, needs_words=False))


def understood(words: Sequence[str]) -> Words:
    """UserError where a word is none of those above."""
    from seqexp.config.command_line import refuse_flags
    from seqexp.system.errors import UserError, unknown_key

    refuse_flags(words)
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in KEYS:
            raise UserError(unknown_key("", key, list(KEYS)) if equals else f"{word}: expected one of {_legal()}")
        if not value:
            raise UserError(f"{key}: expected a value; got nothing")
        given[key] = value
    port, opens = given.get("port"), given.get("open", "true")
    if port is not None and not (port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise UserError(f"port: expected a number from 1 to 65535; got {port!r}")
    if opens not in ("true", "false"):
        raise UserError(f"open: expected true or false; got {opens!r}")
    return Words(
        given.get("task"),
        None if port is None else int(port),
        opens == "true",
        given.get("tracking.uri"),
        given.get("tracking.experiment_name"),
    )


def _legal() -> str:
    return ", ".join(f"{key}=" for key in KEYS)


def show(words: Words) -> None:
    """Serve until Ctrl-C, or open the pages of the server that keeps the runs. UserError where there are no runs."""
    from seqexp import config
    from seqexp.system.errors import UserError, masked
    from seqexp.tracking import pages
    from seqexp.tracking.dashboard import charts, opening
    from seqexp.tracking.mlflow_store import TrackingSettings, locate

    usual = config.tracking_defaults()
    settings = TrackingSettings(
        name="mlflow", uri=words.uri or usual["uri"], experiment_name=words.experiment or usual["experiment_name"]
    )
    store = locate(settings)
    if store.file is not None and not store.file.exists():
        from seqexp.system.program import program

        raise UserError(
            f"{store.file}: expected the runs of this folder; there are none yet; make one: {program()} model=lstm "
            "task=sentiment; or name where they are: tracking.uri=sqlite:///<file>"
        )
    if store.is_server:
        address = f"{masked(store.uri).rstrip('/')}/{opening(settings, words.task)}"
        print(f"leaderboard: {address}")
        _open(address, words)
        return
    with pages.listening(words.port) as bound:
        print("starting …", file=sys.stderr, flush=True)
        gc.disable()  # imports make many objects and no garbage
        page = opening(settings, words.task)
        pages.serve(store, page, partial(charts, settings), bound, lambda address: _ready(address, words))


def _ready(address: str, words: Words) -> None:
    gc.freeze()
    gc.enable()
    print(f"leaderboard: {address}\nCtrl-C ends it", flush=True)
    _open(address, words)


def _open(address: str, words: Words) -> None:
    """In a browser with a window: another one would fill the terminal."""
    shown = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if words.opens and shown:
        import webbrowser

        webbrowser.open(address)


if __name__ == "__main__":
    main()
