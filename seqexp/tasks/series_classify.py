"""To which class does a series of numbers belong? The last step answers."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, MinLen

from seqexp.codecs.series import Missing, SeriesClasses, columns
from seqexp.data import fetch, files, series_files, sources
from seqexp.data.batch import Batch, Split
from seqexp.data.generated import waves
from seqexp.data.series import Labelled, Scale, interpolated
from seqexp.data.splits import PARTS
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.plurals import counted
from seqexp.tasks import Metrics, Shape, Task, _labelled_series, register
from seqexp.tasks._epochs import Passes
from seqexp.tasks.scorers import ClassScorer

GENERATED_SIZES = {"val": 500, "test": 1000}
PUBLISHED = {"japanese-vowels": ("JapaneseVowels_TRAIN.ts", "JapaneseVowels_TEST.ts")}


@dataclass(frozen=True)
class _Series:
    """N series (T, X), and their classes (N,)."""

    series: list[np.ndarray]
    classes: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(one) for one in self.series])


@register("series_classify")
@dataclass(kw_only=True)
class SeriesClassify(Task):
    """Many-to-one classification of series of one or more channels, each of its own length.

    ``generated``: noisy waves with a rise and a fall (``data.generated.waves``); the class is which came first, so
    neither the mean nor a single step tells. ``examples`` new ones an epoch by (seed, epoch), 500 of validation and
    1,000 of the test by ``split_seed``.
    ``japanese-vowels``: two vowels of nine speakers, 12 channels, 7 to 29 steps (Kudo, Toyama and Shimbo 1999), with
    the published test set; a tenth of training is validation.
    Or a file: ``.ts`` as UEA and UCR publish them, ``.npz`` with x (N, T, X), y (N,) and lengths (N,), or a table, in
    long form (``id_column`` says which series a row is a step of) or wide form (a row is a series). It is split
    80/10/10 of each class by ``split_seed``, repeated series left out; ``val_source`` and ``test_source`` name files
    for these.

    A missing value is interpolated, or with ``missing=mask`` the channel's mean beside a channel that says so. Channels
    are scaled by the mean and deviation of the training part alone.

    The memoryless baselines: the commonest class, and logistic regression on the mean over steps, and on the last step.
    """

    source: str
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]
    missing: Missing
    label_column: str
    id_column: str | None = None
    time_column: str | None = None
    value_columns: Annotated[tuple[str, ...], MinLen(1)] | None = None
    val_source: str | None = None
    test_source: str | None = None
    data_dir: str | None = None

    primary_metric = "accuracy"
    direction = "max"

    def __post_init__(self) -> None:
        self.solved = 0.99 if self.source == "generated" else None
        if self.source == "generated":
            self._fingerprint = "generated"
            self._labels: tuple[str, ...] = waves.LABELS
            self._parts = {split: self._generated(split, self.split_seed, 0) for split in PARTS}
        else:
            self._parts = self._read()
        self._scale = Scale.of(self._parts["train"].series)
        self._passes = Passes("series_classify", self._draw, lambda split: len(self._parts[split].series))

    def _generated(self, split: Split, seed: int, epoch: int) -> _Series:
        which = PARTS.index(split)
        rng = stream(seed, Purpose.SPLIT, which) if which else stream(seed, Purpose.DATA, epoch)
        drawn, labels = waves.waves(rng, GENERATED_SIZES.get(split, self.examples))
        return _Series(drawn, np.array([waves.LABELS.index(label) for label in labels]))

    def _read(self) -> dict[Split, _Series]:
        named = ("generated", *PUBLISHED)
        own: dict[str, object] = {"val_source": self.val_source, "test_source": self.test_source}
        if self.source in PUBLISHED:
            table: dict[str, object] = {
                "id_column": self.id_column,
                "time_column": self.time_column,
                "value_columns": self.value_columns,
            }
            files.no_own_parts(self.source, own | table)
            self._fingerprint = sources.fingerprint(self.source)
            train, test = (fetch.locate(self.data_dir, self.source, file) for file in PUBLISHED[self.source])
            paths: dict[Split, Path] = {"train": train, "test": test}
        else:
            held_out: dict[Split, str | None] = {"val": self.val_source, "test": self.test_source}
            found = files.own_paths(self.source, named, series_files.SUFFIXES, held_out)
            self._fingerprint, paths = files.fingerprint(found), found
        described = series_files.Columns(self.label_column, self.id_column, self.time_column, self.value_columns or ())
        whole = {split: series_files.read(path, described) for split, path in paths.items()}
        return self._divided(whole)

    def _divided(self, whole: dict[Split, Labelled]) -> dict[Split, _Series]:
        kept, divided = _labelled_series.divided(whole, self.split_seed, self.source, "series")
        self._labels = divided.labels
        channels = counted(len(whole["train"].channels), "channel")
        _labelled_series.tell(whole, divided, self.source, "series", channels, [len(one) for one in kept])
        return {
            split: _Series([kept[row] for row in rows], divided.classes[rows]) for split, rows in divided.splits.items()
        }

    def _draw(self, split: Split, seed: int, epoch: int) -> _Series:
        fresh = split == "train" and self.source == "generated"
        return self._generated(split, seed, epoch) if fresh else self._parts[split]

    @property
    def labels(self) -> tuple[str, ...]:
        return self._labels

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> SeriesClasses:
        return SeriesClasses(self._labels, self._scale.mean, self._scale.deviation, self.missing)

    def batches(self, split: Split, batch_size: int) -> int:
        return self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (T, X, B) float32, scaled; target (B,); lengths (B,), longest first."""
        of, rows = self._passes.rows(seed, split, index, batch_size)
        x, lengths = columns([of.series[row] for row in rows], self._scale, self.missing)
        return Batch(x, of.classes[rows], lengths)

    def scorer(self) -> ClassScorer:
        return ClassScorer(self._labels)

    def baselines(self) -> Metrics:
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        train, test = self._parts["train"], self._parts["test"]
        whole = [[self._scale(interpolated(one)) for one in part.series] for part in (train, test)]
        seen = {
            "mean step": [np.array([one.mean(axis=0) for one in part]) for part in whole],
            "last step": [np.array([one[-1] for one in part]) for part in whole],
        }
        found = {
            name: _labelled_series.linear(fitted, train.classes, asked, test.classes)
            for name, (fitted, asked) in seen.items()
        }
        return {"majority": _labelled_series.majority(train.classes, test.classes), **found}

    def fingerprint(self) -> str:
        return self._fingerprint
