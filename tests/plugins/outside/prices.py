"""Numbers from a CSV file: tell what a column was some rows ago."""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge

from seqexp.data.batch import Batch, Split
from seqexp.data.fetch import sha256
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import Metrics, Shape, Task, register
from seqexp.tasks.artifacts import Artifact
from seqexp.tasks.metrics import Metric
from seqexp.tasks.metrics import register as register_metric

register_metric(Metric("mae", "mean absolute error", "min"))
register_metric(Metric("r2", "R² (fraction of the variance explained)", "max"))


@register("prices")
@dataclass(kw_only=True)
class Prices(Task):
    """Rows of a column, the last of which asks for the value ``lag`` rows before it.

    source: a CSV file with a header; the first 80 % of the rows are for training, 10 % each for validation and test.
    column: of it; its numbers are scaled to mean 0 and variance 1 of the training part.
    lag:    rows between the value asked for and the row that asks.
    """

    source: str
    column: str
    lag: Annotated[int, Ge(1)]

    primary_metric = "mae"
    direction = "min"
    solved = 0.2
    distance = "lag"
    shape = Shape(inputs=1, tokens=False, outputs=1, answers="last", loss="squared")

    def __post_init__(self) -> None:
        beside = Path(__file__).parent / self.source  # where the plug-in's own file is
        self._path = beside if beside.is_file() else Path(self.source)
        values = _read(self._path, self.column)
        ends = [0, int(0.8 * len(values)), int(0.9 * len(values)), len(values)]
        train = values[: ends[1]]
        values = (values - train.mean()) / train.std()
        self._parts = {split: values[ends[k] : ends[k + 1]] for k, split in enumerate(("train", "val", "test"))}
        if len(self._parts["val"]) <= self.lag:
            raise UserError(
                f"task.lag: expected less than {len(self._parts['val'])}, with {self.source}; got {self.lag}"
            )

    def batches(self, split: Split, batch_size: int) -> int:
        return -(-(len(self._parts[split]) - self.lag) // batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (T, 1, B), target (1, B): windows of lag + 1 rows, in training in an order drawn each epoch."""
        windows = np.lib.stride_tricks.sliding_window_view(self._parts[split], self.lag + 1).T  # (T, N)
        epoch, position = divmod(index, self.batches(split, batch_size))
        if split == "train":
            windows = windows[:, stream(seed, Purpose.ORDER, epoch).permutation(windows.shape[1])]
        x = windows[:, position * batch_size : (position + 1) * batch_size]
        return Batch(x[:, None], x[:1])

    def scorer(self) -> "PriceScorer":
        return PriceScorer()

    def baselines(self) -> Metrics:
        """The mean absolute error on the test rows of what needs no memory: the mean, and the row that asks."""
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        now, then = self._parts["test"][self.lag :], self._parts["test"][: -self.lag]
        return {"the mean": float(np.abs(then).mean()), "the same as now": float(np.abs(then - now).mean())}

    def fingerprint(self) -> str:
        return sha256(self._path)


class PriceScorer:
    """mae, and r2: 1 - squared error / variance."""

    def __init__(self) -> None:
        self._pairs: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, batch: Batch, y: np.ndarray) -> None:
        self._pairs.append((batch.answers()[0].astype(np.float64), y[0].astype(np.float64)))

    def metrics(self) -> Metrics:
        truth, answer = (np.concatenate(part) for part in zip(*self._pairs, strict=True))
        error = truth - answer
        return {"mae": float(np.abs(error).mean()), "r2": float(1 - (error**2).mean() / truth.var())}

    def artifacts(self) -> list[Artifact]:
        return []


def _read(path: Path, column: str) -> np.ndarray:
    """The column's numbers. UserError names the file, and the line that has none."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if column not in (rows.fieldnames or ()):
                raise UserError(
                    f"task.column: expected one of {', '.join(rows.fieldnames or ())} of {path}; got {column!r}"
                )
            return np.array([_number(row[column], f"{path}, line {rows.line_num}") for row in rows])
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"task.source: expected a CSV file; {path} cannot be read ({error})") from error


def _number(text: str | None, where: str) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise UserError(f"task.source: {where}: expected a number; got {text!r}") from None
