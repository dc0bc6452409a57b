"""Saved views of an experiment: which runs, columns, groups and charts MLflow's pages show when a link opens them.

A view is a tag of the experiment, in an internal format of MLflow 3.17's pages: JSON around zlib-compressed JSON. In a
fresh browser its link alone opens what it names: the pages' own start shows no metric and no chart that is chosen.
"""

import json
import re
import zlib
from base64 import b64encode
from typing import Any

VIEW = "leaderboard"  # of all runs
TAG = "mlflow.sharedViewState."
NOTE = "mlflow.note.content"
FLOOR = "floor/"  # before the metric of the best memoryless baseline
GROUP = "group"  # the tag that runs share which differ by their seed alone: the model, and what is not the default
INTRODUCTION = "Leaderboards, the best first, means over seeds:"


def saved_view() -> str:
    """The runs table with columns for model, task, seed, status and the final metrics of every task."""
    from seqexp.tasks import metrics  # with NumPy, for which a --help need not wait

    columns = ["tags.`model`", "tags.`task`", "params.`seed`", "tags.`status`"]
    columns += [f"metrics.`test/{metric}`" for metric in metrics.names()] + ["metrics.`val/loss`"]
    return _packed(VIEW, {"selectedColumns": columns, "columnOrder": columns, "runsHiddenMode": "FIRST_20_RUNS"})


def name_of_task(task: str, metric: str) -> str:
    """The name of a task's leaderboard by its primary metric, ``test/mse``: of letters that an address may have."""
    return re.sub(r"[^\w.-]", "_", f"{task}_{metric.partition('/')[2]}")


def view_of_task(task: str, metric: str, direction: str) -> str:
    """A task's leaderboard: runs of one model with the same settings are a row, their mean over seeds beside the best
    memoryless baseline; behind it the curves of training and validation in one chart."""
    bare = metric.partition("/")[2]
    columns = [
        *(f"metrics.`{name}`" for name in (metric, f"{FLOOR}{bare}", f"val/{bare}")),
        *("params.`seed`", "params.`params`", f"tags.`{GROUP}`", "attributes.`Models`", "attributes.`Dataset`"),
    ]
    charts, sections = _charts(metric)
    state = {
        "searchFilter": f'tags.task = "{task}" and tags.primary_metric = "{metric}"',
        "orderByKey": f"metrics.`{metric}`",
        "orderByAsc": direction == "min",
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": {f"tags.`{GROUP}`": 260, "attributes.`Dataset`": 200},
        "runsHiddenMode": "FIRST_20_RUNS",
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": GROUP}]},
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "compareRunCharts": charts,
        "compareRunSections": sections,
        "isAccordionReordered": True,
    }
    return _packed(f"{task}: {bare}", state)


def _charts(metric: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Training and validation in one chart; what has one value a run is a bar, never a dot."""
    bare = metric.partition("/")[2]
    lines = [
        ("learning", "Loss: training and validation", ["train/loss", "val/loss"]),
        ("learning", "", [f"val/{bare}"]),
        ("learning", "", ["train/grad_norm"]),
    ]
    charts: list[dict[str, Any]] = []
    for section, title, metrics in lines:
        line = {"type": "LINE", "metricKey": metrics[0], "selectedMetricKeys": metrics, "metricSectionId": section}
        charts.append(line | ({"displayName": title} if title else {}))
    charts += [{"type": "BAR", "metricKey": name, "metricSectionId": "scores"} for name in (metric, f"{FLOOR}{bare}")]
    # The pages add a chart for each metric that has none of its own.
    shown = {"type": "LINE", "metricKey": "val/loss", "metricSectionId": "learning", "deleted": True}
    charts = [
        {"uuid": f"chart{number}", "isGenerated": False, "deleted": False, "runsCountToCompare": 20} | chart
        for number, chart in enumerate([*charts, shown])
    ]
    sections = [
        {"uuid": uuid, "name": name, "display": True, "isReordered": False, "deleted": False, "isGenerated": False}
        for uuid, name in (("learning", "While learning"), ("scores", "On the test set"))
    ]
    return charts, sections


def path_of(experiment: str, view: str = VIEW) -> str:
    """Where the pages show the experiment with id ``experiment`` through a saved view; to follow an address's "/"."""
    return f"#/experiments/{experiment}/runs?viewStateShareKey={view}&workflowType=machine_learning"


def note(experiment: str, names: list[str]) -> str:
    """The experiment's description: links to the leaderboards of tasks, and to that of all."""
    links = [f"[{name}]({path_of(experiment, name)})" for name in names]
    rest = f"All runs with their metric columns: [{VIEW}]({path_of(experiment)})"
    return "\n\n".join([*([f"{INTRODUCTION} {' · '.join(links)}"] if links else []), rest])


def _packed(name: str, state: dict[str, Any]) -> str:
    packed = "deflate;" + b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return json.dumps({"name": name, "createdAt": 0, "updatedAt": 0, "state": packed})
