"""Runs whose process was killed: they are found, marked, and sent to MLflow as far as they got.

A run's directory may be a stranger's, so the address that its config.yaml asks for is never obeyed by itself: a run is
sent only to where the user has this process send its own runs, or to what the user has typed. Each line of
metrics.jsonl is sent with its stored time, so sending it again changes nothing.
"""

import logging
from dataclasses import replace
from pathlib import Path

from seqexp import config
from seqexp.runs import page
from seqexp.runs.description import params, run_name, tags
from seqexp.runs.directory import history, leave_nothing, numbers
from seqexp.runs.lock import locked
from seqexp.runs.result import RunResult, read_result, read_started
from seqexp.system.errors import UserError, masked
from seqexp.system.mounts import private_locks
from seqexp.system.paths import BESIDE_TASKS, CONFIG, LOCK, RESULT, STARTED, TRIALS
from seqexp.tracking.mlflow_store import TrackingSettings, run_with_tag
from seqexp.tracking.tracker import Tracker, open_tracker

logger = logging.getLogger("seqexp")


def wrap_up(path: Path, own: TrackingSettings | None, *, keep: bool = False) -> bool:
    """Bring a run that no process works on to its end: it is marked KILLED if it has no result, and sent to MLflow if
    its own address is that of ``own``, where this process keeps its runs. False where MLflow could not take it all.

    ``keep``: a run that could not be sent can be found again by ``mark_killed``.
    """
    result = result_of(path)
    settings = None if own is None else stored_tracking(path)
    complete = True
    if settings is not None and settings.name != "off" and own is not None:
        if own.name != "off" and masked(own.uri or "") == masked(settings.uri or ""):
            complete = not send(path, result, replace(settings, uri=own.uri)).troubled
        else:
            logger.info("%s is not sent: it was kept at %s; `seqexp.sync` sends it", path, masked(settings.uri or ""))
    if complete or not keep:
        (path / STARTED).unlink(missing_ok=True)
    return complete


def mark_killed(root: Path, own: TrackingSettings | None = None) -> None:
    """Find the runs below ``root`` whose process was killed, and complete them; one that had not begun is removed. An
    error with one of them is a warning.

    ``own``: as in ``wrap_up``; None to mark them here and send nothing.

    Where another host's lock would not be seen, none is marked: its run may go on.
    """
    if private_locks(root):
        return
    for path in _not_ended(root):
        try:
            with locked(path, wait=False) as held:
                if held and (path / STARTED).exists():
                    wrap_up(path, own)
                    logger.info("found a killed run: %s", path)
                elif held and not (path / RESULT).exists():
                    leave_nothing(path, config=True)
        except (UserError, OSError) as error:
            logger.warning("a killed run could not be completed: %s", error)


def _not_ended(root: Path) -> list[Path]:
    """The directories of runs that go on, or whose process left its lock or run.json, which one that ends removes."""
    found = [
        file.parent
        for folder in (root, root / TRIALS)
        for name in (LOCK, STARTED)
        for file in folder.glob(f"*/*/*/{name}")
        if folder != root or file.parts[len(root.parts)] not in BESIDE_TASKS
    ]
    linked = {path for path in found if any(each.is_symlink() for each in (path, *path.parents[:2]))}
    return sorted(set(found) - linked)


def stored_tracking(path: Path) -> TrackingSettings:
    """Where a run's config.yaml says that it is kept. UserError where that is no run's config."""
    return TrackingSettings(**config.stored(path / CONFIG).settings["tracking"])


def result_of(path: Path) -> RunResult:
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


def send(path: Path, result: RunResult, settings: TrackingSettings) -> Tracker:
    """Send MLflow, at ``settings``, what it is missing of a run. The tracker says what was sent."""
    run_config = config.stored(path / CONFIG)
    started = read_started(path)
    run_id = result.mlflow_run_id
    if run_id is None and started is not None and started.token is not None:
        run_id = run_with_tag(settings, "token", started.token)
    tracker = open_tracker(
        settings,
        name=run_name(result),
        params=params(run_config, result),
        tags=tags(result) | page.first_tags(run_config),
        run_id=run_id,
        started=result.started,
    )
    for line in history(path):
        tracker.log(line["step"], numbers(line), line["time"])
    if tracker.run_id != result.mlflow_run_id:  # MLflow never had it, or has lost it
        result = result.but(mlflow_run_id=tracker.run_id)
        result.write(path)
    page.note_data(tracker, run_config, result)
    page.finish(tracker, run_config, result, path)
    return tracker
