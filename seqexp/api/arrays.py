"""Arrays that are there already, as a task: ``seqexp.run(task=(X, y), model="lstm")``."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

from seqexp.codecs import Codec
from seqexp.codecs.arrays import SeriesCurves, SeriesTags, SeriesValues, SymbolCurves, SymbolTags, SymbolValues
from seqexp.codecs.classes import SymbolClasses
from seqexp.codecs.series import SeriesClasses
from seqexp.data import splits
from seqexp.data.batch import Batch, Split
from seqexp.data.series import Scale
from seqexp.data.shape import Answers, Shape
from seqexp.data.splits import PARTS
from seqexp.system.errors import UserError
from seqexp.tasks import Metrics, Scorer, Task
from seqexp.tasks._epochs import FixedPasses
from seqexp.tasks.scorers import ClassScorer, ValueScorer

FORMS = "X (examples, steps, features), (examples, steps), or a list of arrays of different lengths"
Pair = tuple[Any, Any]
# Whether classes are told, and at which steps.
OF_SYMBOLS: dict[tuple[bool, Answers], type[SymbolClasses]] = {
    (True, "last"): SymbolClasses,
    (True, "steps"): SymbolTags,
    (False, "last"): SymbolValues,
    (False, "steps"): SymbolCurves,
}
OF_SERIES: dict[tuple[bool, Answers], type[SeriesClasses]] = {
    (True, "last"): SeriesClasses,
    (True, "steps"): SeriesTags,
    (False, "last"): SeriesValues,
    (False, "steps"): SeriesCurves,
}
WIDEST = 2000  # features or tokens for which what one step tells is worked out


class Arrays(Task):
    """Examples X and what is to be told of each, y, with a row an example.

    X: floats (N, T, F), or (N, T) for one feature; integers (N, T) are tokens; or a list of N arrays (T, F) or (T,) of
       different lengths. Features are scaled by the mean and deviation of the training part.
    y: (N,) classes (integers, strings, booleans), or (N,) or (N, K) floats, told at the last step; or with a step a
       row, (N, T) classes or (N, T, K) floats, told at each step. ``answers`` ("last" or "steps") says which where the
       shapes do not: without it (N, T) floats are told at each step.

    80, 10 and 10 % are for training, validation and test, drawn by ``split_seed``; equal examples are in one part.
    ``val`` and ``test`` are pairs (X, y) that are there for these. The baselines without memory: the commonest class or
    the mean, and what the last step alone tells (that step, where each is told).
    """

    name = "arrays"
    primary_metric = ""
    direction: Literal["max", "min"] = "min"

    def __init__(
        self,
        X: Any,
        y: Any,
        *,
        answers: Answers | None = None,
        val: Pair | None = None,
        test: Pair | None = None,
        split_seed: int = 0,
    ) -> None:
        parts = {"train": (X, y), "val": val, "test": test}
        given: list[Split] = []
        x: list[np.ndarray] = []
        told: list[np.ndarray] = []
        for split in PARTS:
            if (pair := parts[split]) is not None:
                examples, said = _examples(pair[0]), _rows(pair[1])
                if len(examples) != len(said):
                    raise UserError(f"y: expected {len(examples)} rows, one an example of X; got {len(said)}")
                given, x, told = [*given, *[split] * len(examples)], [*x, *examples], [*told, *said]
        self.split_seed, self.answers = split_seed, answers or _answers(x, told)
        self._x = _alike(x)
        self._tokens = self._x[0].ndim == 1
        self._labels, self._y = self._told(told)
        self.primary_metric, self.direction = ("accuracy", "max") if self._labels else ("mse", "min")
        self._splits = self._divided(given if val or test else None)
        if not self._tokens:
            self._scale = Scale.of([self._x[row] for row in self._splits["train"]])
        self._passes = FixedPasses(self.name, self._splits, np.array([len(one) for one in self._x]))

    def _told(self, told: list[np.ndarray]) -> tuple[tuple[str, ...], list[np.ndarray]]:
        """The classes' names, empty of values; and each example's classes () or (T,), or values (K,) or (T, K)."""
        flat = np.concatenate([np.ravel(one) for one in told])
        is_class = not np.issubdtype(flat.dtype, np.floating)
        steps = self.answers == "steps"
        if is_class and not steps:  # a column (N, 1)
            told = [one[0] if one.shape == (1,) else one for one in told]
        for n, one in enumerate(told):
            depth = one.ndim - steps
            if depth not in ((0,) if is_class else (0, 1)) or (steps and len(one) != len(self._x[n])):
                expected = f"{len(self._x[n])} steps" if steps else "one answer"
                raise UserError(f"y: expected {expected} of example {n}; got an array of shape {one.shape}")
        if not is_class:
            if not np.isfinite(flat).all():
                raise UserError("y: expected finite numbers; got nan or inf")
            values = [one.reshape(*one.shape[:steps], -1).astype(np.float32) for one in told]
            if len({one.shape[-1] for one in values}) > 1:
                raise UserError("y: expected as many values of each example")
            return (), values
        names = np.unique(flat)
        if len(names) < 2:
            raise UserError(f"y: expected two classes at least, or floats; got only {names.tolist()[:1]}")
        return tuple(map(str, names.tolist())), [np.searchsorted(names, one) for one in told]

    def _divided(self, given: list[Split] | None) -> dict[Split, np.ndarray]:
        same = [one.tobytes() + str(one.shape).encode() for one in self._x]
        rows = np.arange(len(same))
        try:
            if self._labels and self.answers == "last":
                found = splits.divide(same, [str(n) for n in self._y], self.split_seed, "X, y", given, "examples")
                return {split: np.array(found.kept)[part] for split, part in found.splits.items()}
            parts: dict[Split, Sequence[int]] = {
                split: rows[np.array(given) == split].tolist() for split in dict.fromkeys(given or ())
            }
            parts = parts or {"train": rows.tolist()}
            filled = splits.filled(parts, lambda row: same[row], self.split_seed, "X, y", "examples")
        except UserError as error:
            raise UserError(str(error).replace("task.source: ", "")) from None
        return {split: np.array(part) for split, part in filled.items()}

    @property
    def shape(self) -> Shape:
        inputs = int(max(one.max() for one in self._x)) + 1 if self._tokens else self._x[0].shape[1]
        outputs = len(self._labels) or self._y[0].shape[-1]
        loss: Literal["softmax", "squared"] = "softmax" if self._labels else "squared"
        return Shape(inputs, self._tokens, outputs, self.answers, loss, causal=self.answers == "last")

    def codec(self) -> Codec:
        names = self._labels or tuple(f"y{number + 1}" for number in range(self.shape.outputs))
        if self._tokens:
            return OF_SYMBOLS[bool(self._labels), self.answers](tuple(map(str, range(self.shape.inputs))), names)
        kind = OF_SERIES[bool(self._labels), self.answers]
        return kind(names, self._scale.mean, self._scale.deviation, "interpolate")

    def batches(self, split: Split, batch_size: int) -> int:
        return self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (T, B) or (T, F, B), scaled; target (B,), (K, B), (T, B) or (T, K, B); lengths (B,), longest first."""
        rows = self._passes.rows(seed, split, index, batch_size)
        lengths = np.array([len(self._x[row]) for row in rows])
        x = _padded([self._seen(row) for row in rows], -1)
        y = [self._y[row] for row in rows]
        if self.answers == "last":
            return Batch(x, np.stack(y, axis=-1), lengths)
        return Batch(x, _padded(y, 0), lengths, np.arange(len(x))[:, None] < lengths)

    def _seen(self, row: int) -> np.ndarray:
        one = self._x[row]
        return one if self._tokens else self._scale(one).astype(np.float32)

    def scorer(self) -> Scorer:
        return ClassScorer(self._labels) if self._labels else ValueScorer()

    def baselines(self) -> Metrics:
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        from sklearn.linear_model import LinearRegression, LogisticRegression

        (x, y), (asked, truth) = (self._steps(self._splits[split]) for split in ("train", "test"))
        if self._labels:
            common = np.bincount(y).argmax()
            found = {"majority": float(np.mean(truth == common))}
            if len(np.unique(y)) > 1 and 0 < x.shape[1] <= WIDEST:
                found["one step"] = float(LogisticRegression(max_iter=2000).fit(x, y).score(asked, truth))
            return found
        said = {"mean": y.mean(axis=0)}
        if 0 < x.shape[1] <= WIDEST:
            said["one step"] = LinearRegression().fit(x, y).predict(asked)
        return {name: float(np.mean(np.square(truth - guess))) for name, guess in said.items()}

    def _steps(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps that are answered, alone: as numbers (n, F), of tokens one-hot; and their answers (n,) or (n, K)."""
        last = slice(-1, None) if self.answers == "last" else slice(None)
        x = np.concatenate([self._seen(row)[last] for row in rows])
        if self._tokens and self.shape.inputs <= WIDEST:
            x = np.eye(self.shape.inputs, dtype=np.float32)[x]
        elif self._tokens:
            x = np.zeros((len(x), 0))
        if self.answers == "last":
            return x, np.stack([self._y[row] for row in rows])
        return x, np.concatenate([self._y[row] for row in rows])

    def fingerprint(self) -> str:
        digest = hashlib.sha256(f"{self.answers} {self.split_seed} {self._labels}".encode())
        for one in (*self._x, *self._y, *(self._splits[split] for split in PARTS)):
            digest.update(str((one.shape, one.dtype.str)).encode() + np.ascontiguousarray(one).tobytes())
        return digest.hexdigest()


def _rows(values: Any) -> list[np.ndarray]:
    """One array an example of an array or of a list, which may be ragged."""
    try:
        return [np.asarray(one) for one in np.asarray(values)]
    except ValueError:
        return [np.asarray(one) for one in values]


def _examples(X: Any) -> list[np.ndarray]:
    """Tokens (T,) int32 or numbers (T, F) float64 of each. UserError where X has no such form."""
    if isinstance(X, str) or not hasattr(X, "__len__"):
        raise UserError(f"X: expected {FORMS}; got a {type(X).__name__}")
    found = []
    for n, one in enumerate(_rows(X)):
        if one.dtype.kind in "iub" and one.ndim == 1:
            found.append(one.astype(np.int32))
        elif one.dtype.kind in "iubf" and one.ndim in (1, 2):
            found.append(one.reshape(len(one), -1).astype(np.float64))
        else:
            texts = "; for texts take task=sentiment with a file" if one.dtype.kind in "US" else ""
            raise UserError(f"X: expected {FORMS}; got example {n} of shape {one.shape}, {one.dtype}{texts}")
        if not len(one) or not np.isfinite(found[-1]).all() or (found[-1].ndim == 1 and found[-1].min() < 0):
            raise UserError(f"X: expected finite numbers, and tokens from 0 on; example {n} has none or others")
    if not found:
        raise UserError("X: expected examples; got none")
    return found


def _alike(x: list[np.ndarray]) -> list[np.ndarray]:
    if len({one.shape[1:] for one in x}) > 1:
        raise UserError(f"X: expected as many features of each example; got {sorted({one.shape[1:] for one in x})}")
    return x


def _answers(x: list[np.ndarray], y: list[np.ndarray]) -> Answers:
    """At each step where every y has as many rows as its example has steps."""
    return "steps" if all(one.ndim and len(one) == len(each) for one, each in zip(y, x, strict=True)) else "last"


def _padded(columns: list[np.ndarray], empty: int) -> np.ndarray:
    """Arrays (T, …) side by side, (T, …, B); ``empty`` past a column's end where they hold integers."""
    first = columns[0]
    fill = empty if first.dtype.kind == "i" else 0
    found = np.full((max(map(len, columns)), *first.shape[1:], len(columns)), fill, first.dtype)
    for n, one in enumerate(columns):
        found[: len(one), ..., n] = one
    return found
