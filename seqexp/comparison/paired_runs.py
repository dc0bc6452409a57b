"""Two models trained seed after seed, until the sequential test reaches a verdict."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, open_dict

from seqexp import config
from seqexp.comparison.arguments import Arguments
from seqexp.config.build import build_network, build_task, count, counted_with
from seqexp.config.run_config import RunConfig
from seqexp.runs.location import Location
from seqexp.runs.progress import configure_logging
from seqexp.runs.run import run
from seqexp.sweeps.parent_run import mark_all_killed, registered
from seqexp.system.errors import UserError
from seqexp.tracking.mlflow_store import TrackingSettings
from seqexp.tracking.parents import finish_parent, open_parent

UNLIMITED = 1_000_000  # epochs, where the clock ends the training


@dataclass
class PairedRuns:
    """The runs made, and the parent run in MLflow that holds them. ``margin``: what the test counted as equivalent."""

    signatures: set[str] = field(default_factory=set)
    margin: float | None = None
    failed: bool = False
    parent: str | None = None
    tracking: TrackingSettings | None = None


def run_pairs(words: Arguments, command: str) -> PairedRuns:
    """Run pairs of seeds 0, 1, 2, … until there is a verdict or ``max_seeds`` are spent; what has finished is not done
    again, what was cut off goes on. UserError where the first run is refused."""
    configure_logging()
    for handler in logging.getLogger("seqexp").handlers:
        handler.setLevel(logging.WARNING)  # a line a pair is enough; run.log has the rest
    configs = _matched(words, [_compose(words, model) for model in words.models])  # two, of one pair
    first = _run_config(configs[0], 0)
    mark_all_killed(TrackingSettings(**first.settings["tracking"]))
    made = PairedRuns(tracking=TrackingSettings(**first.settings["tracking"]))
    with _parent(made, command):
        _pairs(words, configs, made)
    return made


def _pairs(words: Arguments, configs: Sequence[DictConfig], made: PairedRuns) -> None:
    from seqexp.comparison.contest import direction_of
    from seqexp.comparison.wording import number
    from seqexp.runs.reader import Run
    from seqexp.statistics.sequential import Sequential

    test: Sequential | None = None
    location = Location(in_sweep=True, parent_run_id=made.parent)
    for seed in range(words.max_seeds):
        done = [run(_run_config(each, seed), location) for each in configs]
        runs = [Run(each.result, each.directory) for each in done]
        made.signatures |= {each.result.signature for each in runs}
        made.failed |= any(each.result.status != "FINISHED" for each in runs)
        metric = words.metric or runs[0].result.primary_metric
        metric = metric if "/" in metric else f"test/{metric}"
        scores = [each.result.score(metric) for each in runs]
        told = [
            f"{each.result.model} {each.result.status.lower() if score is None else number(score)}"
            for each, score in zip(runs, scores, strict=True)
        ]
        if test is None:
            margin = words.margin
            if margin is None:
                margin = configs[0].task.get("margin", {}).get(metric.rpartition("/")[2], 0.0)
            made.margin = float(margin)  # a run made before may have been stored with another one
            test = Sequential(words.level, made.margin, words.max_seeds, direction_of(metric, runs))
            if not test.reachable:
                print(f"warning: {words.max_seeds} pairs can never reach level {words.level}; raise max_seeds")
        if scores[0] is not None and scores[1] is not None:
            test.update(scores[0], scores[1])
        else:
            told.append("not a pair")
        said = {"better": f"{words.models[0]} is better", "worse": f"{words.models[1]} is better"}
        print(
            f"seed {seed}: {', '.join(told)}; {said.get(test.verdict, test.verdict)} after {test.n} pairs", flush=True
        )
        if test.verdict != "not resolved":
            return


def _compose(words: Arguments, model: str) -> DictConfig:
    """The config of a model, with seed 0."""
    from seqexp.config import schema

    legal = schema.group_fields("model", {"name": model})
    own = [word for word in words.passed if not word.startswith("model.") or word[6:].partition("=")[0] in legal]
    experiment = [f"experiment={words.experiment}"] if words.experiment else []
    task = [] if experiment else [f"task={words.tasks[0]}"]
    return config.composed([*experiment, f"model={model}", *task, *own])


def _matched(words: Arguments, configs: list[DictConfig]) -> list[DictConfig]:
    """The configs with what ``match`` holds equal, which is told. UserError where it cannot be."""
    given = {"model.hidden_size", "model.param_budget"} & words.filters.keys()
    match = words.match or ("params" if not given else None)
    if match == "params" and "model.param_budget" not in given:
        return _equal_budgets(configs)
    if match == "hidden":
        sizes = [each.model.hidden_size for each in configs]
        if sizes[0] is None or sizes[0] != sizes[1]:
            raise UserError(f"match=hidden: expected equal hidden sizes; got {sizes}; add model.hidden_size=<units>")
        print(f"match=hidden: both models have {sizes[0]} hidden units")
    if match == "seconds":
        for each in configs:
            each.training.epochs = UNLIMITED
        print(f"match=seconds: both models train for {configs[0].training.max_seconds:g} s, in any number of epochs")
    return configs


def _equal_budgets(configs: list[DictConfig]) -> list[DictConfig]:
    """Both models with the parameters that the first has at its size."""
    run_configs = [_run_config(each, 0) for each in configs]
    settings = run_configs[0].settings
    task = build_task(settings["task"], settings["data_dir"])
    budget = count(build_network(settings["model"], task.shape))["counted"]
    sizes = []
    for each in configs:
        with open_dict(each):
            each.model.hidden_size, each.model.param_budget = None, budget
        model = _run_config(each, 0).settings["model"]
        units = build_network(model, task.shape).core.hidden_size
        counted, more = (counted_with(model, task.shape, hidden) for hidden in (units, units + 1))
        sizes.append(f"{model['name']} gets {units} units: {counted:,} parameters (one more: {more:,})")
    size, name = settings["model"]["hidden_size"], settings["model"]["name"]
    print(f"match=params: model.param_budget={budget}, what {name} has with {size} units, the embedding not counted")
    print("\n".join(f"  {line}" for line in sizes))
    return configs


def _run_config(cfg: DictConfig, seed: int) -> RunConfig:
    cfg.seed = seed
    return config.check(cfg)


@contextmanager
def _parent(made: PairedRuns, command: str) -> Iterator[None]:
    """A run in MLflow that holds those made inside the block."""
    assert made.tracking is not None
    note = f"```sh\n{command}\n```\n"
    made.parent = open_parent(made.tracking, name="comparison", tags={"kind": "comparison"}, note=note)
    status: Any = "KILLED"
    with registered(made.parent, made.tracking):
        try:
            yield
            status = "FAILED" if made.failed else "FINISHED"
        except UserError:
            status = "FAILED"
            raise
        finally:
            if status == "KILLED":
                print("stopped; the same command goes on where this one ended", file=sys.stderr)
            finish_parent(made.tracking, made.parent, status, {}, {}, note)
