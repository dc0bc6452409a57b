"""The two ways a run can end badly that are nobody's bug."""

import difflib
from collections.abc import Sequence


class UserError(Exception):
    """The user's input is wrong: one line saying where, what was expected, what was given, what to try.

    The command line prints the line and exits with 2.
    """


class Diverged(Exception):
    """The loss became nan or inf; the message has the step, the gradient norm and what to try. Exit code 1."""


def unknown_key(group: str, key: str, legal: Sequence[str]) -> str:
    """The one line about a key that does not exist."""
    close = difflib.get_close_matches(key, legal, 1)
    where = f"{group}.{key}" if group else key
    hint = f", did you mean {close[0]}?" if close else ""
    return f"{where}: no such key{hint}" + (f"; legal here: {', '.join(legal)}" if legal else "")
