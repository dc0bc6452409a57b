"""A plan as it is printed before anything is run, with an estimate of the seconds."""

import os
from collections.abc import Iterator

from seqexp.comparison import duration
from seqexp.comparison.plan import Condition, Plan
from seqexp.comparison.wording import number, percent
from seqexp.system.plurals import counted


def lines(plan: Plan, cores: int) -> list[str]:
    """What is compared, what is equal, how each model is tuned, which seeds confirm, how long it takes."""
    against = " against ".join(plan.models) if len(plan.models) == 2 else ", ".join(plan.models)
    better = "smaller" if plan.direction == "min" else "larger"
    found = [
        f"plan: {against} on {plan.task}, by {plan.metric} ({better} is better); differences within "
        f"{number(plan.margin)} count as equivalent; level {percent(plan.level)}",
        *plan.told,
        *_tuning(plan),
        *_confirming(plan),
    ]
    low, high = estimate(plan, cores)
    each = ", ".join(f"{model} {seconds:.2g} s" for model, seconds in plan.seconds.items())
    found.append(
        f"estimate: {duration.told(low, high)} on {counted(cores, 'core')} (an epoch: {each}); "
        f"runs that are there are not made again, and patience or a solved task end some early{_busy(cores)}"
    )
    return found


def _busy(cores: int) -> str:
    """What others have this machine do makes everything slower."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    times = (load + cores) / (os.cpu_count() or 1)
    return f"; this machine is busy, so it may take {times:.0f} times as long" if times >= 2 else ""


def _tuning(plan: Plan) -> Iterator[str]:
    if plan.studies:
        for model, study in plan.studies.items():
            values = ", ".join(f"{key}={value}" for key, value in study.best.items())
            yield f"tuning: {model} by study {study.path.stem}, {counted(len(study.scores), 'trial')}: {values}"
    elif not plan.rungs:
        yield "tuning: none (tuned=false), so the verdict holds at these settings alone, and its headline says UNTUNED"
    else:
        stages = ", then ".join(f"{rung.trials} with {' '.join(rung.words)}" for rung in plan.rungs)
        first, last = plan.rungs[0].seed, plan.rungs[-1].seed
        seeds = f"seeds {first} to {last}" if last > first else f"seed {first}"
        yield (
            f"tuning: {counted(plan.rungs[0].trials, 'trial')} of each model, the same for all: {stages}; "
            f"scored on validation, {seeds}"
        )
        for model in plan.models if len({str(space) for space in plan.spaces.values()}) > 1 else plan.models[:1]:
            who = f"{model}: " if len({str(space) for space in plan.spaces.values()}) > 1 else ""
            for key, space in plan.spaces[model].items():
                yield f"  {who}{key} in {space.text()}, the first trial at {plan.first[model][key]}"


def _confirming(plan: Plan) -> Iterator[str]:
    split = ", each with its own division of the data" if plan.splits else ""
    fewest = plan.fewest()
    enough = f"{fewest} at least" if fewest else f"more than {plan.max_seeds}: raise max_seeds"
    yield (
        f"confirming: up to {plan.max_seeds} fresh seeds{split}; after each a test looks, and ends at a verdict "
        f"(pairs that one takes: {enough})"
    )
    if plan.claims > 1:
        each = percent(round(1 - (1 - plan.level) / plan.claims, 4))
        yield f"  {plan.claims} claims in all, so each is tested at {each}"
    for condition in plan.conditions[1:]:
        what = "repeated" if condition.claims else "checked"
        budget = f", {condition.budget:,} parameters" if condition.budget is not None else ""
        yield f"  {what} at: {condition.name}{budget}{_values(condition, plan)}"


def _values(condition: Condition, plan: Plan) -> str:
    if not plan.tuned:
        return ""
    return {"own": ", tuned anew", "claim": ", tuned as the claim", "none": ", untuned"}[condition.values]


def estimate(plan: Plan, cores: int) -> tuple[float, float]:
    """Seconds: where every test ends as early as it can, and where all seeds are needed."""
    confirming = {model: _a_run(plan, model, 1.0) for model in plan.models}
    low = high = duration.START
    for condition in plan.conditions:
        scale = _scale(plan, condition)
        if condition.values == "own":
            for model in plan.models if plan.rungs else ():
                tuning = sum(rung.trials * _a_run(plan, model, rung.share) for rung in plan.rungs) * scale
                low, high = low + tuning / cores, high + tuning / cores
        fewest = plan.fewest(None if condition.claims else len(plan.pairs)) or plan.max_seeds
        pair = sum(confirming.values()) * scale / cores
        low, high = low + fewest * pair, high + plan.max_seeds * pair
    return low, high


def _scale(plan: Plan, condition: Condition) -> float:
    """How much longer a step takes at a condition's budget, roughly: half of it grows with the parameters."""
    base = plan.conditions[0].budget
    return 1.0 if base is None or condition.budget is None else 0.5 + 0.5 * condition.budget / base


def _a_run(plan: Plan, model: str, share: float) -> float:
    settings = plan.configs[model].settings["training"]
    if plan.match == "seconds":
        return duration.OF_A_RUN + float(settings["max_seconds"]) * share
    return duration.OF_A_RUN + max(1, round(settings["epochs"] * share)) * plan.seconds[model]
