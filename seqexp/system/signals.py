"""Ctrl-C and SIGTERM: the first asks for an end in good order, a second Ctrl-C stops at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

asked: int | None = None  # the signal that has asked this process to end


def stop(number: int, frame: FrameType | None = None) -> None:
    """End what runs, as the signal means it: KeyboardInterrupt, or SystemExit(143).

    SIGTERM is heard once: whoever sends it often sends it to a group and again to each process in it.
    """
    global asked
    again, asked = asked == number, number
    if number == signal.SIGINT or not again:
        obey()


def obey() -> None:
    """Stop where a signal has asked for it, and a library has taken what was raised for its own failure."""
    if asked == signal.SIGINT:
        raise KeyboardInterrupt
    if asked is not None:
        raise SystemExit(128 + asked)


class Request:
    """The signal that has asked for the end, if one has."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        """The first signal is noted, for the next good moment; a Ctrl-C after it stops at once."""
        if self.signal is None:
            self.signal = number
        elif number == signal.SIGINT:
            stop(number)

    def obey(self) -> None:
        """Stop, if it was asked for."""
        if self.signal is not None:
            stop(self.signal)


@contextmanager
def deferred() -> Iterator[Request]:
    """Inside the block a signal only becomes a request. At its end the request is obeyed, if nobody has before."""
    request = Request()
    if threading.current_thread() is not threading.main_thread():  # which alone hears signals
        yield request
        return
    before = {number: signal.signal(number, request.note) for number in SIGNALS if heard(number)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    request.obey()  # only now, when no further signal can be noted and forgotten


def heard(number: int) -> bool:
    """Whether the process listens to the signal: one that it was started to ignore stays ignored."""
    return signal.getsignal(number) is not signal.SIG_IGN
