"""How long the runs of a comparison will take, from a few steps of each model."""

import math
from time import thread_time

import numpy as np

from seqexp.config.build import build_network, build_optimizer
from seqexp.config.run_config import RunConfig
from seqexp.numerics.functions import small_buffers
from seqexp.system import blas
from seqexp.tasks import Task
from seqexp.training.trainer import Trainer, Training

LONGEST_LOOK = 0.3  # seconds that a model's steps are timed
MOST_STEPS = 20
FORWARD = 1 / 3  # of a training step's time, what an evaluation of as many examples takes
EVALUATED = 64  # examples of a batch that is evaluated, at least: as in the trainer
START = 4.0  # seconds until the workers are there, and for the report at the end
OF_A_RUN = 0.4  # seconds that a run takes besides its training


def seconds_an_epoch(run_config: RunConfig, task: Task) -> float:
    """Of training and validation, as this machine does them now. The weights are thrown away."""
    training = Training(**run_config.group("training"))
    backend = run_config.settings.get("backend", "numpy")
    network = build_network(run_config.settings["model"], task.shape, backend)
    optimizer = build_optimizer(run_config.settings["optimizer"], backend)
    dtype = np.dtype(run_config.settings["dtype"]).type
    trainer = Trainer(network, task, optimizer, training, seed=run_config.settings["seed"], dtype=dtype)
    with blas.limited_by(run_config.settings), small_buffers(), np.errstate(over="ignore", invalid="ignore"):
        a_step, a_draw = _a_step(trainer), _a_draw(trainer)
    size = max(training.batch_size, EVALUATED)
    batches = task.batches("val", size)
    batches = min(batches, training.val_batches or batches)
    return a_draw + a_step * (trainer.steps_an_epoch + FORWARD * batches * size / training.batch_size)


def _a_step(trainer: Trainer) -> float:
    """The mean, since batches of sequences differ in length; of this thread's own time, without what others took."""
    trainer.train_step()  # the first one makes the buffers
    begun, steps = thread_time(), 0
    while steps < min(MOST_STEPS, max(trainer.total_steps - 1, 1)) and thread_time() - begun < LONGEST_LOOK:
        trainer.train_step()
        steps += 1
    return (thread_time() - begun) / steps


def _a_draw(trainer: Trainer) -> float:
    """What the examples of a new epoch take, where a task draws them: they come with its first batch."""
    begun = thread_time()
    trainer.task.batch(trainer.data_seed, "train", trainer.steps_an_epoch, trainer.training.batch_size)
    return thread_time() - begun


def told(low: float, high: float) -> str:
    """A span of seconds, as one would say it."""
    if high < 120:
        return f"{_rounded(low)} to {_rounded(high)} s" if _rounded(low) != _rounded(high) else f"{_rounded(high)} s"
    low, high = low / 60, high / 60
    unit = "minutes"
    if high >= 120:
        low, high, unit = low / 60, high / 60, "hours"
    ends = [f"{end:.1f}" for end in (low, high)]
    return f"{' to '.join(dict.fromkeys(ends))} {unit}"


def _rounded(seconds: float) -> int:
    """To one digit, or two from 20 on."""
    step = 10 ** max(0, math.floor(math.log10(max(seconds, 1))) - 1)
    return max(1, round(seconds / step) * step)
