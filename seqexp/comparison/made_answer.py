"""The answer of runs that were made for it: the claim, what may limit it, and the same question at other settings."""

from collections.abc import Sequence
from dataclasses import replace

from seqexp.comparison import registration
from seqexp.comparison.contest import Contest
from seqexp.comparison.family import corrected
from seqexp.comparison.protocol import Made, finish
from seqexp.comparison.query import Answer, Query, gather
from seqexp.comparison.terms import EXPLORATORY, UNTUNED
from seqexp.comparison.wording import headline
from seqexp.runs.reader import Run
from seqexp.system.plurals import counted


def answered(query: Query, made: Made) -> Answer:
    """Read the runs of each condition, and leave outcome.json beside the claim. UserError where there are none."""
    plan = made.plan
    base = replace(query, metric=plan.metric, margin=plan.margin, filters={}, tracking=None, sequential=True)
    main = gather(replace(base, only=made.signatures, claims=plan.claims))
    runs = [run for entry in main.contests[0].entries for run in entry.runs.values()]
    notes, marks = _standing(made, runs)
    conditions = []
    for condition in plan.conditions:
        if condition.name in made.confirmed:
            its = replace(
                base,
                only=frozenset(made.confirmed[condition.name].signatures),
                claims=plan.claims if condition.claims else len(plan.pairs),
                marks=marks if condition.values != "none" else (UNTUNED, *marks),
            )
            conditions.append((condition, gather(its).contests[0]))
    family = corrected([contest for condition, contest in conditions if condition.claims])
    whole = iter(family)
    conditions = [(condition, next(whole) if condition.claims else contest) for condition, contest in conditions]
    first = replace(conditions[0][1], notes=[*conditions[0][1].notes, *notes])
    finish(made, {condition.name: _verdicts(contest) for condition, contest in conditions})
    return replace(main, contests=[first], made=made, conditions=conditions[1:])


def _standing(made: Made, runs: Sequence[Run]) -> tuple[list[str], tuple[str, ...]]:
    """What is to be told of the registration, and what the headline says first."""
    registered = made.registration
    changed = [*registered.changed, *registration.unlike_registered(registered, runs)]
    notes = [f"exploratory: {line}" for line in changed]
    if registered.earlier:
        notes.append(
            f"{counted(registered.earlier, 'other comparison')} on this task "
            f"{'was' if registered.earlier == 1 else 'were'} registered in this folder"
        )
    if registered.replicates:
        notes.append(f"a replication of claim {registered.replicates} on other seeds")
    if made.plan.max_seeds != registered.content["max_seeds"]:
        then, now = registered.content["max_seeds"], made.plan.max_seeds
        notes.append(f"max_seeds was {then} when the claim was registered and is {now}, which the test allows for")
    marks = (*(() if made.plan.tuned else (UNTUNED,)), *((EXPLORATORY,) if changed else ()))
    return notes, marks


def _verdicts(contest: Contest) -> dict[str, str]:
    return {f"{claim.a} {claim.b}": headline(claim) for claim in contest.claims}
