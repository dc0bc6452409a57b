"""One side in a process of its own: prepares cases and runs steps as it is told, a JSON line a request on stdin.

python -m scripts.benchmark.server seqexp|compiled|torch|jax THREADS
"""

import gc
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

SIDES = {  # side -> where its class is
    "seqexp": ("ours", "Side"),
    "compiled": ("ours", "CompiledSide"),
    "torch": ("torch_peer", "Side"),
    "jax": ("jax_peer", "Side"),
}
LOSSES = 3  # of a fresh start, told for the comparison
TRIAL_SECONDS = 0.3  # for each variant


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    pin(threads)
    module, cls = SIDES[name]
    side = getattr(importlib.import_module(f"scripts.benchmark.{module}"), cls)(threads)

    def answer(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    answer(version=side.version())
    step: Callable[[], Any] | None = None
    wait = True
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "case" in request:
                wait = request["wait"]
                step, variant, losses = prepare(side, request["case"], wait)
                answer(variant=variant, losses=losses)
            else:
                assert step is not None
                answer(seconds=run(side, step, request["steps"], wait, request["clock"]))
        except Exception:
            answer(error=traceback.format_exc().strip())


def pin(threads: int) -> None:
    """Keep the process to its last ``threads`` CPUs: for one thread all sides share a core, and XLA counts CPUs."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def prepare(side: Any, fields: dict[str, Any], wait: bool) -> tuple[Callable[[], Any], str, list[float]]:
    """The fastest variant's step, made afresh, and the losses of its first steps."""
    from scripts.benchmark.cases import Case

    case = Case(**fields)
    variants = side.variants(case)
    if len(variants) > 1:
        variants.sort(key=lambda variant: trial(side, side.prepare(case, variant), wait))
    step = side.prepare(case, variants[0])
    losses = [side.loss(step()) for _ in range(LOSSES)]
    return step, variants[0], losses


def trial(side: Any, step: Callable[[], Any], wait: bool) -> float:
    """Seconds a step, the best of a few runs, after warming up."""
    seconds = run(side, step, 1, wait)
    steps = max(1, int(TRIAL_SECONDS / 3 / max(seconds, 1e-6)))
    return min(run(side, step, steps, wait) for _ in range(3)) / steps


def run(side: Any, step: Callable[[], Any], steps: int, wait: bool, clock: str = "wall") -> float:
    """Seconds that ``steps`` steps take, after one that is not counted.

    A step ends with its loss as a number, as in a loop that logs it or stops at nan; without ``wait`` only the last
    does, which lets JAX start a step before the one before has ended. ``clock``: wall, or cpu, the process's own time.
    """
    now = time.process_time if clock == "cpu" else time.perf_counter
    gc.collect()
    side.loss(step())
    gc.disable()
    start = now()
    for _ in range(steps):
        result = step()
        if wait:
            side.loss(result)
    side.loss(result)
    seconds = now() - start
    gc.enable()
    return seconds


if __name__ == "__main__":
    main()
