"""Timing in this process: several ways of one thing in turn, so that a busy moment hits all of them."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

K = TypeVar("K")
Clock = Callable[[], float]


def in_turn(
    ways: Mapping[K, Callable[[], object]], rounds: int, seconds: float, now: Clock = time.perf_counter
) -> dict[K, list[float]]:
    """Seconds a call of each way, ``rounds`` figures a way, each over about ``seconds`` of calls."""
    calls = {}
    for key, way in ways.items():
        way()  # warm up
        calls[key] = max(1, int(seconds / max(1e-7, once(way, 1, now))))
    times: dict[K, list[float]] = {key: [] for key in ways}
    for _ in range(rounds):
        for key, way in ways.items():
            times[key].append(once(way, calls[key], now))
    return times


def once(way: Callable[[], object], calls: int, now: Clock = time.perf_counter) -> float:
    start = now()
    for _ in range(calls):
        way()
    return (now() - start) / calls


def medians(times: Mapping[K, list[float]]) -> dict[K, float]:
    return {key: statistics.median(values) for key, values in times.items()}
