"""Python's arguments as the words of a command line, and what of a command has to hold for them."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from seqexp import config
from seqexp.config.command_line import for_hydra, separated, word
from seqexp.system import signals
from seqexp.system.errors import UserError


class Stopped(KeyboardInterrupt):
    """A run or a sweep that was interrupted. What it had done is saved, and the line says how to go on."""

    def _render_traceback_(self) -> list[str]:  # IPython shows this in the traceback's place
        return [str(self)]


def as_words(words: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """The words, then the settings: ``seed=3``, and ``training={"epochs": 2}`` as ``training.epochs=2``. UserError
    where a word is none."""
    for each in words:
        if not isinstance(each, str):
            raise UserError(f"expected words such as 'model=lstm'; got {each!r:.80} of the type {type(each).__name__}")
    flags, _ = separated(words)
    if flags:
        raise UserError(f"{flags[0]}: expected words such as 'model=lstm', and no flags")
    return [*words, *_settings(settings)]


def _settings(settings: Mapping[str, Any], group: str = "") -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _settings(value, f"{group}{key}.")
        else:
            yield word(f"{group}{key}", list(value) if isinstance(value, tuple) else value)


@contextmanager
def typed(words: Sequence[str], again: str = "the same words with resume='auto' go on") -> Iterator[list[str]]:
    """Inside the block the process is what it is for a command of these words: plug-ins are loaded, and what a run says
    of its own command names them. Gives the words as Hydra takes them.

    An interruption becomes ``Stopped``, which ends with ``again``, and is forgotten: a notebook goes on.
    """
    before = sys.argv[1:]
    config.register_resolvers()
    sys.argv[1:] = words
    try:
        ready = for_hydra(words)
        config.load_plugins(ready)
        yield ready
    except (KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, Stopped):
            raise
        raise Stopped(f"interrupted; what was done is saved: {again}") from None
    finally:
        sys.argv[1:] = before
        signals.asked = None
