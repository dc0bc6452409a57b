"""Two models trained seed after seed, until the sequential test reaches a verdict."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, open_dict

from seqexp import config
from seqexp.comparison.arguments import Arguments
from seqexp.comparison.contest import direction_of
from seqexp.comparison.wording import number
from seqexp.config.build import build_network, build_task, count, counted_with
from seqexp.config.run_config import RunConfig
from seqexp.runs.progress import configure_logging
from seqexp.runs.reader import Run
from seqexp.statistics.sequential import Sequential
from seqexp.sweeps.job_record import JobRecord
from seqexp.sweeps.launch import chosen, launching
from seqexp.sweeps.parent_run import comparison, mark_all_killed
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
    """Run pairs of seeds 0, 1, 2, … until there is a verdict or ``max_seeds`` are spent, as many runs at a time as the
    launcher does; what has finished is not done again, what was cut off goes on. UserError where a run is refused."""
    configure_logging(level=logging.WARNING)  # a line a pair is enough; run.log has the rest
    each = [_words(words, model) for model in words.models]  # two, of one pair
    configs = [config.composed(one) for one in each]
    first = _run_config(configs[0], 0)
    made = PairedRuns(tracking=TrackingSettings(**first.settings["tracking"]))
    assert made.tracking is not None
    more = _matched(words, configs)
    if words.launcher:
        config.for_jobs(chosen(words.launcher))  # refused before anything is begun
    mark_all_killed(made.tracking)
    margin = words.margin
    pairs = _Pairs(words, made, configs[0].task.get("margin", {}) if margin is None else margin)
    jobs = [[*one, *more, f"seed={seed}"] for seed in range(words.max_seeds) for one in each]
    with _parent(made, command) as folder:
        try:
            launching(words.launcher, folder).run(jobs, pairs.take)
        except Exception as error:
            if isinstance(error, UserError) or os.environ.get("SEQEXP_TRACEBACK"):
                raise
            made.failed = True
            print(f"failed: {config.one_line(error)}; the same command goes on where it ended", file=sys.stderr)
    return made


class _Pairs:
    """What the sequential test says of records that come in the order of their seeds, the first model's before the
    second's."""

    def __init__(self, words: Arguments, made: PairedRuns, margin: float | Mapping[str, float]) -> None:
        self._words, self._made, self._margin = words, made, margin
        self._test: Sequential | None = None
        self._first: JobRecord | None = None
        self._seed = 0

    def take(self, record: JobRecord) -> bool:
        """Whether there is a verdict. Prints a line a pair."""
        if record.status == "BAD_INPUT":
            raise UserError(record.error or "a run was refused")
        if record.result is not None:
            self._made.signatures.add(record.result.signature)
        self._made.failed |= record.status != "FINISHED"
        if self._first is None:
            self._first = record
            return False
        pair, self._first = (self._first, record), None
        said = self._judged(pair)
        print(f"seed {self._seed}: {said}", flush=True)
        self._seed += 1
        return self._test is not None and self._test.verdict != "not resolved"

    def _judged(self, pair: tuple[JobRecord, JobRecord]) -> str:
        results = [one.result for one in pair if one.result is not None]
        scores: list[float | None] = [None, None]
        if results:
            metric = self._words.metric or results[0].primary_metric
            metric = metric if "/" in metric else f"test/{metric}"
            scores = [one.result.score(metric) if one.result else None for one in pair]
            self._test = self._test or self._begun(metric, [Run(one, Path()) for one in results])
        told = [
            f"{model} {one.status.lower() if score is None else number(score)}"
            for model, one, score in zip(self._words.models, pair, scores, strict=True)
        ]
        if self._test is not None and scores[0] is not None and scores[1] is not None:
            self._test.update(scores[0], scores[1])
        else:
            told.append("not a pair")
        verdict, n = (self._test.verdict, self._test.n) if self._test else ("not resolved", 0)
        better = {"better": f"{self._words.models[0]} is better", "worse": f"{self._words.models[1]} is better"}
        return f"{', '.join(told)}; {better.get(verdict, verdict)} after {n} pairs"

    def _begun(self, metric: str, runs: Sequence[Run]) -> Sequential:
        words, margin = self._words, self._margin
        if isinstance(margin, Mapping):
            margin = margin.get(metric.rpartition("/")[2], 0.0)
        self._made.margin = float(margin)  # a run made before may have been stored with another one
        test = Sequential(words.level, self._made.margin, words.max_seeds, direction_of(metric, runs))
        if not test.reachable:
            print(f"warning: {words.max_seeds} pairs can never reach level {words.level}; raise max_seeds")
        return test


def _words(words: Arguments, model: str) -> list[str]:
    """What a model's runs are made with, but for the seed."""
    from seqexp.config import schema

    legal = schema.group_fields("model", {"name": model})
    own = [word for word in words.passed if not word.startswith("model.") or word[6:].partition("=")[0] in legal]
    experiment = [f"experiment={words.experiment}"] if words.experiment else []
    task = [] if experiment else [f"task={words.tasks[0]}"]
    return [*experiment, f"model={model}", *task, *own]


def _matched(words: Arguments, configs: list[DictConfig]) -> list[str]:
    """What ``match`` holds equal, which is told, in words that both models' runs are made with. UserError where it
    cannot be."""
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
        print(f"match=seconds: both models train for {configs[0].training.max_seconds:g} s, in any number of epochs")
        return [f"training.epochs={UNLIMITED}"]
    return []


def _equal_budgets(configs: list[DictConfig]) -> list[str]:
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
    return ["model.hidden_size=null", f"++model.param_budget={budget}"]


def _run_config(cfg: DictConfig, seed: int) -> RunConfig:
    cfg.seed = seed
    return config.check(cfg)


@contextmanager
def _parent(made: PairedRuns, command: str) -> Iterator[Path]:
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
