"""What the tasks that classify texts share: sources of labelled texts, batches of them, and word-counting baselines."""

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from seqexp.data import labelled_files
from seqexp.data.batch import Batch, Split
from seqexp.data.corpora import Corpus
from seqexp.data.text import Ragged, Vocabulary
from seqexp.tasks import Metrics, Scorer, Shape, Task
from seqexp.tasks._epochs import Passes
from seqexp.tasks.scorers import ClassScorer

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


class TextClassifier(Task):
    """Many-to-one: a text's last step names its class. A task calls ``_read_from`` with its source, once."""

    name: str
    direction = "max"
    _source: Source

    def _read_from(self, source: Source) -> None:
        self._source = source
        self._passes = Passes(
            self.name, lambda split, seed, epoch: _Examples(*source.texts(split, seed, epoch)), source.size
        )

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
        return self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """Texts of similar length. x (T, B) int32, target (B,) int64, lengths (B,) int64 in descending order."""
        examples, rows = self._passes.rows(seed, split, index, batch_size)
        x, lengths = examples.texts.padded(rows)
        return Batch(x, examples.classes[rows], lengths)

    def scorer(self) -> Scorer:
        return ClassScorer(self._source.labels)

    def baselines(self) -> Metrics:
        """The test score of the commonest class, and of Naive Bayes on which words are there, however often.

        Both are fitted to the training part (of a generated source: to the reviews of an epoch), with every word.
        """
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        from sklearn.metrics import accuracy_score, f1_score

        train, classes = self._source.words("train")
        test, truth = self._source.words("test")

        def score(answer: np.ndarray) -> float:
            if self.primary_metric == "macro_f1":
                return float(f1_score(truth, answer, average="macro", zero_division=0))
            return float(accuracy_score(truth, answer))

        return {
            "majority": score(np.full(len(truth), np.bincount(classes).argmax())),
            "naive_bayes": score(naive_bayes().fit(train, classes).predict(test)),
        }

    def fingerprint(self) -> str:
        return self._source.fingerprint


@dataclass(frozen=True)
class _Examples:
    """What one pass goes through: texts, and their classes (N,)."""

    texts: Ragged
    classes: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return self.texts.lengths


class FixedTexts:
    """A corpus as it lies in a file: split by ``labelled_files.divide``, with the vocabulary of its training part."""

    def __init__(
        self,
        corpus: Corpus,
        cut: Callable[[str], Sequence[str]],
        *,
        source: str,
        split_seed: int,
        min_count: int,
        max_length: int,
        same: Callable[[Sequence[str]], Hashable] = tuple,
    ) -> None:
        """``cut`` makes tokens of a text; texts for whose tokens ``same`` gives equal values are never in two splits.

        Tokens seen less than ``min_count`` times in training are unknown; ``max_length`` of a text's are read.
        ``source`` is for messages.
        """
        self.fingerprint = corpus.fingerprint
        words = [list(cut(row)) for row in corpus.texts]
        divided = labelled_files.divide([same(tokens) for tokens in words], corpus.labels, split_seed, source)
        self.labels, self._classes, self._rows = divided.labels, divided.classes, divided.splits
        self._words = [words[row] for row in divided.kept]
        self.vocabulary = Vocabulary.build((self._words[row] for row in self._rows["train"]), min_count)
        self._texts = Ragged.of([self.vocabulary.encode(tokens[:max_length]) for tokens in self._words])
        if too_long := sum(len(tokens) > max_length for tokens in self._words):
            _log.warning(
                "%s: %d of %d texts are cut to their first %d words (task.max_length)",
                source,
                too_long,
                len(self._words),
                max_length,
            )

    def size(self, split: Split) -> int:
        return len(self._rows[split])

    def texts(self, split: Split, seed: int, epoch: int) -> tuple[Ragged, np.ndarray]:
        return self._texts.take(self._rows[split]), self._classes[self._rows[split]]

    def words(self, split: Split) -> tuple[Words, np.ndarray]:
        return [self._words[row] for row in self._rows[split]], self._classes[self._rows[split]]


def naive_bayes() -> Any:
    """An unfitted scikit-learn pipeline over lists of words: multinomial Naive Bayes on which words are there."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    return make_pipeline(CountVectorizer(analyzer=list, binary=True), MultinomialNB())
