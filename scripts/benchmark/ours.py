"""seqexp's side: the shipped Trainer's own step, on given weights and batches."""

from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from scripts.benchmark.cases import CLIP_NORM, LEARNING_RATE, Case, batches, weights
from seqexp import models
from seqexp.config.build import threads
from seqexp.data.batch import Batch
from seqexp.kernels import library
from seqexp.networks import Chain, Embedding
from seqexp.numerics.functions import BUFFER
from seqexp.system.blas import kernels, limited
from seqexp.tasks import Task
from seqexp.training import optimizers
from seqexp.training.trainer import Trainer, Training


class Side:
    """One side of the comparison: ``prepare`` a case, then call what it returns, step after step."""

    name = "seqexp"
    backend: models.Backend = "numpy"

    def __init__(self, threads: int) -> None:
        np.setbufsize(BUFFER)  # as Trainer.fit does for its steps
        self._limit = ExitStack()
        self.threads = threads  # at most; two stand for ``threads=auto`` on a machine of two cores

    def version(self) -> str:
        return f"numpy {np.__version__}, {kernels()}"

    def prepare(self, case: Case, variant: str) -> Callable[[], Any]:
        self._limit.close()
        self._limit.enter_context(limited(self.threads_for(case), self.backend == "compiled"))  # until the next case
        core = create_core(case, self.backend)
        embedding = Embedding(case.vocabulary, case.X) if case.vocabulary else None
        network = Chain(core, case.outputs, "steps" if case.every_step else "last", embedding)
        training = Training(epochs=1_000_000, batch_size=case.B, clip_norm=CLIP_NORM, patience=None, max_seconds=None)
        adam = optimizers.create("adam", backend=self.backend, learning_rate=LEARNING_RATE)
        trainer = Trainer(network, cast(Task, FixedBatches(case)), adam, training, seed=0, backend=self.backend)
        for name, value in weights(case).items():
            part = "embedding" if name == "E" else "readout" if name in ("W_hy", "b_y") else "core"
            trainer.p.part(part)[name] = value
        return lambda: trainer.train_step()[0]

    def variants(self, case: Case) -> list[str]:
        """Equivalent forms of this side's step, the fastest of which is measured."""
        return [f"threads={self.threads_for(case)}"]

    def threads_for(self, case: Case) -> int:
        if self.threads == 1:
            return 1
        model = {"name": case.kind.cell} | settings(case)
        about = {"threads": "auto", "model": model, "training": {"batch_size": case.B}, "backend": self.backend}
        auto = threads(about, case.H)
        return min(self.threads, auto)

    def loss(self, result: Any) -> float:
        """The loss as a number, which waits until the step is done."""
        return float(result)


class FixedBatches:
    """As much of a task as a training step needs: the same few batches in turn."""

    carry_state = False

    def __init__(self, case: Case) -> None:
        self.shape = SimpleNamespace(loss="softmax")
        answered = np.ones((case.T, case.B), bool) if case.every_step else None
        self._batches = [Batch(x, target, answered=answered) for x, target in batches(case)]

    def batches(self, split: str, batch_size: int) -> int:
        return len(self._batches)

    def batch(self, seed: int, split: str, index: int, batch_size: int) -> Batch:
        return self._batches[index % len(self._batches)]


class CompiledSide(Side):
    """The same with ``backend=compiled``."""

    name = "compiled"
    backend = "compiled"

    def version(self) -> str:
        return f"kernels for {library.vector_bits()} bits, {super().version()}"


def create_core(case: Case, backend: models.Backend = "numpy") -> models.Core:
    """The case's core alone; a vocabulary has been embedded before it."""
    return models.create(case.kind.cell, input_size=case.X, hidden_size=case.H, backend=backend, **settings(case))


def settings(case: Case) -> dict[str, Any]:
    """The model's settings, beside its size."""
    more: dict[str, Any] = {"reset": "after"} if case.kind.cell == "gru" else {}
    return more | {"num_layers": case.kind.layers, "bidirectional": case.kind.both}
