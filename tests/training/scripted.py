"""A task and a network that do as a script says, with a clock of their own: the training loop without training.

The one weight counts the steps taken: its gradient is -1 at every step, and plain descent at a rate of 1 adds one. A
test's score is the weight, so it says which weights were tested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from seqexp.data.batch import Batch
from seqexp.numerics.params import Layout, Params
from seqexp.tasks import Shape
from seqexp.training import optimizers
from seqexp.training.trainer import Trainer, Training


@dataclass(kw_only=True)
class Script:
    """What happens. Of each series the last one goes on.

    validations: (score, loss) at the end of each epoch.
    parts:       the batches of the validation and of the test as (answers, factor of the loss).
    losses, gradients: of the training steps.
    step_seconds, part_seconds: what a training step takes, and a batch of a validation.
    """

    validations: Sequence[tuple[float, float]] = ((0.0, 1.0),)
    parts: Sequence[tuple[int, float]] = ((4, 1.0),)
    steps: int = 2  # an epoch
    losses: Sequence[float] = (1.0,)
    gradients: Sequence[float] = (-1.0,)
    step_seconds: float = 1.0
    part_seconds: float = 0.5
    direction: str = "max"
    solved: float | None = None
    dropout: float = 0.0
    carry_state: bool = False
    start: float = 0.0  # the weight

    # What was asked: (seed, split, index, batch size) of each batch; and of each forward pass the number that dropout
    # would draw first, and the state it started from.
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    draws: list[float | None] = field(default_factory=list)
    states: list[float | None] = field(default_factory=list)
    weight: float = 0.0  # of the last forward pass
    now: float = 1000.0  # seconds

    def clock(self) -> float:
        return self.now

    def at_validation(self) -> tuple[float, float]:
        return of(self.validations, max(0, int(self.weight) // self.steps - 1))


class ScriptedTask:
    primary_metric = "score"
    shape = Shape(inputs=1, tokens=False, outputs=1, answers="last", loss="squared")

    def __init__(self, script: Script) -> None:
        self.script, self.direction, self.carry_state = script, script.direction, script.carry_state
        self.solved = script.solved

    def batches(self, split: str, batch_size: int) -> int:
        return self.script.steps if split == "train" else len(self.script.parts)

    def batch(self, seed: int, split: str, index: int, batch_size: int) -> Batch:
        """x is a training batch's loss, or the factor of a validation's."""
        self.script.asked.append((seed, split, index, batch_size))
        size, x = (1, of(self.script.losses, index)) if split == "train" else self.script.parts[index]
        return Batch(np.full((1, 1, size), x), np.zeros((1, size)))

    def scorer(self) -> Any:
        return SimpleNamespace(add=lambda batch, y: None, metrics=self._score, artifacts=lambda: ["scored"])

    test_scorer = scorer

    def _score(self) -> dict[str, float]:
        testing = self.script.asked[-1][1] == "test"
        return {"score": self.script.weight if testing else self.script.at_validation()[0]}

    def generate(self, generator: Any, split: str) -> tuple[dict[str, float], list[Any]]:
        return {"generated": generator("a prompt")}, [f"generated for {split}"]


class ScriptedNetwork:
    core = SimpleNamespace(state_size=1)

    def __init__(self, script: Script) -> None:
        self.script, self.dropout = script, script.dropout
        self.layout = Layout()
        self.layout.add("w", (1,))
        self._steps = 0
        self._state = np.zeros((1, 1))  # lent, as a tape's memory is: each pass writes over it

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        return Params(self.layout, np.array([self.script.start], dtype))

    def new_tape(self) -> None:
        return None

    def forward(
        self,
        p: Params,
        batch: Batch,
        state0: np.ndarray | None = None,
        dropout_rng: np.random.Generator | None = None,
        tape: None = None,
        keep: bool = True,
    ) -> tuple[np.ndarray, np.ndarray, None]:
        script = self.script
        script.weight = float(p.flat[0])
        self._state.fill(np.nan)
        script.draws.append(None if dropout_rng is None else float(dropout_rng.random()))
        script.states.append(None if state0 is None else float(state0[0, 0]))
        script.now += script.step_seconds if keep else script.part_seconds
        loss = batch.x[0] * (1 if keep else script.at_validation()[1])
        self._state.fill(len(script.states))
        return np.sqrt(loss), self._state, None

    def backward(self, p: Params, grad: Params, dy: np.ndarray, tape: None) -> None:
        grad["w"] += of(self.script.gradients, self._steps)
        self._steps += 1

    def generate(self, p: Params, prompt: str) -> float:
        return float(p.flat[0])


class Log:
    """An observer that writes down what it is told, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, dict[str, float]]] = []
        self.events: list[tuple[Any, ...]] = []

    def on_step(self, step: int, total: int, loss: float) -> None:
        self.events.append(("step", step, total, loss))

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        self.events.append(("metrics", step))
        self.lines.append((step, dict(metrics)))

    def on_boundary(self, trainer: Trainer) -> None:
        self.events.append(("boundary", trainer.step))

    def column(self, name: str) -> list[float]:
        """A metric's values, line by line."""
        return [metrics[name] for _, metrics in self.lines if name in metrics]


def of(series: Sequence[Any], index: int) -> Any:
    return series[min(index, len(series) - 1)]


def trainer(
    script: Script, *, seed: int = 0, data_seed: int | None = None, optimizer: Any = None, **training: Any
) -> Trainer:
    """Plain descent at a rate of 1, unclipped, for three epochs; ``training`` changes that."""
    settings: Any = {"epochs": 3, "batch_size": 8, "clip_norm": None, "patience": None, "max_seconds": None} | training
    network: Any = ScriptedNetwork(script)
    task: Any = ScriptedTask(script)
    descent = optimizer or optimizers.create("sgd", learning_rate=1.0)
    of_run: Any = {"seed": seed, "data_seed": data_seed, "dtype": np.float64, "clock": script.clock}
    return Trainer(network, task, descent, Training(**settings), **of_run)
