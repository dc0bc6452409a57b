"""Threads for kernels: each has columns of its own, so that nothing is shared and no order can change a bit."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from seqexp.system import blas

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}  # by process, as threads do not survive a fork


def allowed() -> int:
    """As many as the BLAS may use."""
    return blas.allowed()


def together(calls: Sequence[Callable[[], None]]) -> None:
    """All of them at once; the first in this thread."""
    if len(calls) == 1:
        calls[0]()
        return
    key = (os.getpid(), len(calls))
    if key not in _pools:
        _pools[key] = ThreadPoolExecutor(len(calls) - 1, "seqexp-kernels")
    others = [_pools[key].submit(call) for call in calls[1:]]
    calls[0]()
    for other in others:
        other.result()


def shared(call: Callable[..., None], parts: Sequence[Sequence[Any]], worth: int) -> None:
    """The call of each part's arguments, the parts dealt out to as many threads as are allowed and worth it."""
    count = max(1, min(allowed(), worth, len(parts)))

    def some(mine: Sequence[Sequence[Any]]) -> None:
        for arguments in mine:
            call(*arguments)

    together([partial(some, parts[len(parts) * k // count : len(parts) * (k + 1) // count]) for k in range(count)])
