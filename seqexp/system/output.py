"""What a program says when nobody listens: a closed pipe or a full disk behind its output is no failure of its work."""

import os
import sys
from typing import Any, TextIO


class _Forgiving:
    """A text stream that falls silent where its file takes no more, as after ``| head -1``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._fall_silent()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._fall_silent()

    def _fall_silent(self) -> None:
        """From now on the text goes nowhere, and so does what is buffered, which Python writes as it ends."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            self._stream = open(os.devnull, "w")  # noqa: SIM115 - the process's to close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def forgive_output() -> None:
    """From now on stdout and stderr never raise. Where they were closed from the start, what is said goes nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, _Forgiving):
            setattr(sys, name, _Forgiving(stream or open(os.devnull, "w")))  # noqa: SIM115
