"""How a command ends: what it does, or what is wrong with its words, becomes an exit code, for all in one way."""

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from seqexp.system.errors import UserError
from seqexp.system.exit_codes import BAD_INPUT, INTERRUPTED, OK
from seqexp.system.output import forgive_output

HELP = ("-h", "--help")


def leave(code: int) -> NoReturn:
    """End the process with the code. After a Ctrl-C, one more leaves out what is still to be done at exit."""
    if code == INTERRUPTED:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(code))
    gc.freeze()  # at exit the interpreter would search all of MLflow's objects for garbage: a second or two
    sys.exit(code)


def ended(
    command: Callable[[Sequence[str]], int | None], words: Sequence[str], usage: str, *, needs_words: bool = True
) -> int:
    """The exit code of a command with these words; it may give one itself, and None is OK.

    A UserError becomes its line on stderr and BAD_INPUT, Ctrl-C INTERRUPTED. ``--help`` prints the usage, as does a
    command without words where it ``needs_words``: that is BAD_INPUT.
    """
    forgive_output()
    if set(words) & set(HELP) or (needs_words and not words):
        print(usage, end="")
        return OK if words else BAD_INPUT
    try:
        return command(words) or OK
    except UserError as error:
        if os.environ.get("SEQEXP_TRACEBACK"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
