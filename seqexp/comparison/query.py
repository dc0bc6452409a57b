"""From a question to the contests that answer it: which runs count, of which tasks and models, by which metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqexp import models, tasks
from seqexp.comparison import selection, tuning_studies
from seqexp.comparison.contest import Contest, Terms, contest, direction_of
from seqexp.comparison.family import corrected
from seqexp.comparison.terms import UNTUNED
from seqexp.config.command_line import word
from seqexp.config.run_config import completed, lacking
from seqexp.runs import reader as stored
from seqexp.runs.reader import Run
from seqexp.runs.result import RunResult
from seqexp.system.errors import UserError, one_of
from seqexp.system.json_files import finite
from seqexp.system.regular_files import Unreadable
from seqexp.tasks import metrics
from seqexp.tracking import mlflow_reader
from seqexp.tracking.mlflow_store import TrackingSettings

if TYPE_CHECKING:
    from seqexp.comparison.plan import Condition
    from seqexp.comparison.protocol import Made


@dataclass(frozen=True)
class Query:
    """What is to be compared. Empty ``tasks`` or ``models``: all there are; ``margin`` None: the task's own."""

    root: Path
    tasks: Sequence[str] = ()
    models: Sequence[str] = ()
    pairs: Sequence[tuple[str, str]] | None = None
    metric: str | None = None
    match: str | None = None
    margin: float | None = None
    level: float = 0.95
    filters: Mapping[str, Any] = field(default_factory=dict)
    margins: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # by task and metric, of the yaml files
    sweep: str | None = None  # a sweep's folder in root/sweeps, whose runs alone count
    studies: Sequence[str] = ()  # tuning studies, of whose model and task the winner's runs alone count
    tracking: TrackingSettings | None = None
    only: frozenset[str] | None = None  # signatures of the runs to compare
    sequential: bool = False
    claims: int = 1  # that are made together, of which a test that looks after every pair has to know
    marks: Sequence[str] = ()  # what a headline has to say first, such as UNTUNED
    telling: Sequence[str] = ()  # keys of the task that are told beside its name, those that were typed


@dataclass(frozen=True)
class Answer:
    """The contests, and what was found on the way."""

    contests: Sequence[Contest]
    broken: Sequence[str]
    notes: Sequence[str]
    made: "Made | None" = None  # what was planned, registered, tuned and confirmed for it, with run=true
    conditions: Sequence[tuple["Condition", Contest]] = ()  # the same question at other settings


def gather(query: Query) -> Answer:
    """Read what the query needs. UserError, with what is legal, where there is nothing to compare."""
    found = stored.find(query.root)
    found.runs += _from_mlflow(query, found)
    left_out = _leave_out_unknown(found, query.tasks)
    try:
        return _answer(query, found)
    except UserError as error:
        raise UserError(f"{error}; left out: {left_out[0]}") if left_out else error from None


def _answer(query: Query, found: stored.Found) -> Answer:
    tasks = _tasks(query, found.runs)
    _refuse_models(query, found, tasks)
    tuned, notes = {}, []
    candidates = selection.Candidates(query.match)
    signatures = query.only if query.sweep is None else selection.of_sweep(query.root, query.sweep)
    for task in tasks:
        asked = [
            run
            for run in found.runs
            if run.result.task == task and run.result.model in (query.models or {run.result.model})
        ]
        if signatures is not None:
            asked = [run for run in asked if run.result.signature in signatures]
        read = stored.with_settings(asked, found.broken)
        fitting = [run for run in read if stored.matches(run, query.filters)]
        by_model = _by_model(task, fitting, query)
        tuned[task], broken = tuning_studies.find(query.root, task, list(by_model))
        found.broken += broken
        for model, runs in by_model.items():
            winners = {signature for study in tuned[task].get(model, []) for signature in study.signatures}
            candidates.add(task, model, runs, winners, as_one=query.only is not None)
    if query.only is None:
        candidates.keep(selection.of_studies(query.studies, tuned))
    contests = corrected([_contest(task, candidates, tuned[task], query) for task in tasks])
    if found.broken:
        notes.append(f"{len(found.broken)} directories or files could not be read and are left out")
    return Answer(contests, found.broken, notes)


def _from_mlflow(query: Query, found: stored.Found) -> list[Run]:
    if query.tracking is None:
        return []
    known = {known for run in found.runs for known in (run.result.mlflow_run_id, run.result.signature) if known}
    if not mlflow_reader.may_have_more(query.tracking, known):
        return []
    more = []
    for content, settings in mlflow_reader.results(query.tracking, known):
        try:
            more.append(Run(RunResult.parse(content), None, completed(settings)))
        except Unreadable as error:
            found.broken.append(f"MLflow run {content['mlflow_run_id']}: {error}")
    return more


def _leave_out_unknown(found: stored.Found, asked: Sequence[str]) -> list[str]:
    """Leave out the runs whose model or task this process lacks, those of plug-ins that nobody has named: a line for
    each, which goes to ``broken`` too. A task that is asked for by name may be an object of one's own."""
    known, left_out = [], []
    for run in found.runs:
        unknown = [] if models.is_name(run.result.model) else [run.result.model]
        unknown += {run.result.task}.difference(tasks.names())
        if not unknown:
            known.append(run)
            continue
        (read,) = stored.with_settings([run], []) or [run]
        if set(unknown) <= set(asked) and not read.settings.get("plugins"):
            known.append(run)
            continue
        left_out.append(f"{run.where}: there is no {unknown[0]} here{lacking(read.settings.get('plugins'))}")
    found.runs, found.broken = known, [*found.broken, *left_out]
    return left_out


