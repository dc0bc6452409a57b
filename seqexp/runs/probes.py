"""Probes of a run: when they run, what they write to its directory; an error in them never ends the run.

After an epoch's validation a line of gradient flow goes to mechanism.jsonl; at the end mechanism.json describes the
best weights. Neither is anything that training depends on.
"""

import json
import logging
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from seqexp import mechanism
from seqexp.mechanism.record import stored_lines
from seqexp.mechanism.walk import COLUMNS, STEPS
from seqexp.numerics.params import Params
from seqexp.runs.result import RunResult
from seqexp.system.atomic_files import write_text
from seqexp.system.paths import LINES, SUMMARY
from seqexp.training.trainer import Trainer

logger = logging.getLogger("seqexp")

COST = 8  # training steps in whose time an epoch's probe is done; docs/mechanism.md has the figures
SHARE = 0.04  # of the training steps' time that the epochs' probes may take where nobody asked for them
LEAST_STEPS = 2_000  # of a run that is probed unasked: in fewer, what comes at the end would be too large a share
MOST_WORK = 10**9  # parameters times steps back of a network that is probed unasked
MOST_STATE = 256  # rows of a state whose Jacobian is taken in a run

Wanted = bool | Literal["auto"]


class Probes:
    """The probes of one run in ``path``, where ``wanted`` lets them look."""

    def __init__(self, path: Path, trainer: Trainer, wanted: Wanted) -> None:
        self._path, self._trainer = path, trainer
        self._every = 0
        self._seen = trainer.counters.epoch  # the epochs that have been probed, or passed over
        self._attempt(lambda: self._begin(wanted))

    def _begin(self, wanted: Wanted) -> None:
        trainer = self._trainer
        keep_lines(self._path / LINES, trainer.counters.epoch * trainer.steps_an_epoch)
        if wanted is False:
            return
        columns = min(COLUMNS, trainer.training.batch_size)
        self._batch = mechanism.probe_batch(trainer.task, trainer.network, columns)
        self._every = 1 if wanted is True else epochs_between(trainer, len(self._batch.x))

    @property
    def on(self) -> bool:
        return self._every > 0

    def on_boundary(self, trainer: Trainer) -> None:
        """Look, where an epoch has just been validated."""
        epoch = trainer.counters.epoch
        if not self.on or epoch == self._seen:
            return
        self._seen = epoch
        if epoch % self._every == 0 or epoch == 1 or trainer.counters.over:
            with trainer.uncounted():
                self._attempt(self._line)

    def logged(self) -> None:
        """Bring the lines to the disk, before a snapshot that knows of them."""
        if self.on and (self._path / LINES).exists():
            with open(self._path / LINES, "ab") as file:
                os.fsync(file.fileno())

    def finish(self, best: Params, about: RunResult, *, draws: bool) -> None:
        """Leave mechanism.json of the best weights, and the figures where it ``draws``; ``about`` is the run's
        result."""
        if self.on:
            self._attempt(lambda: self._finish(best, about, draws))

    def _line(self) -> None:
        trainer = self._trainer
        flow = mechanism.gradient_flow(trainer.network, trainer.p, self._batch, trainer.loss)
        with open(self._path / LINES, "ab") as file:
            file.write(json.dumps(mechanism.line(trainer.step, flow)).encode() + b"\n")

    def _finish(self, best: Params, about: RunResult, draws: bool) -> None:
        trainer = self._trainer
        jacobian = trainer.network.core.state_size <= MOST_STATE
        found = mechanism.measured(trainer.network, best, self._batch, trainer.loss, jacobian=jacobian)
        found = whose(about) | found | {"counting": mechanism.counted(trainer.network, best, trainer.task)}
        write_text(self._path / SUMMARY, json.dumps(found) + "\n")
        if draws:
            from seqexp.plots.mechanism import draw_training

            draw_training(stored_lines(self._path / LINES), self._path, found)

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do it; the first trouble becomes a warning and the last look."""
        try:
            action()
        except Exception as error:
            self._every = 0
            logger.warning("probes: given up (%s: %s); the run goes on", type(error).__name__, error)


def epochs_between(trainer: Trainer, steps: int) -> int:
    """How many epochs one probe is for, so that probes of ``steps`` back take at most SHARE of the time; 0 for none."""
    work = trainer.p.flat.size * min(steps, STEPS)
    if work > MOST_WORK or trainer.total_steps < LEAST_STEPS:
        return 0
    return math.ceil(COST / (SHARE * trainer.steps_an_epoch))


def whose(result: RunResult) -> dict[str, Any]:
    """What of a run's result says whose mechanism it is."""
    return {
        "task": result.task,
        "model": result.model,
        "seed": result.seed,
        "signature": result.signature,
        "best_step": result.best_step,
    }


def keep_lines(path: Path, step: int) -> None:
    """Drop the lines of a mechanism.jsonl that a run which goes on from ``step`` will write again."""
    if not path.exists():
        return
    kept = [line for line in stored_lines(path) if line["step"] <= step]
    write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
