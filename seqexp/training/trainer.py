"""Training: the order of one step, when to evaluate, and when to stop."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any, Protocol

import numpy as np
from annotated_types import Ge, Gt

from seqexp.data.batch import Split
from seqexp.kernels.library import Backend
from seqexp.networks import Network
from seqexp.numerics.functions import small_buffers
from seqexp.numerics.params import Gradient, Params
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import Diverged
from seqexp.system.registry import ADDED
from seqexp.tasks import Metrics, Task, passes
from seqexp.tasks.artifacts import Artifact
from seqexp.training import losses
from seqexp.training.checkpoints import Snapshot
from seqexp.training.optimizers import Optimizer, clip
from seqexp.training.stopping import Counters, Stop, stopped_by


@dataclass(kw_only=True, frozen=True)
class Training:
    """How long to train, and in what portions.

    epochs:           at most this many passes over the training data.
    batch_size:       examples a step.
    clip_norm:        the gradient's Euclidean norm is scaled down to this; null for never.
    patience:         stop after this many epochs in which val/<primary metric> did not improve; null for never.
    stop_when_solved: stop at the end of the epoch in which val/<primary metric> reaches what the task says solves it.
    max_seconds:      stop at the end of the epoch in which this much training time has passed; null for never.
    val_batches:      validate on this many batches, the same in each epoch; null for the whole validation set.
    checkpoint_every: how often to save what a resumed run needs: steps (500) or seconds (30s); null for never.
    """

    epochs: Annotated[int, Ge(1)]
    batch_size: Annotated[int, Ge(1)]
    clip_norm: Annotated[float, Gt(0)] | None
    patience: Annotated[int, Ge(1)] | None
    max_seconds: Annotated[float, Gt(0)] | None
    val_batches: Annotated[int, Ge(1)] | None = None
    checkpoint_every: int | str | None = None
    stop_when_solved: Annotated[bool, ADDED] = False


class Observer(Protocol):
    """Whoever follows the training: the recorder of a run, or a test."""

    def on_step(self, step: int, total: int, loss: float) -> None: ...
    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None: ...
    def on_boundary(self, trainer: "Trainer") -> None:
        """Between two steps or two batches of an evaluation: the time to save a snapshot, or to stop by raising."""
        ...


@dataclass
class Outcome:
    """The result of training: the best weights by validation, and their scores on the test split (see ``fit``)."""

    best: Params
    best_step: int
    steps: int
    seconds: float  # of training and validation, not of the final test
    metrics: Metrics
    artifacts: list[Artifact] = field(default_factory=list)
    epochs: int | None = None  # that were trained, and why no more
    stop: Stop | None = None


class Trainer:
    """One network learning one task. ``seed`` draws the initialisation and dropout, ``data_seed`` the order and the
    generated data; None: ``seed`` draws those too.

    ``clock`` gives the time in seconds; only differences of it count. ``backend``: of the loss; network and optimizer
    have theirs.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        optimizer: Optimizer,
        training: Training,
        *,
        seed: int,
        dtype: Any = np.float32,
        clock: Callable[[], float] = time.perf_counter,
        backend: Backend = "numpy",
        data_seed: int | None = None,
    ) -> None:
        self.network, self.task, self.optimizer, self.training = network, task, optimizer, training
        self.seed, self.data_seed = seed, seed if data_seed is None else data_seed
        self.loss = losses.create(task.shape.loss, backend)
        self.p = network.init(stream(seed, Purpose.INIT), dtype)
        self.grad = Gradient.zeros(self.p.layout, dtype)
        self.best = self.p.like(self.p.flat.copy())
        self.state = optimizer.init(self.p.flat)
        self.step = 0
        self.carries = task.carry_state
        # (S, B), the state that the next training step starts from; None for zeros, as at the start of each epoch.
        self.carried: np.ndarray | None = None
        self.evaluated: tuple[Split, int, int] | None = None  # while a split is evaluated: batches done, and all
        self.counters = Counters()
        self._tape = network.new_tape()
        self._eval_tape = network.new_tape()  # another batch size would make the training's views anew
        self.steps_an_epoch = task.batches("train", training.batch_size)
        self.total_steps = self.steps_an_epoch * training.epochs
        self._observer: Observer | None = None
        self._clock = clock
        self._lapped = clock()  # the time up to which the counters have it

    def train_step(self) -> tuple[float, float]:
        """One step: the loss before it, and the norm before clipping. Diverged if one of them is not finite."""
        batch = self.task.batch(self.data_seed, "train", self.step, self.training.batch_size)
        dropout_rng = stream(self.seed, Purpose.DROPOUT, self.step) if self.network.dropout else None
        if self.step % self.steps_an_epoch == 0:  # the text begins again
            self.carried = None
        y, state, tape = self.network.forward(self.p, batch, self.carried, dropout_rng, self._tape)
        loss, loss_tape = self.loss.forward(y, batch.answers())
        self.grad.clear()  # here and not after the update, which leaves its intermediate values in this memory
        self.network.backward(self.p, self.grad, self.loss.backward(loss_tape), tape)
        spans = self.grad.spans()
        norm = clip(self.grad.flat, self.training.clip_norm, spans)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise Diverged(
                f"step {self.step + 1}: the loss is {loss:.4g} and the gradient norm {norm:.4g}; "
                f"try a smaller optimizer.learning_rate (now {self.optimizer.learning_rate:g}) "
                f"or training.clip_norm (now {self.training.clip_norm})"
            )
        rate = self.optimizer.rate(self.step / self.total_steps)
        self.step += 1
        # A copy, since the tape lends its memory to the next pass. Backpropagation ends here (truncated BPTT).
        self.carried = state.copy() if self.carries else None
        self.optimizer.update(self.p.flat, self.grad.flat, self.state, rate, self.step, spans)
        return float(loss), norm

    @np.errstate(over="ignore", invalid="ignore")  # the line that says "diverged" says it once and better
    @small_buffers()
    def fit(self, observer: Observer, test: bool = True) -> Outcome:
        """Train to the end, watch val/<primary metric>, and test the best weights. Resumes from a restored snapshot.

        test: False scores the best weights on the validation split instead; these scores were logged in their epoch.
        """
        self._observer, self._lapped = observer, self._clock()
        while not self.counters.over:
            self._train_epoch(observer)
            self._end_epoch(observer)
            # After the counters are up to date: a run resumed from here need not validate again.
            observer.on_boundary(self)
        metrics, artifacts = self.evaluate("test" if test else "val", self.best)
        if test:
            observer.on_metrics(self.step, metrics)
        counters, stop = self.counters, stopped_by(self.training, self.counters, self.task)
        how = (counters.best_step, self.step, counters.seconds, metrics, artifacts, counters.epoch, stop)
        return Outcome(self.best, *how)

    def _train_epoch(self, observer: Observer) -> None:
        """The steps that are left of this epoch."""
        counters = self.counters
        while self.step < (counters.epoch + 1) * self.steps_an_epoch:
            loss, norm = self.train_step()
            counters.loss_sum += loss
            counters.norm_sum += norm
            observer.on_step(self.step, self.total_steps, loss)
            observer.on_boundary(self)

    def _end_epoch(self, observer: Observer) -> None:
        """Validate, keep the weights if they are the best, and see whether training is over."""
        counters = self.counters
        metrics = {
            "train/loss": counters.loss_sum / self.steps_an_epoch,
            "train/grad_norm": counters.norm_sum / self.steps_an_epoch,
        }
        metrics |= self.evaluate("val")[0]
        self._lap()
        with self.uncounted():  # a server of MLflow's may let the run wait
            observer.on_metrics(self.step, metrics | {"time/epoch_seconds": counters.epoch_seconds})
        sign = 1 if self.task.direction == "max" else -1
        metric, loss = _rank(sign * metrics[f"val/{self.task.primary_metric}"]), _rank(-metrics["val/loss"])
        if (metric, loss) > (counters.best_metric, counters.best_loss) or counters.best_step == 0:
            self.best.flat[:] = self.p.flat
            counters.best_step, counters.best_metric, counters.best_loss = self.step, metric, loss
            counters.epochs_since = 0
        else:
            counters.epochs_since += 1
        counters.epoch += 1
        counters.loss_sum = counters.norm_sum = counters.epoch_seconds = 0.0
        counters.over = stopped_by(self.training, counters, self.task) is not None

    def _lap(self) -> None:
        """Add the time since the last call to the counters."""
        now = self._clock()
        self.counters.seconds += now - self._lapped
        self.counters.epoch_seconds += now - self._lapped
        self._lapped = now

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Time spent inside the block, between two epochs, does not count as training time."""
        if not self.counters.over:
            self._lap()
        try:
            yield
        finally:
            self._lapped = self._clock()

    def snapshot(self) -> Snapshot:
        """Everything that the next step depends on. The arrays are the trainer's own: save them before that step."""
        if not self.counters.over:
            self._lap()
        arrays = {"weights": self.p.flat, "best": self.best.flat}
        arrays |= {f"optimizer.{name}": moment for name, moment in self.state.items()}
        if self.carried is not None:
            arrays["carried"] = self.carried
        return Snapshot(arrays, {"step": self.step, **asdict(self.counters)})

    def restore(self, snapshot: Snapshot) -> None:
        """Resume from a snapshot of an equally built trainer. ValueError if it does not fit."""
        numbers, arrays = dict(snapshot.numbers), snapshot.arrays
        step = numbers.pop("step", None)
        kinds = {f.name: type(f.default) for f in fields(Counters)}
        if type(step) is not int or {name: type(value) for name, value in numbers.items()} != kinds:
            raise ValueError("its counters are not this project's")
        counters = Counters(**numbers)
        first = counters.epoch * self.steps_an_epoch
        if not (0 <= counters.epoch <= self.training.epochs and first <= step <= first + self.steps_an_epoch):
            raise ValueError(f"step {step} is not in epoch {counters.epoch + 1} of {self.training.epochs}")
        # The snapshot's arrays are the trainer's own, so what is written into them below is restored.
        own = self.snapshot().arrays
        carried = arrays.get("carried")
        if set(arrays) - {"carried"} != set(own) - {"carried"}:
            raise ValueError("its arrays are not this optimizer's")
        for name, array in arrays.items():
            shape = own[name].shape if name != "carried" else (self.network.core.state_size, array.shape[-1])
            if array.dtype != self.p.flat.dtype or array.shape != shape:
                raise ValueError(f"{name} is {array.dtype} {array.shape}, not {self.p.flat.dtype} {shape}")
        for name in own.keys() - {"carried"}:
            own[name][:] = arrays[name]
        self.step, self.counters = step, counters
        self.carried = None if carried is None else carried.copy()

    def evaluate(self, split: Split, p: Params | None = None) -> tuple[Metrics, list[Artifact]]:
        """The loss and the task's metrics on a split's batches (see ``_indices``) with ``p`` (default: the current
        weights), and the task's artifacts. A task that carries its state carries it through the split here too."""
        p = self.p if p is None else p
        scorer, state = self.task.test_scorer() if split == "test" else self.task.scorer(), None
        loss_sum, count = 0.0, 0
        # Without a tape a batch needs little memory, so small training batches need not slow the evaluation down.
        indices = self._indices(split, max(self.training.batch_size, 64))
        for done, batch in enumerate(passes(self.task, split, max(self.training.batch_size, 64), indices)):
            self.evaluated = (split, done + 1, len(indices))
            y, after, _ = self.network.forward(p, batch, state, tape=self._eval_tape, keep=False)
            state = after.copy() if self.carries else None
            scorer.add(batch, y)
            loss, _ = self.loss.forward(y, batch.answers())
            # Weighted by the answers: batches have different numbers of them, and the loss is a mean over answers.
            loss_sum, count = loss_sum + float(loss) * y.shape[1], count + y.shape[1]
            # A signal need not wait for the end of a long evaluation.
            if self._observer is not None:
                self._observer.on_boundary(self)
        self.evaluated = None
        metrics, artifacts = scorer.metrics(), scorer.artifacts()

        def generator(*what: Any, **how: Any) -> np.ndarray:
            return self.network.generate(p, *what, **how)

        more_metrics, more_artifacts = self.task.generate(generator, split)
        metrics = {"loss": loss_sum / max(1, count)} | metrics | more_metrics
        return {f"{split}/{name}": value for name, value in metrics.items()}, artifacts + more_artifacts

    def _indices(self, split: Split, batch_size: int) -> Sequence[int]:
        """The batches of an evaluation: all, or ``val_batches`` of the validation set. They are spread evenly, since
        batches may be ordered by length, but are the first ones where each starts in the state of the one before."""
        total, wanted = self.task.batches(split, batch_size), self.training.val_batches
        if split == "test" or wanted is None or wanted >= total:
            return range(total)
        return range(wanted) if self.carries else [index * total // wanted for index in range(wanted)]


def _rank(value: float) -> float:
    """The value, to be compared: nan, which no comparison would ever find worse, is the worst."""
    return -math.inf if math.isnan(value) else float(value)
