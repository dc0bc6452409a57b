"""The section on how a comparison with run=true was done: the searches, the same question elsewhere, the time."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqexp.comparison import duration
from seqexp.comparison.contest import Claim, Contest
from seqexp.comparison.plan import Condition
from seqexp.comparison.protocol import Made
from seqexp.comparison.query import Answer
from seqexp.comparison.wording import headline, percent
from seqexp.plots.axes import log_if_wide
from seqexp.plots.figure import frame
from seqexp.report import figures
from seqexp.report.render import Figure, Section
from seqexp.report.tables import frame_of
from seqexp.system.paths import CLAIM
from seqexp.tasks.metrics import label


def section(answer: Answer, folder: Path) -> Section:
    """Empty where the runs were not made for this comparison."""
    made, found = answer.made, Section("How it was done")
    if made is None:
        return found
    main = answer.contests[0]
    found.paragraphs = [*_registered(made), *_holds(main, answer.conditions)]
    tables = [("Tuning", _searches(made)), ("The same question at other settings", _elsewhere(main, answer))]
    found.tables = [(name, table) for name, table in tables if not table.empty]
    sizes = [(condition, contest) for condition, contest in answer.conditions if condition.claims]
    if sizes:
        path = folder / f"{main.task}_budgets.svg"
        _draw([main, *(contest for _, contest in sizes)], path)
        told = "Score against parameters, each size tuned by itself; bars are intervals of the means."
        found.figures.append(Figure(told, path))
    return found


def _registered(made: Made) -> list[str]:
    registered, low_high = made.registration, duration.told(*made.estimated)
    first = registered.first_seed
    seeds = made.confirmed[""].runs // max(len(made.plan.models), 1)
    splits = ", each with its own division of the data" if made.plan.splits else ""
    lines = [
        f"Registered before the first run, {registered.content['registered']}, as claim {registered.name} ({CLAIM}); "
        f"confirmed on seeds {first} to {first + seeds - 1}{splits}. It took {made.seconds:.0f} s; the plan had "
        f"estimated {low_high}."
    ]
    if made.plan.claims > 1:
        each = percent(round(1 - (1 - made.plan.level) / made.plan.claims, 4))
        lines.append(f"{made.plan.claims} claims were made together, so each was tested at {each}.")
    return lines


def _holds(main: Contest, conditions: Sequence[tuple[Condition, Contest]]) -> list[str]:
    """In how many of the settings each claim's verdict is the same."""
    checks = [contest for condition, contest in conditions if not condition.claims]
    lines = []
    for place, claim in enumerate(main.claims if checks else ()):
        same = 1 + sum(contest.claims[place].verdict == claim.verdict for contest in checks)
        lines.append(
            f"{claim.a} against {claim.b}: the verdict ({_plain(claim)}) holds in {same} of {1 + len(checks)} "
            "settings. The checks are tested at the claim's own level, and are no claims of their own."
        )
    return lines


def _plain(claim: Claim) -> str:
    """The verdict without what limits it, which the headline has."""
    return headline(replace(claim, terms=replace(claim.terms, marks=())))


def _searches(made: Made) -> Any:
    rows = [
        {
            "at": name or "the claim",
            "model": model,
            **{key: _typed(word) for key, word in (one.best or {}).items()},
            "best validation score": one.score,
            "trials": one.about["trials"],
            "runs": one.runs,
            "seconds": one.seconds,
        }
        for name, searches in made.searches.items()
        for model, one in searches.items()
    ]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return frame_of(rows, [key for key in keys if key != "at" or len(made.searches) > 1])


def _elsewhere(main: Contest, answer: Answer) -> Any:
    rows = []
    named = [("the claim", main), *((condition.name, contest) for condition, contest in answer.conditions)]
    for name, contest in named if answer.conditions else ():
        for claim, own in zip(contest.claims, main.claims, strict=True):
            rows.append(
                {
                    "at": name,
                    "a": claim.a,
                    "b": claim.b,
                    "verdict": headline(claim),
                    "holds": claim.verdict == own.verdict,
                    f"mean of {claim.a}": contest.entry(claim.a).mean,
                    f"mean of {claim.b}": contest.entry(claim.b).mean,
                    "P(a wins)": claim.typical.probability if claim.typical else None,
                    "p": _p(claim),
                    "pairs": len(claim.seeds),
                }
            )
    return frame_of(rows, list(dict.fromkeys(key for row in rows for key in row)))


def _p(claim: Claim) -> float | None:
    return claim.typical.p if claim.typical else None


def _typed(word: str) -> Any:
    try:
        return float(word)
    except ValueError:
        return word


def _draw(contests: Sequence[Contest], path: Path) -> None:
    """Each model's mean and its interval against its parameters."""
    import numpy as np

    look = figures.styles(contests[0])
    with frame(path, height=4.2) as (axes,):
        seen = []
        for name, (colour, marker) in look.items():
            entries = sorted((contest.entry(name) for contest in contests), key=lambda entry: entry.counted or 0)
            x, y = [entry.counted or 0 for entry in entries], [entry.mean for entry in entries]
            half = [high - mean if math.isfinite(high) else 0.0 for mean, (_, high) in _ends(entries)]
            axes.errorbar(x, y, yerr=half, color=colour, marker=marker, capsize=3, label=name)
            seen += y
        axes.set_xscale("log")
        axes.minorticks_off()
        sizes = sorted(max(entry.counted or 0 for entry in contest.entries) for contest in contests)
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        log_if_wide(axes, np.array(seen))
        terms = contests[0].terms
        axes.set_xlabel("parameters, the embedding not counted")
        axes.set_ylabel(f"{label(terms.metric)}, {terms.orientation}")
        axes.figure.legend(loc="outside upper right", ncols=3, frameon=False)  # outside: it hides no mark


def _ends(entries: Sequence[Any]) -> list[tuple[float, tuple[float, float]]]:
    return [(entry.mean, entry.interval) for entry in entries]
