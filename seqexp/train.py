"""Training: the order of one step, when to evaluate, and when to stop."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import numpy as np
from annotated_types import Ge, Gt

from seqexp import losses
from seqexp.batch import Purpose, stream
from seqexp.errors import Diverged
from seqexp.networks import Chain, ChainTape
from seqexp.optim import Optimizer, clip
from seqexp.params import Params
from seqexp.tasks import Metrics, Split, Task, passes
from seqexp.tasks.artifacts import Artifact


@dataclass(kw_only=True, frozen=True)
class Training:
    """How long, and in what portions.

    epochs:      passes over the training data, at most.
    batch_size:  examples a step.
    clip_norm:   the gradient's Euclidean norm is scaled down to this; null for never.
    patience:    stop after this many epochs in which val/<primary metric> did not improve; null for never.
    max_seconds: stop at the end of the epoch in which this much training time has passed; null for never.
    """

    epochs: Annotated[int, Ge(1)]
    batch_size: Annotated[int, Ge(1)]
    clip_norm: Annotated[float, Gt(0)] | None
    patience: Annotated[int, Ge(1)] | None
    max_seconds: Annotated[float, Gt(0)] | None


class Observer(Protocol):
    """Who wants to know how training goes."""

    def on_step(self, step: int, total: int, loss: float) -> None: ...
    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None: ...


@dataclass
class Outcome:
    """What training came to: the best weights by validation, and what they score on the test split."""

    best: Params
    best_step: int
    steps: int
    seconds: float  # of training and validation, not of the final test
    metrics: Metrics
    artifacts: list[Artifact] = field(default_factory=list)


class Trainer:
    """One network learning one task. ``seed`` draws the initialisation, order, dropout and generated training data."""

    def __init__(
        self,
        network: Chain,
        task: Task,
        optimizer: Optimizer,
        training: Training,
        *,
        seed: int,
        dtype: Any = np.float32,
    ) -> None:
        self.network, self.task, self.optimizer, self.training = network, task, optimizer, training
        self.seed = seed
        self.loss = losses.create(task.shape.loss)
        self.p = network.init(stream(seed, Purpose.INIT), dtype)
        self.grad = self.p.like()
        self.state = optimizer.init(self.p.flat)
        self.step = 0
        self.carries = bool(getattr(task, "carry_state", False))
        # (S, B), the state that the next training step starts from; None for zeros, as at the start of each epoch.
        self.carried: np.ndarray | None = None
        self._tape = ChainTape()
        self._eval_tape = ChainTape()
        self._steps_an_epoch = task.batches("train", training.batch_size)
        self.total_steps = self._steps_an_epoch * training.epochs

    def train_step(self) -> tuple[float, float]:
        """One step: loss before it, and the gradient's norm before clipping. Diverged where either is not finite."""
        batch = self.task.batch(self.seed, "train", self.step, self.training.batch_size)
        dropout_rng = stream(self.seed, Purpose.DROPOUT, self.step) if self.network.dropout else None
        if self.step % self._steps_an_epoch == 0:
            self.carried = None
        y, state, tape = self.network.forward(self.p, batch, self.carried, dropout_rng, self._tape)
        loss, loss_tape = self.loss.forward(y, batch.answers())
        self.grad.flat[:] = 0
        self.network.backward(self.p, self.grad, self.loss.backward(loss_tape), tape)
        norm = clip(self.grad.flat, self.training.clip_norm)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise Diverged(
                f"step {self.step + 1}: the loss is {loss:.4g} and the gradient norm {norm:.4g}; "
                f"try a smaller optimizer.learning_rate (now {self.optimizer.learning_rate:g}) "
                f"or training.clip_norm (now {self.training.clip_norm})"
            )
        rate = self.optimizer.rate(self.step / self.total_steps)
        self.step += 1
        self.carried = state.copy() if self.carries else None  # a value, no variable: backpropagation ends here
        self.optimizer.update(self.p.flat, self.grad.flat, self.state, rate, self.step)
        return float(loss), norm

    def fit(self, observer: Observer) -> Outcome:
        """Train to the end, watch val/<primary metric>, restore the best weights and test them."""
        task, training = self.task, self.training
        primary = f"val/{task.primary_metric}"
        sign = 1 if task.direction == "max" else -1
        best, best_step, best_score, epochs_since = self.p.flat.copy(), 0, (-math.inf, -math.inf), 0
        start = time.perf_counter()
        for _ in range(training.epochs):
            epoch_start = time.perf_counter()
            epoch = self._epoch(observer)
            epoch |= self.evaluate("val")[0]
            epoch["time/epoch_seconds"] = time.perf_counter() - epoch_start
            observer.on_metrics(self.step, epoch)
            score = (sign * epoch[primary], -epoch["val/loss"])  # the loss decides between equal metrics
            if score > best_score or best_step == 0:
                best[:], best_step, best_score, epochs_since = self.p.flat, self.step, score, 0
            else:
                epochs_since += 1
            if training.patience is not None and epochs_since >= training.patience:
                break
            if training.max_seconds is not None and time.perf_counter() - start >= training.max_seconds:
                break
        seconds = time.perf_counter() - start
        steps, self.p.flat[:] = self.step, best
        metrics, artifacts = self.evaluate("test")
        observer.on_metrics(self.step, metrics)
        return Outcome(self.p, best_step, steps, seconds, metrics, artifacts)

    def _epoch(self, observer: Observer) -> Metrics:
        loss_sum = norm_sum = 0.0
        for _ in range(self._steps_an_epoch):
            loss, norm = self.train_step()
            loss_sum, norm_sum = loss_sum + loss, norm_sum + norm
            observer.on_step(self.step, self.total_steps, loss)
        return {
            "train/loss": loss_sum / self._steps_an_epoch,
            "train/grad_norm": norm_sum / self._steps_an_epoch,
        }

    def evaluate(self, split: Split) -> tuple[Metrics, list[Artifact]]:
        """The loss and the task's metrics on a whole split, and what there is to look at.

        A task that carries its state carries it through the split here too.
        """
        scorer, state = self.task.scorer(), None
        loss_sum, count = 0.0, 0
        for batch in passes(self.task, split, max(self.training.batch_size, 64)):
            y, after, _ = self.network.forward(self.p, batch, state, tape=self._eval_tape, keep=False)
            state = after.copy() if self.carries else None
            scorer.add(batch, y)
            loss, _ = self.loss.forward(y, batch.answers())
            loss_sum, count = loss_sum + float(loss) * y.shape[1], count + y.shape[1]
        metrics, artifacts = scorer.metrics(), scorer.artifacts()
        more_metrics, more_artifacts = self.task.generate(self._generator, split)
        metrics = {"loss": loss_sum / max(1, count)} | metrics | more_metrics
        return {f"{split}/{name}": value for name, value in metrics.items()}, artifacts + more_artifacts

    def _generator(self, prompt: np.ndarray, steps: int, feed: Any, temperature: float, seed: int) -> np.ndarray:
        return self.network.generate(self.p, prompt, steps, feed, temperature, seed)
