"""How far a training is, and when it is over: one rule for every model."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from seqexp.tasks import Task, solves

Stop = Literal["epochs", "solved", "patience", "max_seconds"]


@dataclass
class Counters:
    """The numbers, beside the step and the arrays, that a resumed training needs."""

    epoch: int = 0  # complete epochs, validation included
    loss_sum: float = 0.0  # over the steps of the epoch so far
    norm_sum: float = 0.0
    best_step: int = 0
    best_metric: float = -math.inf  # larger is better
    best_loss: float = -math.inf  # the negative loss, which decides between equal metrics
    epochs_since: int = 0  # since the best one
    over: bool = False  # only the test is left
    seconds: float = 0.0  # of training and validation, summed over resumes
    epoch_seconds: float = 0.0


class Limits(Protocol):
    """What of the training's settings can end it."""

    @property
    def epochs(self) -> int: ...
    @property
    def stop_when_solved(self) -> bool: ...
    @property
    def patience(self) -> int | None: ...
    @property
    def max_seconds(self) -> float | None: ...


def stopped_by(training: Limits, counters: Counters, task: Task) -> Stop | None:
    """Why training is over after this epoch; None where it is not. The counters alone decide: a resumed training stops
    where it would have."""
    sign = 1 if task.direction == "max" else -1
    if training.stop_when_solved and solves(task, sign * counters.best_metric):
        return "solved"
    if training.patience is not None and counters.epochs_since >= training.patience:
        return "patience"
    if training.max_seconds is not None and counters.seconds >= training.max_seconds:
        return "max_seconds"
    return "epochs" if counters.epoch >= training.epochs else None
