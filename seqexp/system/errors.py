"""The two ways a run can end badly that are nobody's bug, and what none of their messages may say."""

import difflib
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

HIDDEN = "***"
LONGEST = 1_000  # characters of a line


class UserError(Exception):
    """The user's input is wrong: one line saying where, what was expected, what was given, what to try.

    The command line prints the line and exits with 2. A password in an address is masked, and of a line that quotes
    too much of the input the middle is left out.
    """

    def __init__(self, line: str) -> None:
        line = masked(" ".join(line.splitlines()))
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}")


class Diverged(Exception):
    """The loss became nan or inf; the message has the step, the gradient norm and what to try. Exit code 1."""


def unknown_key(group: str, key: str, legal: Sequence[str]) -> str:
    """The one line about a key that does not exist."""
    close = difflib.get_close_matches(key, legal, 1)
    where = f"{group}.{key}" if group else key
    hint = f", did you mean {close[0]}?" if close else ""
    return f"{where}: no such key{hint}" + (f"; legal here: {', '.join(legal)}" if legal else "")


def masked(text: str) -> str:
    """Without the passwords of addresses: from the user's colon to the last @ that can end them, and in queries."""
    text = re.sub(r"(://[^:/\s]*:)\S*@", rf"\1{HIDDEN}@", text)
    # Passwords may hold blanks too; a port may not.
    text = re.sub(rf"(://[^:/\s]*:)(?!{re.escape(HIDDEN)}@)(?!\d+(?:[/\s?#'\"]|$)).*@", rf"\1{HIDDEN}@", text)
    return re.sub(r"(?i)([?&][\w.-]*(?:password|passwd|pwd|secret|token)=)[^&\s'\"]+", rf"\1{HIDDEN}", text)


@cache
def mask_logs() -> None:
    """From now on no line that this process logs has the password of an address, whoever logs it: Hydra says each
    job's overrides."""
    own = logging.getLogRecordFactory()

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = own(*args, **kwargs)
        with suppress(Exception):  # a line that cannot be formatted is logging's to report
            said = made.getMessage()
            if said != (kept := masked(said)):
                made.msg, made.args = kept, ()
        return made

    logging.setLogRecordFactory(record)
