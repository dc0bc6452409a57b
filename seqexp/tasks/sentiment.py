"""Is a text positive or negative? The last step answers; order decides where words alone do not."""

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
from annotated_types import Ge

from seqexp.batch import Batch, Purpose, stream
from seqexp.data import catalogue, fetch, tables, text
from seqexp.data.text import Ragged, Vocabulary
from seqexp.errors import UserError
from seqexp.tasks import Generator, Metrics, Shape, Split, register
from seqexp.tasks._reviews import VOCABULARY, Reviews
from seqexp.tasks.artifacts import Artifact
from seqexp.tasks.scoring import ClassScorer

GENERATED_SIZES = {"val": 1000, "test": 2000}  # a standard error of 0.004 at a test accuracy of 0.97

_log = logging.getLogger(__name__)
Words = list[list[str]]


class Source(Protocol):
    """Labelled texts in three splits."""

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    fingerprint: str

    def size(self, split: Split) -> int: ...
    def texts(self, split: Split, seed: int, epoch: int) -> tuple[Ragged, np.ndarray]:
        """The split's texts as ids, and their classes (N,)."""
        ...

    def words(self, split: Split) -> tuple[Words, np.ndarray]:
        """What a score that needs no memory sees: the texts uncut and with all their words, and their classes (N,)."""
        ...


