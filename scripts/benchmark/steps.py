"""Whole training steps, side against side: paired run by run, so that what the machine does else hits both."""

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.markup import escape

from scripts.benchmark.cases import MODELS, Case
from scripts.benchmark.children import Child, SideFailed
from scripts.benchmark.report import Figures, Row, console, geometric_mean, milliseconds, table

SETTLE = 0.04  # seconds before each run on several threads: the other side's idle threads spin for about 0.03
LOSS_TOLERANCE = 1e-4
OURS = {"seqexp", "compiled"}
NUMPY, COMPILED = "ratio", "compiled"  # of a row: what the ratios of each backend are called
TARGETS = {  # (backend, peer, model) -> (each ratio, geometric mean) at most, on one thread
    (NUMPY, "torch", "rnn"): (math.inf, 0.55),
    (NUMPY, "torch", "lstm"): (math.inf, 0.85),
    (COMPILED, "torch", "rnn"): (0.9, 0.50),
    (COMPILED, "torch", "stacked_rnn"): (0.9, 0.50),
    (COMPILED, "torch", "lstm"): (0.9, 0.65),
    (COMPILED, "torch", "gru"): (0.9, 0.65),
    **{(COMPILED, "jax", model): (math.inf, 0.6) for model in ("rnn", "stacked_rnn", "lstm")},
}
ON_MORE = {  # the same on several threads, where it is another
    (COMPILED, "torch", "lstm"): (1.0, 0.75),
    (COMPILED, "torch", "gru"): (1.0, 0.75),
}


@dataclass(frozen=True)
class Plan:
    """How to measure: paired runs a case, seconds a run, whether every step waits for its loss, and by which clock."""

    rounds: int
    seconds: float
    wait: bool
    clock: str = "wall"


def measure(cases: Sequence[Case], interpreters: dict[str, str], threads: int, plan: Plan, figures: Figures) -> None:
    """One row a case, printed and stored as it comes; ``interpreters``: side -> the Python that has it."""
    old = {case: figures.find(section="steps", case=case.name, threads=threads, wait=plan.wait) for case in cases}
    fresh = [case for case, row in old.items() if row is None or not interpreters.keys() <= row["seconds"].keys()]
    kept = f" ({len(cases) - len(fresh)} taken from the file)" if len(fresh) < len(cases) else ""
    console.print(f"\n[bold]whole training steps, {threads} thread{'s' * (threads > 1)}[/]{kept}")
    if not fresh:
        return
    children = {side: Child(side, python, threads, plan.clock) for side, python in interpreters.items()}
    try:
        for child in children.values():
            console.print(f"  {child.side}: {child.version}")
        for case in fresh:
            row = one_case(case, children, threads, plan)
            figures.add(row, instead_of=old[case])
            console.print("  " + describe(row))
            for side in [side for side, reason in row["failed"].items() if "ended with" in reason]:
                children[side].close()
                children[side] = Child(side, interpreters[side], threads, plan.clock)
    finally:
        for child in children.values():
            child.close()


def one_case(case: Case, children: dict[str, Child], threads: int, plan: Plan) -> Row:
    """The medians of every side, and of seqexp's time over each peer's in the same round."""
    row: Row = {"section": "steps", "case": case.name, **case.as_dict(), "threads": threads}
    row |= {"rounds": plan.rounds, "wait": plan.wait, "variant": {}, "losses": {}, "failed": {}}
    steps: dict[str, int] = {}
    for side, child in children.items():
        try:
            row["variant"][side], row["losses"][side] = child.prepare(case.as_dict(), plan.wait)
            steps[side] = max(1, round(plan.seconds / max(1e-6, min(child.seconds(1) for _ in range(2)))))
        except SideFailed as failure:
            row["failed"][side] = str(failure)
    times = paired_times({side: children[side] for side in steps}, steps, threads, plan.rounds)
    row["seconds"] = {side: statistics.median(values) for side, values in times.items()}
    row["clock"], row["ratio"], row["quartiles"], row["compiled"] = plan.clock, {}, {}, {}
    for peer in [peer for peer in times if peer not in OURS]:
        if "seqexp" in times:
            row["ratio"][peer], row["quartiles"][peer] = ratio(times["seqexp"], times[peer])
        if "compiled" in times:
            row["compiled"][peer], _ = ratio(times["compiled"], times[peer])
    if len(OURS & times.keys()) == len(OURS):
        row["compiled"]["seqexp"], _ = ratio(times["compiled"], times["seqexp"])
    return row


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, list[float]]:
    """The median and the quartiles of the ratios of neighbouring runs."""
    ratios = sorted(mine / other for mine, other in zip(ours, theirs, strict=True))
    return statistics.median(ratios), [ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]]


