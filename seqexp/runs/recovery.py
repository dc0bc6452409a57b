"""Runs whose process was killed: found, marked, and sent to MLflow as far as they came.

Each line of metrics.jsonl is sent with its stored time, so sending it again changes nothing. A password that
``tracking.uri`` had is stored nowhere: MLFLOW_TRACKING_URI gives it, or the uri of the run that is being started.
"""

import logging
from pathlib import Path

from seqexp import config
from seqexp.runs.description import last_tags, params, run_name, tags
from seqexp.runs.directory import history, numbers
from seqexp.runs.lock import locked
from seqexp.runs.result import RunResult, read_result, read_started
from seqexp.system.errors import UserError
from seqexp.system.paths import CONFIG, LOCK, RESULT, STARTED, TRIALS
from seqexp.tracking.mlflow_store import TrackingSettings, run_with_tag, unmasked
from seqexp.tracking.tracker import Status, Tracker, Untracked, open_tracker

logger = logging.getLogger("seqexp")


def wrap_up(path: Path, *, keep: bool = False, uri: str | None = None) -> bool:
    """Bring a run that no process works on to its end: it is marked KILLED if it has no result, here and in MLflow,
    which gets what it is missing. False where MLflow could not take it all.

    ``keep``: it was asked for, so that it is said what was sent, and a run that could not be sent can be found again by
    ``mark_killed``. ``uri``: an address whose password may be the stored one's.
    """
    result = _result(path)
    tracker = _send(path, result, uri)
    complete = not tracker.troubled
    if complete and keep and tracker.run_id is None:
        logger.info("%s: its tracking is off, so there is nothing to send", path)
    elif complete and keep:
        logger.info(
            "%s: MLflow has it: %d points of its metrics and %d files were sent", path, tracker.points, tracker.files
        )
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


def _result(path: Path) -> RunResult:
    """The run's result.json, made from run.json where the process had no time to. UserError where neither is one."""
    result = read_result(path)
    if result is not None:
        return result
    started = read_started(path)
    if started is None:
        raise UserError(f"{path}: expected the directory of a run, with its {RESULT}")
    lines = history(path)
    result = started.result.but(
        status="KILLED",
        error="its process was killed",
        seconds=round(sum(numbers(line).get("time/epoch_seconds") or 0.0 for line in lines), 3),
        ended=lines[-1]["time"] if lines else started.result.started,
    )
    result.write(path)
    return result


def _send(path: Path, result: RunResult, uri: str | None) -> Tracker:
    run_config = config.stored(path / CONFIG)
    settings = unmasked(TrackingSettings(**run_config.settings["tracking"]), uri)
    if settings.name == "off":
        return Untracked()
    started = read_started(path)
    run_id = result.mlflow_run_id
    if run_id is None and started is not None and started.token is not None:
        run_id = run_with_tag(settings, "token", started.token)
    tracker = open_tracker(
        settings,
        name=run_name(result),
        params=params(run_config, result),
        tags=tags(result),
        run_id=run_id,
        started=result.started,
    )
    for line in history(path):
        tracker.log(line["step"], numbers(line), line["time"])
    if tracker.run_id != result.mlflow_run_id:  # MLflow never had it, or has lost it
        result = result.but(mlflow_run_id=tracker.run_id)
        result.write(path)
    status: Status = "KILLED" if result.status == "RUNNING" else result.status
    tracker.finish(status, {}, path, ended=result.ended, tags=last_tags(result))
    return tracker
