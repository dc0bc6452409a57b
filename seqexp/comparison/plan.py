"""What ``run=true`` is going to do, before anything is run: equal budgets, equal searches, how many seeds, how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from omegaconf import DictConfig, OmegaConf

from seqexp import config
from seqexp.comparison import budgets, duration, spaces, tuning_studies
from seqexp.comparison.arguments import Arguments
from seqexp.comparison.budgets import Matched
from seqexp.comparison.protocol_words import SEARCHED
from seqexp.config.build import build_task
from seqexp.config.run_config import RunConfig
from seqexp.runs.location import Location
from seqexp.statistics.sequential import Sequential
from seqexp.sweeps import launch
from seqexp.sweeps.search import Rung, halving
from seqexp.sweeps.search_space import Space
from seqexp.system.errors import UserError
from seqexp.tasks import Task, metrics
from seqexp.tasks.metrics import Direction

LONGEST_WAY = 1000  # pairs that are looked through for the fewest that can reach a verdict


@dataclass(frozen=True)
class Condition:
    """Something that the same question is asked at.

    name:   "" of the claim itself. words: of all its runs, beyond the models' own. budget: of parameters.
    values: where the searched values come from: a search of its own, the claim's, or none.
    claims: whether its verdict is a claim of the report, and not a check of one.
    """

    name: str
    words: tuple[str, ...]
    budget: int | None = None
    values: str = "own"
    claims: bool = True


@dataclass(frozen=True)
class Plan:
    """All that is known before the first run.

    words:   of each model's runs, but for a condition's, what is searched, and the seed.
    configs: of each model at the claim's condition, checked; its seed means nothing.
    first:   the values of each model's first trial: as they are without a search.
    """

    task: str
    models: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    metric: str
    direction: Direction
    margin: float
    level: float
    max_seeds: int
    match: str | None
    conditions: tuple[Condition, ...]
    words: Mapping[str, list[str]]
    configs: Mapping[str, RunConfig]
    spaces: Mapping[str, Space]
    first: Mapping[str, dict[str, str]]
    rungs: tuple[Rung, ...]
    studies: Mapping[str, tuning_studies.Study]
    splits: bool
    data: str
    together: int = 1  # claims, with those of other reports
    seconds: Mapping[str, float] = field(default_factory=dict)  # of an epoch
    told: tuple[str, ...] = ()  # of what is held equal

    @property
    def claims(self) -> int:
        """How many claims are made together, by this report at least: they share the chance of an error."""
        return max(self.together, len(self.pairs) * sum(condition.claims for condition in self.conditions))

    @property
    def tuned(self) -> bool:
        return bool(self.rungs or self.studies)

    def fewest(self, claims: int | None = None) -> int | None:
        """The pairs that a verdict takes at least; None where ``max_seeds`` cannot reach one."""
        claims = self.claims if claims is None else claims
        for n in range(1, min(self.max_seeds, LONGEST_WAY) + 1):
            if Sequential(self.level, self.margin, n, self.direction, claims).reachable:
                return n
        return None

    def epochs(self, model: str) -> int:
        return int(self.configs[model].settings["training"]["epochs"])


def planned(words: Arguments) -> Plan:
    """The plan that the words ask for. UserError where it cannot be."""
    launch.composed(words.launching)  # refused before anything is begun
    each = {model: budgets.words_of(words, model) for model in words.models}
    composed = {model: config.composed(one) for model, one in each.items()}
    first = _checked(composed[words.models[0]])
    task = build_task(first.settings["task"], first.settings["data_dir"])
    equal = budgets.matched(words, [*composed.values()], task)
    lines = [*equal.lines]
    if equal.lines and equal.budget is not None:
        lines += [f"  {line}" for line in budgets.sizes([*composed.values()], equal.budget, task)]
    if words.asked.splits and not spaces.splits(words.tasks[0]):
        raise UserError(f"splits: expected a task with task.split_seed; {words.tasks[0]} has official or no divisions")
    studies = _studies(words) if words.studies else {}
    space: dict[str, Space] = {}
    rungs: tuple[Rung, ...] = ()
    if words.asked.tuned and not studies:
        space = {model: spaces.of(words, model, composed[model]) for model in words.models}
        rungs = _rungs(words, composed[words.models[0]])
    searched = set().union(*space.values(), *(study.best for study in studies.values()))
    configs = {model: _final(composed[model], equal) for model in words.models}
    for model in words.models:
        spaces.check(configs[model], space.get(model, {}))
        each[model] = [word for word in each[model] if word.partition("=")[0].lstrip("+") not in searched]
    metric, direction, margin = _terms(words, task, first)
    return Plan(
        task=words.tasks[0],
        models=tuple(words.models),
        pairs=tuple(words.pairs or combinations(words.models, 2)),
        metric=metric,
        direction=direction,
        margin=margin,
        level=words.level,
        max_seeds=words.max_seeds,
        match="params" if equal.budget is not None else words.match,
        conditions=_conditions(words, equal),
        words=each,
        configs={model: _checked(cfg) for model, cfg in configs.items()},
        spaces=space,
        first={model: spaces.now(configs[model], own) for model, own in space.items()},
        rungs=rungs,
        studies=studies,
        splits=words.asked.splits,
        data=task.fingerprint(),
        together=words.asked.claims or 1,
        told=tuple(lines),
    )


def timed(plan: Plan) -> Plan:
    """The plan with what an epoch of each model takes."""
    first = plan.configs[plan.models[0]].settings
    task = build_task(first["task"], first["data_dir"])
    return replace(plan, seconds={model: duration.seconds_an_epoch(one, task) for model, one in plan.configs.items()})


def _checked(cfg: DictConfig) -> RunConfig:
    cfg = cfg.copy()
    cfg.seed = 0
    return config.check(cfg)


def _final(cfg: DictConfig, equal: Matched) -> DictConfig:
    """The config with what is held equal, as the words of its runs give it."""
    cfg = cfg.copy()
    for word in equal.words:
        key, _, value = word.lstrip("+").partition("=")
        OmegaConf.update(cfg, key, None if value == "null" else int(value), force_add=True)
    return cfg


def _terms(words: Arguments, task: Task, first: RunConfig) -> tuple[str, Direction, float]:
    """The metric, which way it is better, and what counts as equal."""
    bare = (words.metric or task.primary_metric).rpartition("/")[2]
    direction = task.direction if bare == task.primary_metric else metrics.lookup(bare).direction
    margin = words.margin
    if margin is None:
        margin = float((first.settings["task"].get("margin") or {}).get(bare, 0.0))
    metric = words.metric if words.metric and "/" in words.metric else f"test/{bare}"
    return metric, direction, margin


def _rungs(words: Arguments, cfg: DictConfig) -> tuple[Rung, ...]:
    """The search's stages, with the words for how long they train; one that trains as long as that before is none."""
    found: list[Rung] = []
    by_clock = words.match == "seconds"
    for rung in halving(words.asked.trials):
        if by_clock:
            word = f"training.max_seconds={cfg.training.max_seconds * rung.share:.6g}"
        else:
            word = f"training.epochs={max(1, round(cfg.training.epochs * rung.share))}"
        if not any(word in one.words for one in found):
            found.append(replace(rung, words=(word,)))
    return tuple(found)


