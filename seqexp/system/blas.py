"""BLAS threads, and which kernels the BLAS picked for this CPU."""

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

WORTH_A_THREAD = 1_500_000  # multiply-adds a step from which on a second thread was faster; see docs/performance.md
WORTH_A_KERNEL = 150_000  # the same of compiled kernels, whose threads meet once a pass


def threads_for(work: int, kernels: bool = False) -> int:
    """How many threads a step's product of so many multiply-adds is worth: one, or of large layers two."""
    return min(available(), 2) if work >= (WORTH_A_KERNEL if kernels else WORTH_A_THREAD) else 1


def available() -> int:
    """The cores this process may use."""
    # A container or taskset may allow fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_dealt = 1  # outside of ``limited``


def dealt() -> int:
    """The threads to which compiled kernels, and the products beside them, deal out their work: see ``limited``."""
    return _dealt


@contextmanager
def limited(threads: int, dealt: bool = False) -> Iterator[None]:
    """Inside the block, the BLAS runs on this many threads, whatever the process had before.

    dealt: or on one, and ``dealt`` says the number: whoever has much to do deals it out. A BLAS's own threads wait for
    their next product by spinning, on the cores that the kernels' need.
    """
    global _dealt
    import numpy  # noqa: F401 - only a loaded BLAS can be limited
    from threadpoolctl import threadpool_limits

    before, _dealt = _dealt, threads if dealt else 1
    try:
        with threadpool_limits(limits=1 if dealt else threads, user_api="blas"):
            yield
    finally:
        _dealt = before


def limited_by(settings: Mapping[str, Any]) -> AbstractContextManager[None]:
    """``limited`` as a run's settings say."""
    return limited(settings["threads"], settings.get("backend") == "compiled")


def kernels() -> str:
    """NumPy's BLAS in one line, such as "openblas 0.3.31 SkylakeX"."""
    import numpy  # noqa: F401 - as above
    from threadpoolctl import threadpool_info

    # SciPy's wheel brings a BLAS of its own, so the file's path has to tell which one is NumPy's.
    for library in threadpool_info():
        if library["user_api"] == "blas" and "numpy" in library["filepath"]:
            return " ".join(str(library.get(key) or "") for key in ("internal_api", "version", "architecture")).strip()
    return "unknown"


def cpu() -> str:
    """The processor's name."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:  # Linux only
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def held_below() -> str | None:
    """A warning if an inherited setting may slow the BLAS down, else None."""
    set_here = [name for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if os.environ.get(name)]
    if not set_here:
        return None
    settings = " ".join(f"{name}={os.environ[name]}" for name in set_here)
    return f"the environment has {settings}, which may slow OpenBLAS down here; unset it before you compare speed"
