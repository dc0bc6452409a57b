"""What the tasks on trees share: batches that are trees and sequences, and how they are scored."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from seqexp.codecs.trees import Form, TreeClasses
from seqexp.data.batch import Batch, Split, TreeBatch
from seqexp.data.text import Vocabulary
from seqexp.data.trees import Trees
from seqexp.numerics.forest import Forest
from seqexp.tasks import Metrics, Shape, Task
from seqexp.tasks._epochs import Passes
from seqexp.tasks.scorers import ClassScorer

Read = Literal["sequence", "tree"]


@dataclass(frozen=True)
class Examples:
    """What one pass goes through. A tree asks all its nodes that have a label; ``beside`` (nodes,): those of them that
    are scored apart, None for none."""

    trees: Trees
    beside: np.ndarray | None = None

    @property
    def lengths(self) -> np.ndarray:
        return self.trees.lengths


class TreeClassifier(Task):
    """The class of a tree, told at its root. A sequence model reads the tokens in order, and its last step tells.

    read: None lets the model decide. "tree" asks for a model of trees. "sequence" gives a model of trees the tokens as
          a tree that only branches to the left, one token a node: what it would be without the structure.

    Where other nodes have labels too, each is an example of its own, in the same batch: a column of x with the phrase
    that it stands for (Tai, Socher and Manning 2015 train sequence models so). A batch's size counts trees.

    A task says ``vocabulary``, ``labels``, ``form``, ``draw`` and ``size``.
    """

    name: str
    direction = "max"
    primary_metric = "accuracy"
    trees = True
    read: Read | None
    form: ClassVar[Form]
    vocabulary: Vocabulary
    labels: tuple[str, ...]

    def draw(self, split: Split, seed: int, epoch: int) -> Examples:
        """The examples of a pass over the split."""
        raise NotImplementedError

    def size(self, split: Split) -> int:
        """How many trees a pass has."""
        raise NotImplementedError

    @cached_property
    def _passes(self) -> Passes[Examples]:
        return Passes(self.name, self.draw, self.size)

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> TreeClasses:
        return TreeClasses(self.form, self.vocabulary.tokens, self.labels, self.read)

    def batches(self, split: Split, batch_size: int) -> int:
        return self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """A TreeBatch: x (T, B) int32, target (B,) int64, lengths (B,) int64 in descending order."""
        examples, rows = self._passes.rows(seed, split, index, batch_size)
        forest, nodes, trees = examples.trees.forest(rows)
        x, lengths = examples.trees.phrases(nodes, trees)
        if self.read == "sequence":
            forest = Forest.chains(x, lengths)
        beside = None if examples.beside is None else examples.beside[nodes]
        return TreeBatch(x, examples.trees.nodes.labels[nodes], lengths, forest=forest, beside=beside)

    def scorer(self) -> ClassScorer:
        return ClassScorer(self.labels)

    def asked(self, split: Split) -> tuple[list[list[int]], np.ndarray]:
        """What a memoryless baseline sees: the tokens of each whole tree, and its class (n,)."""
        examples = self.draw(split, getattr(self, "split_seed", 0), 0)
        roots = examples.trees.roots
        kept = np.ones(len(roots), bool) if examples.beside is None else ~examples.beside[roots]
        words = examples.trees.words.take(np.flatnonzero(kept))
        return [words[row].tolist() for row in range(len(words))], examples.trees.nodes.labels[roots[kept]]

    def baselines(self) -> Metrics:
        """The test accuracy of the commonest class, and of logistic regression on how often each token is there.

        Both are fitted to the training part (of a generated one: to an epoch).
        """
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        train, classes = self.asked("train")
        test, truth = self.asked("test")
        said = bag_of_tokens().fit(train, classes).predict(test)
        return {
            "majority": float(np.mean(truth == np.bincount(classes).argmax())),
            "bag_of_tokens": float(np.mean(truth == said)),
        }


class BesideScorer(ClassScorer):
    """As ``ClassScorer``, of the columns that a TreeBatch does not mark; ``metric`` is the accuracy of those it does.

    together: of all columns, the unmarked too.
    """

    def __init__(self, labels: tuple[str, ...], metric: str, together: bool) -> None:
        super().__init__(labels)
        self._metric, self._together = metric, together
        self._right = self._count = 0

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (Y, B)."""
        assert isinstance(batch, TreeBatch)
        truth, answer = batch.answers(), y.argmax(axis=0)
        marked = np.zeros(len(truth), bool) if batch.beside is None else batch.beside
        self.count(truth[~marked], answer[~marked])
        chosen = np.ones(len(truth), bool) if self._together else marked
        self._right += int((truth == answer)[chosen].sum())
        self._count += int(chosen.sum())

    def metrics(self) -> dict[str, float]:
        beside = {self._metric: self._right / self._count} if self._count else {}
        return super().metrics() | beside


def bag_of_tokens() -> Any:
    """An unfitted scikit-learn pipeline over lists of tokens: logistic regression on their counts."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    return make_pipeline(CountVectorizer(analyzer=list), MaxAbsScaler(), LogisticRegression(max_iter=2000))
