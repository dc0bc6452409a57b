"""How to look at the runs: the command that opens the dashboard, and the page that shows runs best first."""

import shlex
from dataclasses import dataclass
from typing import Any

from seqexp.system.errors import UserError, masked
from seqexp.system.program import program
from seqexp.tracking import views
from seqexp.tracking.mlflow_store import TrackingSettings, connect, locate, usable

RECENT = 200  # runs that are looked at for their tasks
USUAL = ("runs/mlflow.db", "seqexp")  # where conf/tracking/mlflow.yaml keeps runs


@dataclass(frozen=True)
class Ranked:
    """What a task's leaderboard ranks by: ``metric`` is test/mse, ``direction`` whether larger or smaller is better."""

    task: str
    metric: str
    direction: str


def dashboard_command(settings: TrackingSettings) -> str:
    """The line that opens the dashboard; the address alone where a server shows it already; empty when off."""
    if settings.name == "off":
        return ""
    store = locate(settings)
    if store.is_server:
        return masked(store.uri)
    usual = locate(TrackingSettings(name="mlflow", uri=f"sqlite:///{USUAL[0]}", experiment_name=USUAL[1]))
    words = [] if store == usual else [f"tracking.uri={masked(settings.uri or '')}"]
    if settings.experiment_name != USUAL[1]:
        words.append(f"tracking.experiment_name={settings.experiment_name}")
    return " ".join([program("ui"), *map(shlex.quote, words)])


def leaderboard_address(settings: TrackingSettings, ranked: Ranked | None = None) -> str:
    """The page of a server's that shows a task's runs, or all of them; empty where ``dashboard_command`` opens it.

    The task's leaderboard is made if need be. Empty too where the experiment cannot be reached: this is asked when a
    run has ended, and its tracker has warned.
    """
    if settings.name == "off" or not (store := locate(settings)).is_server:
        return ""
    try:
        client, experiment = connect(settings)
        view = views.VIEW
        if ranked is not None:
            view = usable(settings, lambda: make(client, experiment, [ranked])[0])
    except UserError:
        return ""
    return f"{masked(store.uri).rstrip('/')}/{views.path_of(experiment, view)}"


def make(client: Any, experiment: str, tasks: list[Ranked]) -> list[str]:
    """The names of the tasks' leaderboards, which are made where the experiment has none; its description links them.
    Somebody's own changes to one are kept."""
    names = [views.name_of_task(one.task, one.metric) for one in tasks]
    tags = client.get_experiment(experiment).tags
    missing = [number for number, name in enumerate(names) if views.TAG + name not in tags]
    for number in missing:
        one = tasks[number]
        view = views.view_of_task(one.task, one.metric, one.direction)
        client.set_experiment_tag(experiment, views.TAG + names[number], view)
    known = {key.removeprefix(views.TAG) for key in tags if key.startswith(views.TAG)} | set(names)
    own = tags.get(views.NOTE, "")
    if missing and (not own or views.path_of(experiment) in own):  # else somebody has written another
        client.set_experiment_tag(experiment, views.NOTE, views.note(experiment, sorted(known - {views.VIEW})))
    return names


def opening(settings: TrackingSettings, task: str | None) -> str:
    """Where the dashboard opens, to follow an address's "/": the leaderboard of a task, by default that which ran last.

    UserError where no run of the task is there.
    """
    client, experiment = connect(settings)
    ranked: dict[str, Ranked] = {}
    for run in usable(settings, lambda: client.search_runs([experiment], max_results=RECENT)):  # the newest first
        name, metric = run.data.tags.get("task"), run.data.tags.get("primary_metric", "")
        if name and metric.startswith("test/") and name not in ranked and (direction := _direction(metric)):
            ranked[name] = Ranked(name, metric, direction)
    if task is not None and task not in ranked:
        there = f"expected one of {', '.join(sorted(ranked))}" if ranked else "no task has a run yet"
        raise UserError(f"task: {there}; got {task!r}")
    names = usable(settings, lambda: make(client, experiment, list(ranked.values())))
    boards = dict(zip(ranked, names, strict=True))
    return views.path_of(experiment, boards[task] if task else next(iter(names), views.VIEW))


def charts(settings: TrackingSettings, run_id: str) -> str:
    """How the page of a run draws its metrics (``views.run_page``); "" where MLflow has no such run."""
    try:
        client, _ = connect(settings)
        run = client.get_run(run_id)
        ended = run.info.status != "RUNNING"
        points = {name: len(client.get_metric_history(run_id, name)) if ended else 2 for name in run.data.metrics}
    except Exception:  # the page then draws what it draws by itself
        return ""
    return views.run_page(points, run.data.tags.get("primary_metric", ""))


def _direction(metric: str) -> str:
    """Of a metric that the table knows; empty else, as for one of a plug-in's that is not loaded."""
    from seqexp.tasks import metrics

    try:
        return metrics.lookup(metric).direction
    except UserError:
        return ""
