"""Saved views of an experiment: which runs, columns, groups and charts MLflow's pages show when a link opens them.

A view is a tag of the experiment, in an internal format of MLflow 3.17's pages: JSON around zlib-compressed JSON. In a
fresh browser its link alone opens what it names: the pages' own start shows no metric and no chart that is chosen.
"""

import json
import re
import zlib
from base64 import b64encode
from collections.abc import Mapping
from itertools import groupby
from typing import Any

VIEW = "leaderboard"  # of all runs
TAG = "mlflow.sharedViewState."
NOTE = "mlflow.note.content"
FLOOR = "floor/"  # before the metric of the best memoryless baseline
GROUP = "group"  # the tag that runs share which differ by their seed alone: the model, and what is not the default
RUN_NAME = "attributes.`Run Name`"  # the column; of a group's row it has what tells groups apart
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
        "columnOrder": [RUN_NAME, *columns],  # only what is in the order has a width
        "columnWidths": {RUN_NAME: 340, f"tags.`{GROUP}`": 260, "attributes.`Dataset`": 200},
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
    charts = [_card(metrics, section, title, "LINE") for section, title, metrics in lines]
    charts += [_card([name], "scores", "", "BAR") for name in (metric, f"{FLOOR}{bare}")]
    # The pages add a chart for each metric that has none of its own.
    charts.append(_card(["val/loss"], "learning", "", "LINE") | {"deleted": True})
    sections = [_section("learning", "While learning"), _section("scores", "On the test set")]
    return [chart | {"uuid": f"chart{number}"} for number, chart in enumerate(charts)], sections


def _card(metrics: list[str], section: str, title: str, kind: str) -> dict[str, Any]:
    """A chart of metrics in a section; without a title it is called by its metric."""
    chart: dict[str, Any] = {
        "type": kind,
        "metricKey": metrics[0],
        "selectedMetricKeys": metrics,
        "metricSectionId": section,
    }
    chart["metricSectionId"] = section
    if kind == "LINE":  # without these the pages would smooth it
        chart |= {"lineSmoothness": 0, "useGlobalLineSmoothing": True, "xAxisKey": "step", "useGlobalXaxisKey": True}
    named = {"displayName": title} if title else {}
    return chart | {"isGenerated": False, "deleted": False, "runsCountToCompare": 20} | named


def _section(uuid: str, name: str) -> dict[str, Any]:
    more = {"display": True, "isReordered": False, "deleted": False, "isGenerated": False}
    return {"uuid": uuid, "name": name} | more


def run_page(points: Mapping[str, int], primary: str) -> str:
    """What the pages keep of the charts of a run's page, from how many points each metric has: training and validation
    of a metric in one chart, the primary one's first; what has one point is a bar, beside the floor; and of a sweep's
    own run the models' means side by side. "" where there is nothing to draw so."""
    bare = primary.partition("/")[2]
    names = sorted({key.partition("/")[2] for key in points}, key=lambda name: (name != "loss", name != bare, name))
    learning = [[key for key in (f"train/{name}", f"val/{name}") if key in points] for name in names]
    learning = [keys for keys in learning if keys]
    scores = [[key, *({f"{FLOOR}{key.partition('/')[2]}"} & {*points})] for key in points if key.startswith("test/")]
    scores.sort(key=lambda keys: keys[0] != primary)
    cards = [(keys, "learning", max(points[key] for key in keys) > 1) for keys in learning]
    cards += [(keys, "scores", False) for keys in scores]
    means = [key for key in points if key.endswith(("/mean", "/std"))]  # of a sweep: task/model/test/mse/mean
    alike = {key: (key.split("/")[-1], key.partition("/")[0], key.split("/")[-2], key) for key in means}
    cards += [
        (list(of), "means", False)
        for _, of in groupby(sorted(means, key=alike.__getitem__), lambda key: alike[key][:3])
    ]
    if not cards:
        return ""
    known = {key for keys, *_ in cards for key in keys}
    cards += [([key], "more", count > 1) for key, count in sorted(points.items()) if key not in known]
    charts: list[dict[str, Any]] = []
    for keys, section, is_curve in cards:
        charts.append(_card(keys, section, "", "LINE" if is_curve else "BAR"))
        charts += [_card([key], section, "", "LINE") | {"deleted": True} for key in keys[1:]]
    titles = {"learning": "While learning", "scores": "On the test set", "means": "Over seeds", "more": "More"}
    sections = {uuid: title for uuid, title in titles.items() if any(section == uuid for _, section, _ in cards)}
    line = {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""}
    return json.dumps(
        {
            "isAccordionReordered": True,
            "autoRefreshEnabled": True,
            "globalLineChartConfig": line,
            "compareRunCharts": [chart | {"uuid": f"chart{number}"} for number, chart in enumerate(charts)],
            "compareRunSections": [_section(uuid, name) for uuid, name in sections.items()],
        }
    )


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