@register("sentiment")
@dataclass(kw_only=True)
class Sentiment:
    """Many-to-one classification of texts, from one of three kinds of source.

    ``generated``: reviews from a seeded grammar (see ``tasks._reviews``) in which words alone do not decide. Each
    epoch draws ``examples`` new ones by (seed, epoch); 1,000 validation and 2,000 test reviews come from
    ``split_seed``, and no text occurs in two splits.

    ``rt-polarity``: 10,662 sentences (Pang and Lee 2005), split on spaces as they come.

    A ``.csv``, ``.tsv`` or ``.jsonl`` file with ``text_column`` and ``label_column``: any number of classes; texts are
    lower-cased and cut into words and punctuation marks by ``data.text.words``.

    Real texts are split 80/10/10 within each class by ``split_seed``, after leaving out those that repeat an earlier
    one. The vocabulary is that of the training part: words seen there at least ``min_count`` times; others are
    ``<unk>``. Only the first ``max_length`` words are read.

    ``data_dir``: where data sets lie; None means ``data.fetch.default_data_dir()``.
    """

    source: str
    split_seed: Annotated[int, Ge(0)]
    gap: Annotated[int, Ge(0)]
    examples: Annotated[int, Ge(2)]
    min_count: Annotated[int, Ge(1)]
    max_length: Annotated[int, Ge(1)]
    text_column: str
    label_column: str
    data_dir: str | None = None

    primary_metric = "accuracy"
    direction = "max"

    def __post_init__(self) -> None:
        self._source: Source
        if self.source == "generated":
            self._source = _Generated(self)
        else:
            self._source = _Real(self, *_read(self.source, self.text_column, self.label_column, self.data_dir))
        self._plans: dict[Split, tuple[tuple[int, int, int], _Plan]] = {}

    @property
    def shape(self) -> Shape:
        return Shape(
            inputs=len(self._source.vocabulary),
            tokens=True,
            outputs=len(self._source.labels),
            answers="last",
            loss="softmax",
        )

    @property
    def vocabulary(self) -> Vocabulary:
        """What the ids in a batch stand for."""
        return self._source.vocabulary

    @property
    def labels(self) -> tuple[str, ...]:
        """What the classes in a batch stand for."""
        return self._source.labels

    def batches(self, split: Split, batch_size: int) -> int:
        return -(-self._source.size(split) // batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """Texts of similar length. x (T, B) int32, target (B,) int64, lengths (B,) int64 in descending order."""
        epoch, position = divmod(index, self.batches(split, batch_size))
        if split != "train":
            if epoch:
                raise IndexError(f"sentiment: {split} has {self.batches(split, batch_size)} batches, got index {index}")
            seed = 0
        plan = self._plan(split, seed, epoch, batch_size)
        rows = plan.batches[position]
        x, lengths = plan.texts.padded(rows)
        return Batch(x, plan.classes[rows], lengths)

    def _plan(self, split: Split, seed: int, epoch: int, batch_size: int) -> "_Plan":
        """One pass over a split; the last one asked for is kept, as batches are mostly asked for in order."""
        key = (seed, epoch, batch_size)
        if split not in self._plans or self._plans[split][0] != key:
            texts, classes = self._source.texts(split, seed, epoch)
            rng = stream(seed, Purpose.ORDER, epoch) if split == "train" else None
            self._plans[split] = key, _Plan(texts, classes, text.buckets(texts.lengths, batch_size, rng))
        return self._plans[split][1]

    def scorer(self) -> ClassScorer:
        return ClassScorer(self._source.labels)

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        return {}, []

    def baselines(self) -> Metrics:
        """Test accuracy of the commonest class and of Naive Bayes on which words are there, however often.

        Both are fitted to the training part (of a generated source: to the reviews of an epoch), with every word.
        """
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        train, classes = self._source.words("train")
        test, truth = self._source.words("test")
        bayes = naive_bayes().fit(train, classes)
        return {
            "majority": float(np.mean(truth == np.bincount(classes).argmax())),
            "naive_bayes": float(bayes.score(test, truth)),
        }

    def fingerprint(self) -> str:
        return self._source.fingerprint


@dataclass(frozen=True)
class _Plan:
    """One pass over a split: texts, classes (N,), and the rows of each batch."""

    texts: Ragged
    classes: np.ndarray
    batches: list[np.ndarray]


class _Generated:
    labels = Reviews.labels
    vocabulary = VOCABULARY
    fingerprint = "generated"

    def __init__(self, task: Sentiment) -> None:
        self._reviews = Reviews(task.gap, task.split_seed)
        self._sizes = {"train": task.examples, **GENERATED_SIZES}

    def size(self, split: Split) -> int:
        return self._sizes[split]

    def texts(self, split: Split, seed: int, epoch: int) -> tuple[Ragged, np.ndarray]:
        return self._reviews.draw(split, seed, epoch, self._sizes[split])

    def words(self, split: Split) -> tuple[Words, np.ndarray]:
        texts, classes = self.texts(split, self._reviews.split_seed, 0)
        return [VOCABULARY.decode(texts[row]) for row in range(len(texts))], classes


class _Real:
    def __init__(self, task: Sentiment, words: Words, labels: list[str], fingerprint: str) -> None:
        self.fingerprint = fingerprint
        first = {tuple(tokens): row for row, tokens in reversed(list(enumerate(words)))}
        if len(first) < len(words):
            _log.warning(
                "%s: %d of %d rows repeat an earlier text and are left out, so that no test text is seen in training",
                task.source,
                len(words) - len(first),
                len(words),
            )
        kept = sorted(first.values())
        self._words = [words[row] for row in kept]
        self.labels = tuple(sorted(set(labels)))
        numbers = {label: number for number, label in enumerate(self.labels)}
        self._classes = np.array([numbers[labels[row]] for row in kept])  # (N,)
        counts = np.bincount(self._classes, minlength=len(self.labels))
        if counts.min() < 3:
            raise UserError(
                f"task.source: {task.source}: expected at least 3 different texts of each class, for training, "
                f"validation and test; class {self.labels[counts.argmin()]!r} has {counts.min()}"
            )
        self._rows = dict(zip(("train", "val", "test"), tables.stratified(self._classes, task.split_seed), strict=True))
        self.vocabulary = Vocabulary.build((self._words[row] for row in self._rows["train"]), task.min_count)
        self._texts = Ragged.of([self.vocabulary.encode(tokens[: task.max_length]) for tokens in self._words])
        if cut := sum(len(tokens) > task.max_length for tokens in self._words):
            _log.warning(
                "%s: %d of %d texts are cut to their first %d words (task.max_length)",
                task.source,
                cut,
                len(self._words),
                task.max_length,
            )

    def size(self, split: Split) -> int:
        return len(self._rows[split])

    def texts(self, split: Split, seed: int, epoch: int) -> tuple[Ragged, np.ndarray]:
        return self._texts.take(self._rows[split]), self._classes[self._rows[split]]

    def words(self, split: Split) -> tuple[Words, np.ndarray]:
        return [self._words[row] for row in self._rows[split]], self._classes[self._rows[split]]


def _read(source: str, text_column: str, label_column: str, data_dir: str | None) -> tuple[Words, list[str], str]:
    """Words and label of each row, and a hash of the file or files."""
    if source == "rt-polarity":
        return _rt_polarity(data_dir)
    path = Path(source).expanduser()
    if path.suffix.lower() not in tables.SUFFIXES:
        raise UserError(
            f"task.source: expected generated, rt-polarity, or a file ending in {', '.join(tables.SUFFIXES)}; "
            f"got {source!r}"
        )
    if not path.is_file():
        raise UserError(f"task.source: expected an existing file; there is no {path.absolute()}")
    table = tables.read(path, text_column, label_column)
    return [text.words(row) for row in table.texts], list(table.labels), fetch.sha256(path)


def _rt_polarity(data_dir: str | None) -> tuple[Words, list[str], str]:
    words: Words = []
    labels: list[str] = []
    for label, file in (("negative", "rt-polarity.neg"), ("positive", "rt-polarity.pos")):
        path = fetch.locate(data_dir, "rt-polarity", file)
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # splitlines() would also cut at U+0085
        words += [line.split() for line in lines]
        labels += [label] * len(lines)
    hashes = "".join(file.sha256 for file in catalogue.FILES["rt-polarity"].values())
    return words, labels, hashlib.sha256(hashes.encode()).hexdigest()


def naive_bayes() -> Any:
    """An unfitted scikit-learn pipeline over lists of words: multinomial Naive Bayes on which words are there."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    return make_pipeline(CountVectorizer(analyzer=list, binary=True), MultinomialNB())


def naive_bayes_cross_validation(data_dir: str | None = None, folds: int = 10, split_seed: int = 0) -> float:
    """Mean accuracy of Naive Bayes on rt-polarity over stratified folds; 0.78 is what is known."""
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    words, labels, _ = _rt_polarity(data_dir)
    order = stream(split_seed, Purpose.SPLIT).permutation(len(words))
    texts = [words[row] for row in order]
    return float(np.mean(cross_val_score(naive_bayes(), texts, np.array(labels)[order], cv=StratifiedKFold(folds))))
