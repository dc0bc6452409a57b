"""``run=true``: plan, register, tune each model alike, confirm on fresh seeds, and say what came of it.

The same command goes on where it was interrupted, and makes no run twice.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import Any

from joblib import effective_n_jobs

from seqexp import config
from seqexp.comparison import registration
from seqexp.comparison.arguments import Arguments
from seqexp.comparison.paired_runs import PairedRuns
from seqexp.comparison.plan import Condition, Plan, planned, timed
from seqexp.comparison.planned_lines import estimate, lines
from seqexp.comparison.registration import BLOCK, Registration
from seqexp.config.build import Settings
from seqexp.runs.location import Location
from seqexp.runs.progress import configure_logging
from seqexp.statistics.sequential import Sequential
from seqexp.sweeps import search, warm_workers
from seqexp.sweeps.launch import Launch, composed, launching
from seqexp.sweeps.parent_run import comparison, mark_all_killed
from seqexp.sweeps.search import Search, typed
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError
from seqexp.system.paths import OUTCOME
from seqexp.tracking.mlflow_store import TrackingSettings
from seqexp.tracking.parents import finish_parent, open_parent


@dataclass
class Made:
    """What was made for a comparison.

    confirmed: condition -> its runs on fresh seeds. searches: condition -> model -> the search.
    margin:    what the tests counted as equivalent. seconds: that the command took; estimated: as the plan had it.
    parent:    the run in MLflow that holds all of them.
    """

    plan: Plan
    registration: Registration
    estimated: tuple[float, float]
    confirmed: dict[str, PairedRuns] = field(default_factory=dict)
    searches: dict[str, dict[str, Search]] = field(default_factory=dict)
    seconds: float = 0.0
    failed: bool = False
    parent: str | None = None
    tracking: TrackingSettings | None = None

    @property
    def margin(self) -> float:
        return self.plan.margin

    @property
    def signatures(self) -> frozenset[str]:
        """Of the claim's own runs."""
        return frozenset(self.confirmed[""].signatures) if "" in self.confirmed else frozenset()


def plan_lines(words: Arguments) -> list[str]:
    """The plan alone. UserError where it cannot be."""
    return lines(timed(planned(words)), _cores(words))


def run(words: Arguments, command: str, meanwhile: Callable[[], None] = lambda: None) -> Made:
    """Do what the plan says, which is printed first. UserError where a run is refused.

    meanwhile: what this process can do, in another thread, while others make the runs.
    """
    begun = perf_counter()
    configure_logging(level=logging.WARNING)  # a line a pair is enough; run.log has the rest
    plan, cores = planned(words), _cores(words)
    _warm(words, plan)
    plan = timed(plan)
    print("\n".join(lines(plan, cores)), flush=True)
    registered = registration.register(plan, words.asked.first_seed, Location.root)
    when = "registered" if registered.is_new else f"registered before, {registered.content['registered']}"
    print(f"{when}: {registered.folder}/claim.json, seeds from {registered.first_seed} on", flush=True)
    first: Settings = plan.configs[plan.models[0]].settings
    made = Made(plan, registered, estimate(plan, cores), tracking=TrackingSettings(**first["tracking"]))
    assert made.tracking is not None
    mark_all_killed(made.tracking)
    with _parent(made, command) as folder:
        try:
            launch = launching(words.launching, folder)
            Thread(target=meanwhile, daemon=True).start()
            for place, condition in enumerate(plan.conditions):
                _ask(made, condition, registered.first_seed + BLOCK * place, launch)
        except Exception as error:
            if isinstance(error, UserError) or os.environ.get("SEQEXP_TRACEBACK"):
                raise
            made.failed = True
            print(f"failed: {config.one_line(error)}; the same command goes on where it ended", file=sys.stderr)
    made.seconds = perf_counter() - begun
    return made


def _ask(made: Made, condition: Condition, first_seed: int, launch: Launch) -> None:
    """Tune where the condition has its own search, then confirm."""
    plan = made.plan
    if condition.name:
        print(f"{condition.name}:", flush=True)
    if plan.rungs and condition.values == "own":
        made.searches[condition.name] = _tune(plan, condition, launch)
    values = {model: _values(made, condition, model) for model in plan.models}
    claims = plan.claims if condition.claims else len(plan.pairs)
    test = partial(Sequential, plan.level, plan.margin, plan.max_seeds, plan.direction, claims)
    if not test().reachable:
        print(f"warning: {plan.max_seeds} pairs can never reach level {plan.level}; raise max_seeds")
    runs = PairedRuns(plan.models, plan.pairs, plan.metric, first_seed, test)
    made.confirmed[condition.name] = runs
    jobs = [
        [*plan.words[model], *condition.words, *typed(values[model]), *_split(plan, condition, seed), f"seed={seed}"]
        for seed in range(first_seed, first_seed + plan.max_seeds)
        for model in plan.models
    ]
    launch.run(jobs, runs.take)
    made.failed |= runs.failed
    for one in made.searches.get(condition.name, {}).values():
        one.signatures = sorted(runs.signatures)
        one.save(Location.root)