def _tasks(query: Query, runs: Sequence[Run]) -> list[str]:
    there = sorted({run.result.task for run in runs})
    if not there:
        raise UserError(
            f"{query.root}: expected runs to compare; found none; train some with "
            "`python -m seqexp -m model=rnn,lstm task=adding seed=range(6)`, or use run=true"
        )
    if not query.tasks and len(there) > 1:
        raise UserError(f"task: expected one or more of {', '.join(there)}; got none; add task={there[0]}")
    missing = [task for task in query.tasks if task not in there]
    if missing:
        raise UserError(f"task: expected one or more of {', '.join(there)}, which have runs; got {missing[0]!r}")
    return [*query.tasks] or there


def _refuse_models(query: Query, found: stored.Found, tasks: Sequence[str]) -> None:
    for task in tasks:
        there = sorted({run.result.model for run in found.runs if run.result.task == task})
        missing = [model for model in query.models if model not in there]
        if missing:
            raise UserError(
                f"models: expected models with runs on {task}: {', '.join(there)}; got {missing[0]!r}; "
                f"train it with `python -m seqexp -m model={missing[0]} task={task} seed=range(6)`"
            )


def _by_model(task: str, runs: Sequence[Run], query: Query) -> dict[str, list[Run]]:
    """The runs of each model that is compared. UserError where one has none, or there are not two."""
    models = list(query.models) or sorted({run.result.model for run in runs})
    given = [*([f"sweep={query.sweep}"] if query.sweep else []), *starmap(word, query.filters.items())]
    if len(models) < 2:
        raise UserError(
            f"models: expected runs of at least two models on {task}; got "
            f"{', '.join(models) or 'none that match the arguments'}; train another model, or leave out an argument"
        )
    by_model = {model: [run for run in runs if run.result.model == model] for model in models}
    missing = [model for model, its in by_model.items() if not its]
    if missing:
        raise UserError(f"models: expected runs of {missing[0]} on {task} with {' '.join(given)}; there are none")
    return by_model


def _contest(
    task: str, candidates: selection.Candidates, tuned: Mapping[str, Sequence[tuning_studies.Study]], query: Query
) -> Contest:
    notes, counted = [], {}
    for model in candidates.models(task):
        chosen = candidates.chosen(task, model, query.root)
        counted[model], others = stored.newest_of_each_seed(chosen)
        if others:
            notes.append(f"{others} {model} runs repeat a seed: only the newest finished run of each seed counts")
    every = [run for of_seed in counted.values() for run in of_seed.values()]
    used = {model: _used(model_studies, counted[model], query.studies) for model, model_studies in tuned.items()}
    terms = _terms(task, every, query)
    if query.only is None and not all(_is_tuned(used.get(model), runs) for model, runs in counted.items()):
        terms = replace(terms, marks=(UNTUNED, *terms.marks))
    label = f"{task}{_telling(every[0], query.telling)}"
    return contest(label, terms, counted, query.pairs, used, notes)


def _is_tuned(study: tuning_studies.Study | None, runs: Mapping[int, Run]) -> bool:
    """Whether the runs are of the study's winner."""
    return study is not None and {str(run.result.signature) for run in runs.values()} <= study.signatures


def _used(found: Sequence[tuning_studies.Study], runs: Mapping[int, Run], named: Sequence[str]) -> tuning_studies.Study:
    """The study that tuned the runs: one that was named, else the one whose winner they are, else the newest."""
    signatures = frozenset(str(run.result.signature) for run in runs.values())
    for study in found:
        if study.path.stem in named:
            return replace(study, signatures=study.signatures | signatures)
    return tuning_studies.winner(found, signatures) or found[0]


def _terms(task: str, runs: Sequence[Run], query: Query) -> Terms:
    finished = [run for run in runs if run.result.status == "FINISHED"]
    metric = query.metric or (finished or runs)[0].result.primary_metric
    metric = metric if "/" in metric else f"test/{metric}"
    there = sorted({name for run in finished for name in run.result.metrics})
    if finished and metric not in there:
        raise UserError(one_of("metric", there, query.metric or metric))
    bare = metric.rpartition("/")[2]
    own = [run.settings.get("task.margin") for run in runs]
    margins = next((m for m in own if isinstance(m, dict)), None) or query.margins.get(task, {})
    margin = query.margin if query.margin is not None else finite(margins.get(bare))
    direction, bounds = direction_of(metric, runs), metrics.bounds(metric)
    about = (query.sequential, bounds, query.claims, tuple(query.marks))
    return Terms(metric, direction, margin or 0.0, query.level, *about)


def _telling(run: Run, typed: Sequence[str]) -> str:
    """The setting that a task's yaml begins with, such as its length, and those that were typed."""
    own = [key for key in run.settings if key.startswith("task.") and key not in ("task.name", "task.margin")][:1]
    keys = dict.fromkeys([*own, *typed])
    told = ", ".join(f"{key.removeprefix('task.').replace('_', ' ')} {run.settings.get(key)}" for key in keys)
    return f" ({told})" if told else ""
