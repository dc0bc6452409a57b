"""Runs whose process was killed: found, marked, and sent to MLflow as far as they came.

Each line of metrics.jsonl is sent with its stored time, so sending it again changes nothing. A password that
``tracking.uri`` had is stored nowhere: MLFLOW_TRACKING_URI gives it, or the uri of the run that is being started.
"""

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from seqexp import config
from seqexp.runs.directory import history, numbers
from seqexp.runs.lock import locked
from seqexp.runs.result import kind, params, run_name
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError
from seqexp.system.json_files import stored_result
from seqexp.system.paths import LOCK, RESULT, STARTED, TRIALS
from seqexp.tracking.mlflow_store import TrackingSettings, run_with_tag, unmasked
from seqexp.tracking.tracker import Status, open_tracker

logger = logging.getLogger("seqexp")


def wrap_up(path: Path, *, keep: bool = False, uri: str | None = None) -> bool:
    """Bring a run that no process works on to its end: it is marked KILLED if it has no result, here and in MLflow,
    which gets what it is missing. False where MLflow could not take it all.

    ``keep``: a run that could not be sent can be found again by ``mark_killed``. ``uri``: an address whose password may
    be the stored one's.
    """
    result = _result(path)
    complete = _send(path, result, uri)
    if complete or not keep:
        (path / STARTED).unlink(missing_ok=True)
    return complete


def mark_killed(root: Path, uri: str | None = None) -> None:
    """Find the runs below ``root`` whose process was killed, and wrap them up. Trouble with one is a warning.

    ``uri``: as in ``wrap_up``.
    """
    started = [file for folder in (root, root / TRIALS) for file in sorted(folder.glob(f"*/*/*/{STARTED}"))]
    for file in started:
        path = file.parent
        if not (path / LOCK).exists():  # no run's directory, such as MLflow's copy of one
            continue
        try:
            with locked(path, wait=False) as held:
                if held and file.exists():
                    wrap_up(path, uri=uri)
                    logger.info("found a run whose process was killed: %s", path)
        except UserError as error:
            logger.warning("a run whose process was killed could not be wrapped up: %s", error)


def _result(path: Path) -> dict[str, Any]:
    """The run's result.json, made from run.json where the process had no time to. UserError where neither is one."""
    result = stored_result(path)
    if result is None:
        result = stored_result(path, STARTED)
        if result is None:
            raise UserError(f"{path}: expected the directory of a run, with its {RESULT}")
        lines = history(path)
        for key in ("about", "token"):
            result.pop(key, None)
        result |= {"status": "KILLED", "error": "its process was killed"}
        result["seconds"] = round(sum(numbers(line).get("time/epoch_seconds") or 0.0 for line in lines), 3)
        result["ended"] = lines[-1]["time"] if lines else result.get("started")
        _check(path, result)
        write_text(path / RESULT, json.dumps(result, indent=2) + "\n")
    _check(path, result)
    return result


def _check(path: Path, result: Mapping[str, Any]) -> None:
    """UserError where a stored result has not what is needed of it."""
    run_id = result.get("mlflow_run_id")
    texts = ("model", "task", "signature", "primary_metric")
    right = (
        result.get("status") in get_args(Status)
        and (run_id is None or (isinstance(run_id, str) and re.fullmatch(r"[0-9a-f]{32}", run_id)))
        and all(isinstance(result.get(key), str) for key in texts)
        and all(result.get(key) is None or _is_time(result[key]) for key in ("started", "ended"))
    )
    if not right:
        raise UserError(f"{path / RESULT}: expected a run's result; it lacks some of it, or was damaged")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < 1e11


def _send(path: Path, result: dict[str, Any], uri: str | None) -> bool:
    run_config = config.stored(path / "config.yaml")
    settings = unmasked(TrackingSettings(**run_config.settings["tracking"]), uri)
    if settings.name == "off":
        return True
    token = (stored_result(path, STARTED) or {}).get("token")
    if result.get("mlflow_run_id") is None and isinstance(token, str):
        result["mlflow_run_id"] = run_with_tag(settings, "token", token)
    tracker = open_tracker(
        settings,
        name=run_name(result),
        params=params(run_config, result),
        tags={key: result[key] for key in ("model", "task", "signature", "primary_metric")} | kind(result),
        run_id=result.get("mlflow_run_id"),
        started=result.get("started"),
    )
    for line in history(path):
        tracker.log(line["step"], numbers(line), line["time"])
    if tracker.run_id != (stored_result(path) or {}).get("mlflow_run_id"):  # MLflow never had it, or has lost it
        result["mlflow_run_id"] = tracker.run_id
        write_text(path / RESULT, json.dumps(result, indent=2) + "\n")
    tracker.finish(result["status"], {}, path, ended=result.get("ended"))
    return not tracker.troubled
