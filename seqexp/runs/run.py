"""One run from a checked config to a finished directory: build, train, test, record, draw."""

import gc
import logging
import traceback
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np

from seqexp.config.build import build_optimizer
from seqexp.config.command_line import typed, word
from seqexp.config.run_config import RunConfig
from seqexp.kernels import library
from seqexp.runs import model, page
from seqexp.runs.baselines import baselines_of
from seqexp.runs.description import (
    about,
    announce,
    described,
    draw,
    params,
    run_name,
    scored,
    tags,
    write_samples,
)
from seqexp.runs.directory import RunDirectory, leave_nothing, log_file, now, numbers
from seqexp.runs.location import Location, choose, earlier_result, refuse_another, refuse_differences
from seqexp.runs.lock import locked
from seqexp.runs.parts import Parts, built, fingerprint
from seqexp.runs.probes import Probes
from seqexp.runs.progress import Progress
from seqexp.runs.recorder import Recorder
from seqexp.runs.result import CompletedRun, StartedRun, read_result, read_started
from seqexp.runs.trained import write_predictions
from seqexp.system import blas, cache, signals
from seqexp.system.errors import Diverged, UserError, masked
from seqexp.system.paths import BEST, CACHE, CHECKPOINTS, CONFIG, LOG, TRACEBACK
from seqexp.tracking.mlflow_store import TrackingSettings, run_with_tag
from seqexp.tracking.tracker import Status, Tracker, open_tracker
from seqexp.training.checkpoints import Checkpoints, Schedule, Snapshot, save_weights
from seqexp.training.trainer import Outcome, Trainer, Training

logger = logging.getLogger("seqexp")


def run(run_config: RunConfig, location: Location, parts: Parts | None = None) -> CompletedRun:
    """Train, test and record one run, or go on with one that was cut off.

    parts: the run's task and network where they are objects that somebody has made; None builds the config's.

    UserError before anything is written where the data or the directory cannot be used. A run that started leaves a
    result.json whatever happens to it: divergence and failures are in its ``status``; what stops the process
    (KeyboardInterrupt, SystemExit) is passed on after the run is marked KILLED.
    """
    keeps = run_config.settings.get("cache", True)
    with cache.keeping(location.root / CACHE if keeps else None):
        return _run(run_config, location, parts)


def _run(run_config: RunConfig, location: Location, parts: Parts | None) -> CompletedRun:
    if run_config.settings["threads"] == "auto":  # a budget's hidden size, and so the number, depends on the task
        parts = parts or built(run_config)
        run_config = run_config.sized(parts.network.core.hidden_size)
    path = choose(run_config, location, lambda: parts.task.fingerprint() if parts else fingerprint(run_config))
    earlier = earlier_result(run_config, path)
    if path is not None and earlier is not None:
        return CompletedRun(earlier, path, "skipped")
    parts = parts or built(run_config)
    if path is not None:
        return _in_directory(path, run_config, parts, location)
    path = location.fresh(run_config)
    try:
        return _in_directory(path, run_config, parts, location)
    except UserError:
        leave_nothing(path)
        raise


def _in_directory(path: Path, run_config: RunConfig, parts: Parts, location: Location) -> CompletedRun:
    """The run in a directory, once nobody else works in it."""
    with locked(path, wait=location.in_sweep) as held:
        if not held:
            raise UserError(f"run directory {path}: another process is working on this run; wait for it, or stop it")
        earlier = earlier_result(run_config, path)  # as another process has just left it
        if earlier is not None:
            return CompletedRun(earlier, path, "skipped")
        is_new = not (path / CONFIG).exists()
        here = _Run(run_config, parts, path, location)
        try:
            return here.go()
        except UserError:
            leave_nothing(path, config=is_new)
            raise
        except (KeyboardInterrupt, SystemExit):
            if not here.begun and not location.in_sweep:
                logger.warning("stopped before the first step; nothing was trained yet")
            raise


