"""What happens at each logged step and between steps: lines, points, the bar, probes, snapshots, an orderly stop."""

import time
from collections.abc import Mapping
from typing import Any

from seqexp.runs.directory import RunDirectory, now, numbers
from seqexp.runs.probes import Probes
from seqexp.runs.progress import Progress
from seqexp.system import signals
from seqexp.system.paths import CHECKPOINTS
from seqexp.tasks.metrics import lookup
from seqexp.tracking.tracker import Tracker
from seqexp.training.checkpoints import Checkpoints, Schedule
from seqexp.training.trainer import Trainer


class Recorder:
    """Hands each logged step to metrics.jsonl, the tracker and the terminal, in this order of importance; saves
    snapshots when they are due, and stops the training when somebody asks for it."""

    def __init__(
        self,
        directory: RunDirectory,
        tracker: Tracker,
        progress: Progress,
        schedule: Schedule,
        identity: Mapping[str, Any],
        request: signals.Request,
        probes: Probes,
    ) -> None:
        self._directory, self._tracker, self._progress = directory, tracker, progress
        self._probes = probes
        self._checkpoints = Checkpoints(directory.path / CHECKPOINTS)
        self._schedule, self._identity, self._request = schedule, identity, request
        self.on_step = progress.on_step

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        for name in metrics:
            if name.startswith(("val/", "test/")):
                lookup(name)  # else the run would end with scores that nobody can judge
        line = self._directory.log(step, metrics, round(now(), 3))
        self._tracker.log(step, numbers(line), line["time"])
        self._tracker.flush()
        self._progress.on_metrics(step, metrics)

    def on_boundary(self, trainer: Trainer) -> None:
        self._probes.on_boundary(trainer)
        if trainer.evaluated is not None:
            self._progress.on_evaluation(*trainer.evaluated)
        stopped = self._request.signal is not None
        if stopped or self._schedule.due(trainer.step):
            start = time.perf_counter()
            snapshot = trainer.snapshot()
            self._probes.logged()
            snapshot.about = {**self._identity, "metrics_bytes": self._directory.logged()}
            self._checkpoints.save(snapshot)
            self._schedule.saved(trainer.step, time.perf_counter() - start)
        if stopped:
            self._request.obey()
