"""The two errors that are not a bug of this program, and the masking of passwords in every message."""

import difflib
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from seqexp.system.printable import printable

HIDDEN = "***"
SECRET = "password|passwd|passphrase|pwd|secret|token|credential|signature|api[_-]?key|access[_-]?key"  # in a query
LONGEST = 1_000  # characters of a line


class UserError(Exception):
    """The user's input is wrong: one line saying where, what was expected, what was given, what to try.

    The command line prints the line and exits with 2. Passwords in addresses are masked, and what a terminal would obey
    is replaced. A line that quotes too much of the input loses its middle.
    """

    def __init__(self, line: str) -> None:
        # Quoted input and library messages may hold line breaks.
        line = printable(masked(" ".join(line.splitlines())))
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}")

    def _render_traceback_(self) -> list[str]:  # IPython shows this in the traceback's place
        return [f"error: {self}"]


class Diverged(Exception):
    """The loss became nan or inf; the message has the step, the gradient norm and what to try. Exit code 1."""


def unknown_key(group: str, key: str, legal: Sequence[str], meant: Sequence[str] = ()) -> str:
    """The line that says that a key does not exist, and which do. ``meant``: guesses, where there are better ones than
    the most similar legal key."""
    where = f"{group}.{key}" if group else key
    guesses = did_you_mean(meant or difflib.get_close_matches(key, legal, 1))
    return f"{where}: no such key{guesses}" + (f"; legal here: {', '.join(legal)}" if legal else "")


def one_of(where: str, legal: Sequence[str], given: object) -> str:
    """The line that says what of a few was expected, and which of them was likely meant."""
    close = difflib.get_close_matches(str(given), legal, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{where}: expected one of {', '.join(legal)}; got {given!r}{hint}"


def did_you_mean(guesses: Sequence[str]) -> str:
    """How a line goes on after what does not exist; nothing where there is no guess."""
    return f", did you mean {' or '.join(guesses[:4])}?" if guesses else ""


def masked(text: str) -> str:
    """The text without passwords and tokens: those of addresses, from the user's colon to the last possible @, and in
    queries. A web address loses all that is before its @: a token takes the user's place there."""
    # Greedy, up to the last @: a password may hold an @ itself.
    text = re.sub(r"(://[^:/\s]*:)\S*@", rf"\1{HIDDEN}@", text)
    # Passwords may hold blanks too; a port may not.
    text = re.sub(rf"(://[^:/\s]*:)(?!{re.escape(HIDDEN)}@)(?!\d+(?:[/\s?#'\"]|$)).*@", rf"\1{HIDDEN}@", text)
    text = re.sub(r"(?i)(\bhttps?://)[^:/?#\s@][^:/?#\s]*(?=(?::\*\*\*)?@)", rf"\1{HIDDEN}", text)
    return re.sub(rf"(?i)([?&#](?:[\w.-]*(?:{SECRET})|key|sig)=)[^&\s'\"]+", rf"\1{HIDDEN}", text)


@cache
def mask_logs() -> None:
    """From now on, no line that this process logs shows a password or holds an escape code, whoever logs it: Hydra logs
    each job's overrides.

    The record factory is the one place that every logger passes; ``cache`` installs it once a process.
    """
    own = logging.getLogRecordFactory()

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = own(*args, **kwargs)
        with suppress(Exception):  # logging itself reports a line that cannot be formatted
            said = made.getMessage()
            if said != (kept := printable(masked(said))):
                made.msg, made.args = kept, ()
        return made

    logging.setLogRecordFactory(record)