class _Run:
    """A run whose directory is held."""

    def __init__(self, run_config: RunConfig, parts: Parts, path: Path, location: Location) -> None:
        self.run_config, self.path, self.location = run_config, path, location
        self.task, self.network = parts.task, parts.network
        self.result = about(run_config, parts).but(parent_run_id=location.parent_run_id)
        self.identity = {"settings": run_config.deciding(), "data": self.result.data}
        self.trainer: Trainer | None = None
        self.begun = self.has_config = False
        self.how = self.token = ""

    def go(self) -> CompletedRun:
        settings = self.run_config.settings
        self._take_over()
        with blas.limited_by(settings):
            snapshot = self._snapshot()
        directory = RunDirectory(self.path, snapshot.about.get("metrics_bytes", 0) if snapshot else 0)
        tracking = TrackingSettings(**settings["tracking"])
        if self.how and self.result.mlflow_run_id is None:
            self.result = self.result.but(mlflow_run_id=run_with_tag(tracking, "token", self.token))
        with suppress(OSError):  # noted before MLflow starts the run, so that no killed process can leave it unfound
            self._note(directory)
        # Worked out only where it is kept: a config is composed for it.
        grouped = {} if tracking.name == "off" else page.first_tags(self.run_config)
        tracker = open_tracker(
            tracking,
            name=run_name(self.result),
            params=params(self.run_config, self.result),
            tags=tags(self.result) | grouped | {"token": self.token},
            parent_run_id=self.location.parent_run_id,
            run_id=self.result.mlflow_run_id,
            started=self.result.started,
        )
        self.result = self.result.but(mlflow_run_id=tracker.run_id)
        page.note_data(tracker, self.run_config, self.result)
        signals.obey()  # MLflow swallows a Ctrl-C while it makes its database
        for line in directory.known:  # what was not sent yet, or will be found there
            tracker.log(line["step"], numbers(line), line["time"])
        try:
            with log_file(self.path / LOG):
                self._train(directory, tracker)
        finally:
            directory.close()
        return CompletedRun(self.result, self.path, self.how)

    def _take_over(self) -> None:
        """What is kept of a run that was cut off here, or failed. UserError where it is another one."""
        started = read_started(self.path)
        before = started.result if started is not None else read_result(self.path)
        self.token = str(uuid4())
        if before is None:
            return
        refuse_differences(self.path, started.identity if started else None, self.identity)
        refuse_another(self.path, before, self.run_config)
        self.token = (started.token if started else None) or self.token
        kept = {"mlflow_run_id": before.mlflow_run_id, "started": before.started}
        self.result = self.result.but(**{key: value for key, value in kept.items() if value})
        ended = read_result(self.path)
        self.how = "retried" if ended is not None and ended.status in ("FAILED", "DIVERGED") else "resumed"

    def _note(self, directory: RunDirectory) -> None:
        """Note that the run goes on; its config first, without which a killed run cannot be sent."""
        if not self.has_config:
            directory.write(CONFIG, self.run_config.as_yaml())
            self.has_config = True
        directory.started(StartedRun(self.result, self.identity, self.token))

    def new_trainer(self) -> Trainer:
        settings = self.run_config.settings
        backend = settings.get("backend", "numpy")
        return Trainer(
            self.network,
            self.task,
            build_optimizer(settings["optimizer"], backend),
            Training(**self.run_config.group("training")),
            seed=settings["seed"],
            data_seed=settings.get("data_seed"),
            dtype=np.dtype(settings["dtype"]).type,
            backend=library.usable(backend),
        )

    def _snapshot(self) -> Snapshot | None:
        """Build the trainer and set it to the newest snapshot, which is returned. UserError where none is usable."""
        trainer = self.trainer = self.new_trainer()
        carried = self.network.core.state_size * trainer.training.batch_size * trainer.p.flat.itemsize
        checkpoints = Checkpoints(self.path / CHECKPOINTS)
        snapshot = checkpoints.load(trainer.snapshot().bytes() + carried)
        if snapshot is None:
            return None
        refuse_differences(self.path, snapshot.about, self.identity)
        try:
            trainer.restore(snapshot)
        except ValueError as error:
            raise UserError(
                f"{checkpoints.folder}: expected a checkpoint of this run; {error}; delete the folder to start over"
            ) from error
        logger.info("%s at step %d: %s", self.how or "resumed", trainer.step, self.path)
        return snapshot

    def _train(self, directory: RunDirectory, tracker: Tracker) -> None:
        settings = self.run_config.settings
        assert self.trainer is not None
        self.begun = True
        status: Status = "FAILED"
        try:
            self._note(directory)
            trial = self.run_config.is_trial
            probes = Probes(directory.path, self.trainer, False if trial else settings.get("probes", "auto"))
            outcome = self._fit(directory, tracker, probes)
            self.result = scored(
                self.result, self.task, outcome, {} if trial else baselines_of(self.run_config, self.task)
            )
            save_weights(directory.path / CHECKPOINTS / BEST, outcome.best, {"step": str(outcome.best_step)})
            model.write(self.path, self.result, self.task)
            if not trial:
                if settings.get("predictions"):
                    write_predictions(self.path, self.task, self.network, outcome.best, settings)
                write_samples(self.path, outcome.artifacts, log=not self.location.in_sweep)
                draws = self.run_config.draws(self.location.in_sweep)
                if draws:
                    lines, clip_norm = directory.history(), settings["training"]["clip_norm"]
                    draw(lines, self.path, outcome.artifacts, self.result, clip_norm)
                with blas.limited_by(settings):
                    probes.finish(outcome.best, self.result, draws=draws)
            status = "FINISHED"
        except Diverged as error:
            status = "DIVERGED"
            self.result = self.result.but(error=str(error))
            logger.error("diverged: %s", error)
        except Exception as error:
            self.result = self.result.but(error=described(error))
            logger.error("failed: %s", self.result.error)
            logger.debug("%s", masked(traceback.format_exc()))
            if not isinstance(error, OSError | UserError):
                directory.write(TRACEBACK, masked(traceback.format_exc()))
        except BaseException as error:  # Ctrl-C, SIGTERM: mark the run, then pass the signal on
            status = "KILLED"
            self.result = self.result.but(error=f"stopped by {signals.named(error)}")
            raise
        finally:
            self._end(status, directory, tracker)

    def _fit(self, directory: RunDirectory, tracker: Tracker, probes: Probes) -> Outcome:
        settings, trainer = self.run_config.settings, self.trainer
        assert trainer is not None
        schedule = Schedule(trainer.training.checkpoint_every)
        if not gc.isenabled():  # the command line has put it off
            gc.freeze()  # what the imports have made is no garbage, and need never be looked through
            gc.enable()
        with (
            blas.limited_by(settings),
            Progress(self.task.primary_metric, bar=not self.location.in_sweep) as progress,
            signals.deferred() as request,
        ):
            announce(self.result)
            recorder = Recorder(directory, tracker, progress, schedule, self.identity, request, probes)
            return trainer.fit(recorder, test=not self.run_config.is_trial)

    def _end(self, status: Status, directory: RunDirectory, tracker: Tracker) -> None:
        """Write down how the run ended, here first and then in the tracker."""
        assert self.trainer is not None
        self.result = self.result.but(
            status=status,
            seconds=round(self.trainer.counters.seconds, 3),
            steps=self.trainer.step,
            ended=round(now(), 3),
        )
        try:
            self.result.write(directory.path)
        except OSError as error:  # run.json stays: the next start finds the run
            logger.error("failed: %s", described(error))
            tracker.finish(status, {}, None, ended=self.result.ended)
            return
        if status == "FINISHED":
            Checkpoints(directory.path / CHECKPOINTS).discard()
        elif status == "KILLED" and not self.location.in_sweep:
            logger.warning("stopped after step %d, which is saved", self.trainer.step)
            logger.warning("go on with: %s", typed(word("resume", str(self.path))))
        page.finish(tracker, self.run_config, self.result, self.path)
        directory.wrapped_up()
