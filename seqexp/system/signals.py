"""Signals that ask for an orderly end: Ctrl-C, SIGTERM, SIGHUP of a closed terminal, and SIGUSR1 and SIGUSR2, by which
schedulers announce a time limit. A second Ctrl-C stops at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# What Windows lacks is left out.
ANNOUNCED = tuple(signal.Signals[name] for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []), *ANNOUNCED)

asked: int | None = None  # the signal that has asked this process to end


def stop(number: int, frame: FrameType | None = None) -> None:
    """End the program as the signal asks: with KeyboardInterrupt, or with SystemExit(143), 128 + the signal's number.

    Only Ctrl-C counts a second time: senders often signal the group, and then each process of the group again.
    """
    global asked
    again, asked = asked == number, number
    if number == signal.SIGINT or not again:
        obey()


def obey() -> None:
    """Stop if a signal has asked for it. Needed where a library has swallowed the exception as a failure of its own."""
    if asked == signal.SIGINT:
        raise KeyboardInterrupt
    if asked is not None:
        raise SystemExit(128 + asked)  # as shells have it


def named(end: BaseException) -> str:
    """The signal that ended the program with this exception; another exception by its own name."""
    if isinstance(end, KeyboardInterrupt):
        return "Ctrl-C"
    if isinstance(end, SystemExit) and isinstance(end.code, int) and end.code - 128 in SIGNALS:
        return signal.Signals(end.code - 128).name
    return type(end).__name__


class Request:
    """The signal that has asked for an end, if there was one."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal, for the next good moment to stop. A Ctrl-C after it stops at once."""
        if self.signal is None:
            self.signal = number
        elif number == signal.SIGINT:
            stop(number)

    def obey(self) -> None:
        """Stop, if a signal has asked for it."""
        if self.signal is not None:
            stop(self.signal)


@contextmanager
def deferred() -> Iterator[Request]:
    """Inside the block, a signal only becomes a request. The end of the block obeys it, if nobody did before."""
    request = Request()
    if threading.current_thread() is not threading.main_thread():  # Python lets only the main thread set handlers
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
    """Whether the process listens to the signal. A signal that it was started to ignore (nohup) stays ignored."""
    return signal.getsignal(number) is not signal.SIG_IGN
