"""Which process is meant: an id alone may have become a stranger's process, and means nothing on another host."""

import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

CLOCK = 2.0  # seconds by which two readings of a process's start may differ, as the system's clock is set


@dataclass(frozen=True)
class Process:
    """A process of some host. started: seconds since the epoch."""

    host: str
    pid: int
    started: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> "Process | None":
        """What ``as_json`` gave; None where it is something else."""
        host, pid, started = (content.get(key) for key in ("host", "pid", "started"))
        if not (isinstance(host, str) and type(pid) is int and pid > 0 and isinstance(started, int | float)):
            return None
        return cls(host, pid, float(started))

    @property
    def lives(self) -> bool:
        """Whether it is a process of this host that still runs."""
        import psutil

        if self.host != socket.gethostname():
            return False
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) <= CLOCK
        except psutil.Error:
            return False

    def terminate(self) -> bool:
        """Send it SIGTERM; False where it is not there, or another host's."""
        if not self.lives:
            return False
        try:
            os.kill(self.pid, signal.SIGTERM)
        except (ProcessLookupError, PermissionError):
            return False
        return True


@cache
def _started(pid: int) -> float:
    import psutil

    return float(psutil.Process(pid).create_time())


def this_process() -> Process:
    return Process(socket.gethostname(), os.getpid(), _started(os.getpid()))