def paired_times(
    children: dict[str, Child], steps: dict[str, int], threads: int, rounds: int
) -> dict[str, list[float]]:
    """Seconds a step of every side, round by round; every other round in reverse order."""
    times: dict[str, list[float]] = {side: [] for side in children}
    for index in range(rounds):
        for side in list(children) if index % 2 == 0 else reversed(children):
            if threads > 1:
                time.sleep(SETTLE)
            times[side].append(children[side].seconds(steps[side]))
    return times


def describe(row: Row) -> str:
    """One row on one line."""
    text = f"{row['case']:<26}"
    for side, seconds in row["seconds"].items():
        text += f"  {side} {milliseconds(seconds):>8}"
        if side in row["ratio"]:
            text += f" [bold]{row['ratio'][side]:5.2f}[/]"
        if side in row["compiled"]:
            text += f" [bold]{row['compiled'][side]:5.2f}[/]"
    first = {side: values[0] for side, values in row["losses"].items()}
    if len(first) > 1:
        apart = max(first.values()) - min(first.values())
        agree = math.isfinite(apart) and apart <= LOSS_TOLERANCE
        text += f"  first losses {apart:.0e} apart" if agree else f"  [red]first losses differ: {first}[/]"
    text += f"  [dim]{'; '.join(row['variant'].values())}[/]"
    return text + "".join(f"  [red]{escape(reason)}[/]" for reason in row["failed"].values())


def summarise(figures: Figures, wait: bool) -> None:
    """The ratios side by side, then how the geometric means stand against the targets."""
    rows = [row for row in figures.select("steps") if row["wait"] == wait]
    threads = sorted({row["threads"] for row in rows})
    kinds = [(backend, peer, n) for peer in ("torch", "jax") for n in threads for backend in (NUMPY, COMPILED)]
    columns = [(b, peer, n) for b, peer, n in kinds if any(peer in row[b] for row in rows if row["threads"] == n)]
    if not columns:
        return
    headers = ["", *(f"{'numpy' if b == NUMPY else b} / {peer}, {n} thr." for b, peer, n in columns)]
    by_key = {(row["case"], row["threads"]): row for row in rows}
    cells = []
    for name in dict.fromkeys(row["case"] for row in rows):
        mine = [by_key.get((name, n), {}).get(b, {}).get(peer) for b, peer, n in columns]
        limits = [target(b, peer, name.split()[0], n)[0] for b, peer, n in columns]
        marked = [mark(value, limit) if value else "-" for value, limit in zip(mine, limits, strict=True)]
        cells.append([name, *marked])
    table("Ratios (medians of paired runs; below 1: seqexp is faster)", headers, cells)

    verdicts = []
    for backend, peer, n in columns:
        for model in MODELS:
            each, mean = target(backend, peer, model, n)
            mine = [row for row in rows if row["model"] == model and row["threads"] == n]
            ratios = [row[backend][peer] for row in mine if peer in row[backend]]
            if ratios:
                name = f"{model}, {'numpy' if backend == NUMPY else backend} against {peer}"
                verdicts.append([name, str(n), str(len(ratios)), *verdict(ratios, each, mean)])
    table("Against the targets", ["", "threads", "cases", "worst", "at most", "geometric mean", "at most"], verdicts)


def target(backend: str, peer: str, model: str, threads: int) -> tuple[float, float]:
    """At most: each ratio, and the geometric mean. One that nobody has aimed at is as good as any."""
    key = (backend, peer, model)
    return (ON_MORE.get(key) if threads > 1 else None) or TARGETS.get(key, (math.inf, math.inf))


def verdict(ratios: list[float], each: float, mean: float) -> list[Any]:
    worst, middle = max(ratios), geometric_mean(ratios)
    return [mark(worst, each), f"{each:.2f}", mark(middle, mean), f"{mean:.2f}"]


def mark(value: float, limit: float) -> str:
    return f"[green]{value:.2f}[/]" if value <= limit else f"[red]{value:.2f}[/]"
