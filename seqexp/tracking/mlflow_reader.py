"""What MLflow holds and no directory has, as result.json has it; and reports, sent to a sweep's run."""

import json
import logging
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seqexp.system.errors import UserError, masked
from seqexp.system.json_files import parsed, read_object
from seqexp.system.paths import RESULT
from seqexp.tracking import sqlite_file
from seqexp.tracking.mlflow_store import TrackingSettings, cause_of, connect, locate, send_file, shorten, usable
from seqexp.tracking.tracker import LONGEST_TAG

logger = logging.getLogger("seqexp")

PAGE = 1_000  # runs that are asked for at once
MARK = "\n\n<!-- the sweep's own note -->\n\n"
NOTE = "mlflow.note.content"


def may_have_more(settings: TrackingSettings, known: Collection[str]) -> bool:
    """Whether MLflow may have a run whose id is not ``known``. SQLite is asked itself: MLflow takes two seconds."""
    if settings.name == "off":
        return False
    file = locate(settings).file
    if file is None:
        return True
    if not file.exists():
        return False
    query = (  # a sweep's own run has the tag "kind"
        "select run_uuid from runs where lifecycle_stage = 'active' "
        "and run_uuid not in (select run_uuid from tags where key = 'kind')"
    )
    try:
        sqlite_file.refuse_strange(file)
        with sqlite_file.opened(file) as database:
            return any(run_id not in known for (run_id,) in database.execute(query))
    except sqlite3.Error:
        return False


def results(settings: TrackingSettings, known: Collection[str]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(result.json's content, flattened settings as text) of MLflow's runs whose id and signature are not ``known``.

    A sweep's parent is no run, and a trial has no test scores. UserError where MLflow cannot be reached.
    """
    client, experiment = connect(settings)
    found, token = [], None
    while True:
        page = usable(settings, partial(client.search_runs, [experiment], max_results=PAGE, page_token=token))
        found += [run for run in page if not {run.info.run_id, run.data.tags.get("signature")} & set(known)]
        token = page.token
        if not token:
            tags = [(run, run.data.tags) for run in found]
            pairs = [_result(run) for run, its in tags if "signature" in its and its.get("kind") != "trial"]
            _add_baselines(client, pairs)
            return pairs


def finished(settings: TrackingSettings, signature: str) -> list[dict[str, Any]]:
    """result.json's content of MLflow's finished runs of a signature. UserError where MLflow cannot be reached."""
    client, experiment = connect(settings)
    words = f"tags.signature = '{signature}' and attributes.status = 'FINISHED'"
    page = usable(settings, partial(client.search_runs, [experiment], words))
    return [_result(run)[0] for run in page if "result" in run.data.tags]


def attach(settings: TrackingSettings, run_id: str, files: Sequence[Path], note: str) -> bool:
    """Send a report to a run: ``files`` into its folder "report", ``note`` (Markdown) before the note it had.

    Trouble is one warning; False then.
    """
    try:
        client, _ = connect(settings)
        for file in files:
            usable(settings, partial(send_file, client, run_id, file, "report"))
        before = usable(settings, partial(client.get_run, run_id)).data.tags.get(NOTE, "").rpartition(MARK)[2]
        content = shorten(masked(note + MARK + before), LONGEST_TAG)
        usable(settings, partial(client.set_tag, run_id, NOTE, content))
    except UserError as error:
        logger.warning("tracking: could not send the report to the sweep's run (%s)", cause_of(error))
        return False
    return True


def _result(run: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    tags, settings = run.data.tags, {key: _value(text) for key, text in run.data.params.items()}
    counts = {name: settings.pop(name, None) for name in ("params", "params.embedding")}
    metrics = {name: value for name, value in run.data.metrics.items() if name.startswith("test/")}
    stored = _value(tags.get("result", ""))
    if isinstance(stored, dict):  # all that result.json has, but the metrics
        return stored | {"metrics": metrics, "mlflow_run_id": run.info.run_id}, settings
    result: dict[str, Any] = {  # a run of an earlier version, or one that was killed
        **{key: tags.get(key) for key in ("model", "task", "signature", "primary_metric")},
        **{key: tags.get(key, "") for key in ("git_sha", "numpy", "blas")},
        "seed": settings.get("seed"),
        "status": tags.get("status", "RUNNING" if run.info.status == "RUNNING" else "KILLED"),
        "metrics": metrics,
        "params": counts["params"],
        "embedding_params": counts["params.embedding"] or 0,
        "hidden_size": settings.get("model.hidden_size"),
        "mlflow_run_id": run.info.run_id,
        "parent_run_id": tags.get("mlflow.parentRunId"),
        "started": (run.info.start_time or 0) / 1000,
    }
    if run.info.end_time:
        result["seconds"] = (run.info.end_time - run.info.start_time) / 1000  # with start and end: its own is unknown
    return result, settings


def _add_baselines(client: Any, pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """To runs of earlier versions, whose baselines only their files have: one run of each problem has those of all."""
    problems: dict[str, list[dict[str, Any]]] = {}
    for result, settings in pairs:
        if "baseline" not in result:
            of_task = {key: value for key, value in settings.items() if key.startswith("task.")}
            problems.setdefault(json.dumps(of_task, sort_keys=True), []).append(result)
    for results in problems.values():
        finished = next((result for result in results if result["status"] == "FINISHED"), None)
        if finished is None:
            continue
        with suppress(Exception), TemporaryDirectory() as folder:  # without them it is only less to show
            client.download_artifacts(finished["mlflow_run_id"], RESULT, folder)
            baseline = read_object(Path(folder) / RESULT).get("baseline")
            for result in results if isinstance(baseline, dict) else []:
                result["baseline"] = baseline


def _value(text: str) -> Any:
    """A param as the value it was."""
    try:
        return parsed(text)
    except ValueError:
        return text