def _tune(plan: Plan, condition: Condition, launch: Launch) -> dict[str, Search]:
    """Each model's search, all alike. UserError where one finds nothing."""
    searches = {}
    for model in plan.models:
        about = {"task": plan.task, "model": model, "settings": _named(plan, model), "words": list(condition.words)}
        words = [*plan.words[model], *condition.words]
        searches[model] = Search(about, words, plan.spaces[model], plan.first[model], plan.rungs)
    search.run([*searches.values()], launch)
    for model, one in searches.items():
        if one.best is None:
            raise UserError(f"{model}: expected a trial with a score; all diverged or failed; try another space")
        values = ", ".join(f"{key}={word}" for key, word in one.best.items())
        print(
            f"tuned {model}: {values}, {one.about['metric']} {one.score:.4g} "
            f"({one.about['trials']} trials, {one.runs} runs, {one.seconds:.0f} s of training)",
            flush=True,
        )
    return searches


def _named(plan: Plan, model: str) -> dict[str, Any]:
    return {key: value for key, value in plan.configs[model].deciding().items() if key not in plan.spaces[model]}


def _values(made: Made, condition: Condition, model: str) -> dict[str, str]:
    """What was searched, as it is confirmed with."""
    plan = made.plan
    if plan.studies:
        return {} if condition.values == "none" else plan.studies[model].words
    if not plan.rungs:
        return {}
    if condition.values == "none":
        return plan.first[model]
    found = made.searches[condition.name if condition.values == "own" else ""][model].best
    assert found is not None
    return found


def _split(plan: Plan, condition: Condition, seed: int) -> list[str]:
    return [f"task.split_seed={seed}"] if plan.splits else []


def finish(made: Made, verdicts: Mapping[str, Any]) -> None:
    """Write outcome.json beside the claim: what was found, and what it took."""
    content = {
        "claim": made.registration.name,
        "verdicts": dict(verdicts),
        "seeds": {name: runs.runs // max(len(runs.models), 1) for name, runs in made.confirmed.items()},
        "tuned": {
            name: {
                model: {"best": one.best, "score": one.score, "trials": one.about["trials"], "seconds": one.seconds}
                for model, one in searches.items()
            }
            for name, searches in made.searches.items()
        },
        "seconds": round(made.seconds, 1),
        "estimated": [round(seconds, 1) for seconds in made.estimated],
    }
    write_text(made.registration.folder / OUTCOME, json.dumps(content, indent=2) + "\n")


def _cores(words: Arguments) -> int:
    """How many runs go on at once."""
    _, cfg = composed(words.launching)
    return int(effective_n_jobs(cfg.hydra.launcher.get("n_jobs") or 1))


def _warm(words: Arguments, plan: Plan) -> None:
    """Have joblib's processes import what they need while this one times the models."""
    _, cfg = composed(words.launching)
    if cfg.hydra.runtime.choices["hydra/launcher"] == "joblib":
        like = plan.configs[plan.models[0]]
        warm_workers.prepare(cfg.hydra.launcher.n_jobs, like.settings["tracking"]["name"] != "off", like)


@contextmanager
def _parent(made: Made, command: str) -> Iterator[Path]:
    """A run in MLflow that holds those made inside the block, and the folder of their jobs."""
    assert made.tracking is not None
    note = f"```sh\n{command}\n```\n"
    made.parent = open_parent(made.tracking, name="comparison", tags={"kind": "comparison"}, note=note)
    status: Any = "KILLED"
    with comparison(made.parent, made.tracking) as folder:
        try:
            yield folder
            status = "FAILED" if made.failed else "FINISHED"
        except UserError:
            status = "FAILED"
            raise
        finally:
            if status == "KILLED":
                print("stopped; the same command goes on where this one ended", file=sys.stderr)
            finish_parent(made.tracking, made.parent, status, {}, {}, note)
