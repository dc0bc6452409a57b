"""One-to-one: a row of numbers, one answer. A single step, in which a recurrent network has nothing to remember."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge, MinLen

from seqexp.codecs.series import Missing, RowClasses, columns
from seqexp.data import files, series_files
from seqexp.data.batch import Batch, Split
from seqexp.data.series import Labelled, Scale
from seqexp.system.errors import UserError
from seqexp.tasks import Metrics, Shape, Task, _labelled_series, register
from seqexp.tasks._epochs import FixedPasses
from seqexp.tasks.scorers import ClassScorer

EMBEDDED = ("breast-cancer", "iris", "wine")


@register("one_to_one")
@dataclass(kw_only=True)
class OneToOne(Task):
    """To which class does a row belong? T is 1: there is no step before, so that W_hh only ever meets the first state.
    It completes the table of shapes, and is a check: no cell should be better than another, and a linear classifier is
    hard to beat.

    ``breast-cancer``, ``iris``, ``wine``: the tables that come with scikit-learn. Or a .csv or .tsv of one's own, of
    numbers and a class in ``label_column``. It is split 80/10/10 of each class by ``split_seed``, repeated rows left
    out; ``val_source`` and ``test_source`` name files for these.

    Numbers are scaled by the mean and deviation of the training part. Where some are missing, they are the mean, and as
    many numbers again say where.
    """

    source: str
    split_seed: Annotated[int, Ge(0)]
    label_column: str
    value_columns: Annotated[tuple[str, ...], MinLen(1)] | None = None
    val_source: str | None = None
    test_source: str | None = None

    primary_metric = "accuracy"
    direction = "max"

    def __post_init__(self) -> None:
        whole = self._embedded() if self.source in EMBEDDED else self._read()
        self._names = whole["train"].channels
        self._rows, divided = _labelled_series.divided(whole, self.split_seed, self.source, "rows")
        self._labels, self._classes, self._splits = divided.labels, divided.classes, divided.splits
        gaps = int(np.isnan(np.concatenate(self._rows)).sum())
        self._missing: Missing = "mask" if gaps else "interpolate"
        train = np.concatenate([self._rows[row] for row in self._splits["train"]])
        if (empty := np.isnan(train).all(axis=0)).any():
            name = self._names[int(empty.argmax())]
            raise UserError(f"task.source: {self.source}: expected numbers for training in column {name!r}; got none")
        self._scale = Scale.of([train])
        self._passes = FixedPasses("one_to_one", self._splits, np.ones(len(self._rows), np.int64))
        _labelled_series.tell(whole, divided, self.source, "rows", f"{len(self._names)} numbers", ())

    def _embedded(self) -> dict[Split, Labelled]:
        from sklearn import datasets

        files.no_own_parts(
            self.source,
            {"val_source": self.val_source, "test_source": self.test_source, "value_columns": self.value_columns},
        )
        found = getattr(datasets, f"load_{self.source.replace('-', '_')}")()
        self._fingerprint = hashlib.sha256(found.data.tobytes() + found.target.tobytes()).hexdigest()
        labels = [str(found.target_names[number]) for number in found.target]
        return {"train": Labelled([row[None] for row in found.data], labels, tuple(map(str, found.feature_names)))}

    def _read(self) -> dict[Split, Labelled]:
        held_out: dict[Split, str | None] = {"val": self.val_source, "test": self.test_source}
        paths = files.own_paths(self.source, EMBEDDED, (".csv", ".tsv"), held_out)
        self._fingerprint = files.fingerprint(paths)
        values = self.value_columns or ()
        found = {split: series_files.read_rows(path, self.label_column, values) for split, path in paths.items()}
        for split, part in found.items():
            if not part.series or not part.channels:
                raise UserError(f"{paths[split]}: expected rows of numbers beside {self.label_column!r}; it has none")
        return found

    @property
    def labels(self) -> tuple[str, ...]:
        return self._labels

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> RowClasses:
        return RowClasses(self._labels, self._scale.mean, self._scale.deviation, self._missing)

    def batches(self, split: Split, batch_size: int) -> int:
        return self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (1, X, B) float32, scaled; target (B,)."""
        rows = self._passes.rows(seed, split, index, batch_size)
        return Batch(self._seen(rows), self._classes[rows])

    def _seen(self, rows: np.ndarray) -> np.ndarray:
        return columns([self._rows[row] for row in rows], self._scale, self._missing)[0]

    def scorer(self) -> ClassScorer:
        return ClassScorer(self._labels)

    def baselines(self) -> Metrics:
        """Test accuracy of the commonest class, and of logistic regression on the same numbers."""
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        train, test = self._splits["train"], self._splits["test"]
        fitted, truth = self._classes[train], self._classes[test]
        return {
            "majority": _labelled_series.majority(fitted, truth),
            "linear": _labelled_series.linear(self._seen(train)[0].T, fitted, self._seen(test)[0].T, truth),
        }

    def fingerprint(self) -> str:
        return self._fingerprint
