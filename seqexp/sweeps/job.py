"""What Hydra calls for each run, and the outcome it leaves for the command line."""

import gc
import logging
import os
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from hydra.types import RunMode
from omegaconf import DictConfig

from seqexp import config
from seqexp.sweeps import sweep, workers
from seqexp.system import signals
from seqexp.system.errors import UserError, masked
from seqexp.system.exit_codes import BAD_INPUT, FAILED, OK

logger = logging.getLogger("seqexp")

# Of the single run in this process; a sweep's jobs leave theirs in files. An error is kept, since Hydra would add its
# own line to one that is raised.
outcome: int = FAILED
error: UserError | None = None
begun = False  # whether Hydra has composed the config


def _keep(done: JobReturn, name: str, value: Any) -> None:
    """What Hydra keeps of each job until the sweep's end, and joblib's processes send home. Nobody reads the two
    configs, which are most of it: the job's record has all that is read."""
    object.__setattr__(done, name, None if name in ("cfg", "hydra_cfg") else value)


JobReturn.__setattr__ = _keep  # type: ignore[assignment,method-assign]


def job(cfg: DictConfig, level: int = logging.INFO) -> None:
    """One run; in a sweep, whatever happens to it is recorded and the sweep goes on. ``level``: of what it logs."""
    global begun
    begun = True
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.MULTIRUN:
        if workers.called_off(Path(hydra.sweep.dir)):
            return
        workers.start_over()
    signals.obey()
    try:
        _job(cfg, hydra, level)
    finally:
        gc.enable()  # a job that has nothing to train starts none


def _job(cfg: DictConfig, hydra: Any, level: int) -> None:
    from seqexp.runs.progress import configure_logging

    os.chdir(hydra.runtime.cwd)  # with hydra.job.chdir=true too, paths are meant from where the command was typed
    if hydra.mode == RunMode.MULTIRUN:
        configure_logging(f"#{hydra.job.num} ", level)
        overrides = dict(word.lstrip("+~").partition("=")[::2] for word in hydra.overrides.task)
        _sweep_job(cfg, Path(hydra.sweep.dir), int(hydra.job.num), overrides)
    else:
        configure_logging()
        _single_run(cfg, Path(hydra.run.dir))


def _single_run(cfg: DictConfig, named: Path) -> None:
    from seqexp.runs.directory import leave_nothing
    from seqexp.runs.location import Location
    from seqexp.runs.run import run
    from seqexp.sweeps.parent_run import mark_all_killed
    from seqexp.tracking.mlflow_store import TrackingSettings, said_by_environment

    global outcome, error
    directory = None if named == Path(".") else named
    location = Location(directory)
    try:
        run_config = sweep.checked or config.check(cfg)
        tracking = TrackingSettings(**run_config.settings["tracking"])
        if said := said_by_environment(tracking):
            logger.info("%s", said)
        mark_all_killed(tracking)
        run_done = run(run_config, location)
    except UserError as refusal:
        if directory is not None:
            leave_nothing(directory)
        outcome, error = BAD_INPUT, refusal
        return
    sweep.show_run(run_done, cfg)
    outcome = OK if run_done.result.status == "FINISHED" else FAILED


def _kept(run_config: config.RunConfig) -> Any:
    """The finished run of this config that MLflow has, from whichever host; None where there is none."""
    from seqexp.runs.result import RunResult
    from seqexp.tracking.mlflow_reader import finished
    from seqexp.tracking.mlflow_store import TrackingSettings

    found = finished(TrackingSettings(**run_config.settings["tracking"]), run_config.signature)
    results = [RunResult.parse(content) for content in found]
    return next((result for result in results if result.files == run_config.files), None)


def _sweep_job(cfg: DictConfig, sweep_dir: Path, number: int, overrides: dict[str, str]) -> None:
    from seqexp.runs.location import Location
    from seqexp.runs.run import run
    from seqexp.sweeps.job_record import JobRecord
    from seqexp.sweeps.parent_run import parent_run

    said = {key: masked(value) for key, value in overrides.items()}
    record = JobRecord(job=number, overrides=said)
    if not workers.begin_job(sweep_dir):
        workers.end_job(sweep_dir)
        return
    try:
        run_config = config.check(cfg)
        seed = run_config.settings["seed"]
        record = replace(record, model=run_config.name("model"), task=run_config.name("task"), seed=seed)
        parent = parent_run(sweep_dir, run_config.settings["tracking"])
        kept = None if workers.has_disk() else _kept(run_config)
        if kept is not None:
            record = record.of(kept, job=number, overrides=said, how="skipped")
            return
        record = record.ended_as(run(run_config, Location(in_sweep=True, parent_run_id=parent)))
    except UserError as refusal:
        record = replace(record, status="BAD_INPUT", error=str(refusal))
        logger.error("%s", refusal)
    except Exception as failure:
        record = replace(record, status="FAILED", error=masked(f"{type(failure).__name__}: {failure}"))
        logger.error("failed: %s", record.error)
        if os.environ.get("SEQEXP_TRACEBACK"):
            logger.error("%s", masked(traceback.format_exc()))
    except SystemExit:
        if workers.leading() is not None or workers.scheduled():
            raise  # else the leader has stopped this worker, and waits for its record
    finally:
        record.write(sweep_dir)
        workers.end_job(sweep_dir)
