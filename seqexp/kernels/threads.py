"""Threads for kernels: each has columns or rows of its own, so that nothing is shared and no order can change a bit."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

from seqexp.system import blas

SPLIT_WORK = 10_000_000  # multiply-adds of a product that are worth another thread

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}  # by process, as threads do not survive a fork


def together(calls: Sequence[Callable[[], object]]) -> None:
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


def split(call: Callable[[slice], object], rows: int, worth: int, multiple: int = 1) -> None:
    """The call of all rows, or of each thread's, which begin at a multiple: as many threads as are allowed and worth
    it. What a row becomes must not depend on the others."""
    count = min(blas.dealt(), worth, -(-rows // multiple))
    if count <= 1:
        call(slice(0, rows))
        return
    edges = [-(-rows * k // count // multiple) * multiple for k in range(count)] + [rows]
    together([partial(call, slice(first, last)) for first, last in pairwise(edges)])
