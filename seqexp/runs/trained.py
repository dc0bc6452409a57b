"""A finished run's network, to be used: from its directory alone, whatever has become of the data."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqexp import config
from seqexp.codecs import Answer, Codec, Options, Row
from seqexp.config.build import build_network, build_task
from seqexp.config.run_config import RunConfig
from seqexp.data.shape import Shape
from seqexp.networks import Network
from seqexp.numerics.functions import small_buffers
from seqexp.numerics.params import Params
from seqexp.runs import model
from seqexp.runs.parts import Parts
from seqexp.runs.result import RunResult, read_result
from seqexp.system import blas
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError
from seqexp.system.paths import BEST, CHECKPOINTS, CONFIG, PREDICTIONS
from seqexp.tasks import Task, passes
from seqexp.training.checkpoints import HEADER, load_weights

AT_ONCE = 64  # texts that are answered side by side
EVALUATED = 64  # examples side by side in an evaluation at least, as the trainer has them


class Trained:
    """A network with weights, as a codec asks it (``codecs.Answering``)."""

    def __init__(self, network: Network, p: Params) -> None:
        self.network, self.p = network, p
        self._tape = network.new_tape()

    def answers(self, batch: Any, state: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        y, after, _ = self.network.forward(self.p, batch, state, tape=self._tape, keep=False)
        return y.copy(), after.copy()  # the tape lends its memory to the next pass

    def generate(self, *what: Any, **how: Any) -> np.ndarray:
        return self.network.generate(self.p, *what, **how)


@dataclass(frozen=True)
class Usable:
    """A finished run that answers: its result and config, what its inputs mean, and its network."""

    result: RunResult
    run_config: RunConfig
    codec: Codec
    trained: Trained

    def predict(self, texts: Sequence[str], options: Options | None = None) -> list[Answer]:
        """What the network says to each text. UserError where one cannot be read."""
        options = options or Options()
        at_once = 1 if self.codec.alone else AT_ONCE
        answers: list[Answer] = []
        for start in range(0, len(texts), at_once):
            answers += self.codec.answer(self.trained, texts[start : start + at_once], options)
        return answers


def finished(path: Path) -> tuple[RunResult, RunConfig]:
    """A finished run's result and checked config. UserError where there is none, or where they do not fit together."""
    result = read_result(path)
    if result is None:
        raise UserError(f"{path}: expected the directory of a finished run; it has no result.json")
    if result.status != "FINISHED":
        raise UserError(f"{path}: expected a run that FINISHED; its status is {result.status!r}")
    run_config = config.stored(path / CONFIG)
    signed = run_config.of_files(result.files).signature
    if result.signature != signed:
        raise UserError(
            f"{path}: its config.yaml belongs to another run: it has the signature {signed}, "
            f"and result.json has {result.signature!r}"
        )
    return result, run_config


def best(path: Path, run_config: RunConfig, shape: Shape) -> tuple[Network, Params]:
    """A run's network and best weights. UserError where they do not fit the shape, or are damaged."""
    network = build_network(run_config.settings["model"], shape, run_config.settings.get("backend", "numpy"))
    return network, weights(path, network)


def weights(path: Path, network: Network) -> Params:
    """A run's best weights, of its network. UserError where they do not fit it, or are damaged."""
    file = path / CHECKPOINTS / BEST
    try:
        there = os.stat(file, follow_symlinks=False).st_size
    except OSError as error:
        raise UserError(f"{file}: expected the run's best weights; {error.strerror}") from None
    if there + HEADER < network.layout.size * np.dtype(np.float32).itemsize:  # before memory is taken for them
        raise UserError(f"{file}: expected the network's {network.layout.size:,} weights; the file has {there:,} bytes")
    p = load_weights(file, network.layout)
    if not np.isfinite(p.flat).all():
        raise UserError(f"{file}: expected finite weights")
    return p


def with_data(
    path: Path, data_dir: str | None = None, sources: Mapping[str, str] | None = None
) -> tuple[RunResult, RunConfig, Task, Network, Params]:
    """A finished run's result, config, task, network and best weights. UserError where they do not fit together, or
    where the data are not there.

    sources: where the user's own files are now, such as {"source": "moved.csv"}.
    """
    result, run_config = finished(path)
    settings = run_config.settings
    task = build_task({**settings["task"], **(sources or {})}, data_dir or settings["data_dir"])
    if result.data != task.fingerprint():
        raise UserError(f"{path}: the data differ from those that this run was trained on (another hash)")
    return result, run_config, task, *best(path, run_config, task.shape)


def usable(path: Path, data_dir: str | None = None, sources: Mapping[str, str] | None = None) -> Usable:
    """A finished run that answers. Its data are read only where an earlier version left no model/ and they are named by
    ``data_dir`` or ``sources``. UserError where something is missing, damaged, or another run's."""
    result, run_config = finished(path)
    codec = model.read(path, result)
    if codec is None and (data_dir or sources):
        codec = with_data(path, data_dir, sources)[2].codec()
    if codec is None:
        raise UserError(f"{path}: {_no_codec(run_config)}")
    network, p = best(path, run_config, codec.shape)
    return Usable(result, run_config, codec, Trained(network, p))


def of_objects(path: Path, result: RunResult, run_config: RunConfig, parts: Parts) -> Usable:
    """As ``usable``, of a run of this process whose task or network is an object. UserError where the task has no
    codec."""
    codec = parts.task.codec()
    if codec is None:
        raise UserError(f"predict: expected a task with a codec (Task.codec); {run_config.name('task')} has none")
    return Usable(result, run_config, codec, Trained(parts.network, weights(path, parts.network)))


def _no_codec(run_config: RunConfig) -> str:
    name = run_config.name("task")
    own = run_config.settings["task"].get("source", "")
    again = f"task.source={own}" if own else "data_dir=<folder>"
    return (
        "expected model/, which runs of earlier versions lack, as do those of tasks without a codec "
        f"(Task.codec, of {name} here); if its data are there, add {again}"
    )


def predictions(task: Task, network: Network, p: Params, batch_size: int) -> Iterator[Row]:
    """The rows of predictions.csv: each example of the test split, its true answer and the network's.

    ``batch`` says which examples were answered side by side: a score that is a mean of sums over batches is exactly
    the run's if it is added up so.
    """
    trained = Trained(network, p)
    if (rows := task.said(trained)) is not None:
        yield from rows
        return
    state = None
    for number, batch in enumerate(passes(task, "test", batch_size)):
        y, after = trained.answers(batch, state)
        state = after if task.carry_state else None
        yield from ({"batch": number} | row for row in task.record(batch, y))


def write_predictions(folder: Path, task: Task, network: Network, p: Params, settings: Mapping[str, Any]) -> None:
    """Write predictions.csv of a run with these settings, answered as its test was."""
    from seqexp.runs.tables import rows_as_csv

    with blas.limited_by(settings), small_buffers():
        rows = list(predictions(task, network, p, max(settings["training"]["batch_size"], EVALUATED)))
    write_text(folder / PREDICTIONS, rows_as_csv(rows))