def _studies(words: Arguments) -> dict[str, tuning_studies.Study]:
    """The study that tuned each model. UserError where one has none."""
    found, _ = tuning_studies.find(Location.root, words.tasks[0], words.models)
    named = {
        model: study for model in words.models for study in found.get(model, []) if study.path.stem in words.studies
    }
    for model in words.models:
        if model not in named or not named[model].best:
            there = ", ".join(study.path.stem for study in found.get(model, []))
            raise UserError(
                f"study: expected a finished study of {model} on {words.tasks[0]}; got {','.join(words.studies)}; "
                f"there are {there or 'none'}"
            )
        for key, value in named[model].best.items():  # a file may be a stranger's
            group, _, name = key.partition(".")
            if group not in SEARCHED or not name.isidentifier() or not isinstance(value, str | int | float):
                raise UserError(f"{named[model].path}: expected values of {', '.join(SEARCHED)}; got {key!r:.80}")
    return named


def _conditions(words: Arguments, equal: Matched) -> tuple[Condition, ...]:
    asked = words.asked
    base = equal.budget
    if asked.budgets:
        assert base is not None
        sizes = {name: max(1, round(base * budgets.FACTORS[name])) for name in asked.budgets}
        main = "medium" if "medium" in sizes else asked.budgets[0]
        order = [main, *(name for name in sizes if name != main)]
        found = [
            Condition("" if name == main else name, equal.with_budget(sizes[name]).words, sizes[name]) for name in order
        ]
    else:
        found = [Condition("", equal.words, base)]
    if asked.robustness:
        found += _checks(found[0], equal, asked.tuned or bool(words.studies), words)
    return tuple(found)


def _checks(main: Condition, equal: Matched, is_tuned: bool, words: Arguments) -> Sequence[Condition]:
    """What the claim is checked at: its verdict should not depend on it."""
    found = [Condition("default settings", main.words, main.budget, "none", False)] if is_tuned else []
    if main.budget is not None:
        for name, budget in (("half the budget", main.budget // 2), ("twice the budget", 2 * main.budget)):
            found.append(Condition(name, equal.with_budget(budget).words, budget, "claim", False))
    if not words.asked.splits and spaces.splits(words.tasks[0]):
        at = int(words.filters.get("task.split_seed", spaces.split_seed(words.tasks[0])))
        for split in (at + 1, at + 2):
            more = (*main.words, f"task.split_seed={split}")
            found.append(Condition(f"split {split}", more, main.budget, "claim", False))
    return found
