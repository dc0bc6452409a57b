"""What the tasks on labelled texts share: the user's own files, batches of texts, and word-counting baselines."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Protocol

import numpy as np
from annotated_types import Ge

from seqexp.codecs import cuts
from seqexp.codecs.classes import TextClasses
from seqexp.codecs.cuts import Cut
from seqexp.data import corpora, files, splits, summary
from seqexp.data.batch import Batch, Split
from seqexp.data.corpora import Corpus
from seqexp.data.labelled_files import Column, Columns
from seqexp.data.summary import Summary
from seqexp.data.text import Ragged, Vocabulary
from seqexp.tasks import Metrics, Scorer, Shape, Task
from seqexp.tasks._epochs import Passes
from seqexp.tasks.scorers import ClassScorer

Words = list[list[str]]


@dataclass(kw_only=True)
class OwnTexts:
    """What every task on labelled texts has beside its own fields: where they are, and what of a file of one's own.

    source:       a data set's name, or a path: a .csv, .tsv, .jsonl or .json file, or a folder of <Category>.txt.
    text_column:  of a file: the column that holds the text; label_column: its class.
    val_source, test_source: the files of validation and test; what is not there is cut from the source.
    split_column: of one file for all: the column that says train, val or test.
    """

    source: str
    split_seed: Annotated[int, Ge(0)]
    text_column: Column
    label_column: Column
    val_source: str | None = None
    test_source: str | None = None
    split_column: Column | None = None
    data_dir: str | None = None

    def own_corpus(self, named: Sequence[str], one_label: bool = False) -> Corpus:
        """The texts of the user's own file or files; ``named`` are the sources that are none, for errors."""
        columns = Columns(self.text_column, self.label_column, self.split_column)
        held_out: dict[Split, str | None] = {"val": self.val_source, "test": self.test_source}
        return corpora.own_files(self.source, named, columns, held_out, one_label)

    def refuse_own_parts(self) -> None:
        """UserError where a data set is given files or a column for its parts, which it has."""
        own = {"val_source": self.val_source, "test_source": self.test_source, "split_column": self.split_column}
        files.no_own_parts(self.source, own)


class Source(Protocol):
    """Labelled texts in three splits."""

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    fingerprint: str
    cut: Cut
    max_length: int

    def size(self, split: Split) -> int: ...
    def texts(self, split: Split, seed: int, epoch: int) -> tuple[Ragged, np.ndarray]:
        """The split's texts as ids, and their classes (N,)."""
        ...

    def words(self, split: Split) -> tuple[Words, np.ndarray]:
        """What a memoryless baseline sees: the texts uncut and with all their words, and their classes (N,)."""
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
        return self.codec().shape

    def codec(self) -> TextClasses:
        source = self._source
        return TextClasses(source.cut, source.vocabulary.tokens, source.labels, source.max_length)

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
    """A corpus as it lies in its files: split by ``splits.divide``, with the vocabulary of its training part."""

    def __init__(
        self,
        corpus: Corpus,
        cut: Cut,
        *,
        source: str,
        split_seed: int,
        min_count: int,
        max_length: int,
        unit: str = "words",
        same: Callable[[Sequence[str]], Hashable] = tuple,
    ) -> None:
        """``cut`` says how a text becomes tokens. Texts for whose tokens ``same`` gives equal values are never in two
        splits.

        Tokens seen less than ``min_count`` times in training are unknown; ``max_length`` of a text's are read.
        ``source`` is for messages, as is ``unit``, what the tokens are.
        """
        self.fingerprint = corpus.fingerprint
        self.cut, self.max_length = cut, max_length
        words = [cuts.CUTS[cut](row) for row in corpus.texts]
        divided = splits.divide([same(tokens) for tokens in words], corpus.labels, split_seed, source, corpus.splits)
        self.labels, self._classes, self._rows = divided.labels, divided.classes, divided.splits
        self._words = [words[row] for row in divided.kept]
        self.vocabulary = Vocabulary.build((self._words[row] for row in self._rows["train"]), min_count)
        summary.refuse_empty(self.vocabulary, source, min_count)
        self._texts = Ragged.of([self.vocabulary.encode(tokens[:max_length]) for tokens in self._words])
        Summary(
            source=source,
            name="texts",
            rows=len(words),
            parts={split: len(rows) for split, rows in self._rows.items()},
            left_out={summary.REPEATED: len(words) - len(self._words)},
            classes=summary.counted(self.labels, self._classes),
            vocabulary={unit: len(self.vocabulary)},
            unknown={unit: summary.shares_of_rows(self._texts, self._rows)},
            lengths=[len(tokens) for tokens in self._words],
            unit=unit,
            limit=max_length,
        ).tell()

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
