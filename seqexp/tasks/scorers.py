"""The scorers that tasks share: they add up one split's answers."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from seqexp.data.batch import Batch
from seqexp.numerics.functions import sigmoid, softplus
from seqexp.tasks._spans import entity_f1, spans_of
from seqexp.tasks.artifacts import Artifact, ConfusionMatrix, Midi, PianoRoll, ScatterPlot

SCATTER_POINTS = 2000  # enough to see a cloud, few enough to draw at once


class ClassScorer:
    """Accuracy and macro F1 of one class an answer, and the confusion matrix behind both.

    Macro F1 is the plain mean over classes of 2 TP / (2 TP + FP + FN), leaving out classes that neither occur nor are
    answered, as scikit-learn's ``f1_score(average="macro")`` does.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = tuple(labels)
        self.counts = np.zeros((len(self._labels), len(self._labels)), np.int64)  # row the truth, column the answer

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (Y, N): logits of the batch's N scored answers."""
        self.count(batch.answers(), y.argmax(axis=0))

    def count(self, truth: np.ndarray, answer: np.ndarray) -> None:
        """Classes (N,)."""
        size = len(self._labels)
        cells = truth.astype(np.int64) * size + answer
        self.counts += np.bincount(cells, minlength=size * size).reshape(size, size)

    def metrics(self) -> dict[str, float]:
        right, both = np.diag(self.counts), self.counts.sum(axis=0) + self.counts.sum(axis=1)
        seen = both > 0
        return {
            "accuracy": float(right.sum() / self.counts.sum()),
            "macro_f1": float(np.mean(2 * right[seen] / both[seen])),
        }

    def artifacts(self) -> list[Artifact]:
        return [ConfusionMatrix(self._labels, self.counts.copy())]


class RankedClassScorer(ClassScorer):
    """Accuracy, macro F1 and auroc: the area under the ROC curve, by scikit-learn.

    Of two classes: how often an example of the second has a higher logit difference than one of the first. Of more:
    the mean over classes of each against the rest, by softmax probability. A split that lacks a class has no auroc.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__(labels)
        self._truths: list[np.ndarray] = []
        self._logits: list[np.ndarray] = []

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (Y, N): logits of the batch's N scored answers."""
        super().add(batch, y)
        self._truths.append(batch.answers().copy())
        self._logits.append(y.astype(np.float64))

    def metrics(self) -> dict[str, float]:
        metrics = super().metrics()
        if self.counts.sum(axis=1).all():
            from sklearn.metrics import roc_auc_score

            truth, y = np.concatenate(self._truths), np.concatenate(self._logits, axis=1)  # (N,), (Y, N)
            if len(y) == 2:
                score = y[1] - y[0]
            else:
                exp = np.exp(y - y.max(axis=0))
                score = (exp / exp.sum(axis=0)).T
            metrics["auroc"] = float(roc_auc_score(truth, score, multi_class="ovr"))
        return metrics


class ValueScorer:
    """Mean squared error over all values of all answers, and the first ``SCATTER_POINTS`` of them as a plot."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (Y, N): values of the batch's N scored answers."""
        truth = batch.answers()  # (Y, N)
        self._sum += float(np.sum(np.square(y - truth, dtype=np.float64)))
        room = max(0, SCATTER_POINTS - self._count)
        self._count += y.size
        if room:
            self._kept.append((truth.T.ravel()[:room].copy(), y.T.ravel()[:room].copy()))

    def metrics(self) -> dict[str, float]:
        return {"mse": self._sum / self._count}

    def artifacts(self) -> list[Artifact]:
        truth, answer = (np.concatenate(part) for part in zip(*self._kept, strict=True))
        return [ScatterPlot(truth, answer)]


class SymbolScorer:
    """symbol_accuracy: the fraction of scored steps whose likeliest symbol is the true one."""

    def __init__(self) -> None:
        self._right = self._count = 0

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (Y, N): logits of the batch's N scored answers."""
        truth = batch.answers()
        self._right += int((y.argmax(axis=0) == truth).sum())
        self._count += len(truth)

    def metrics(self) -> dict[str, float]:
        return {"symbol_accuracy": self._right / max(1, self._count)}

    def artifacts(self) -> list[Artifact]:
        return []


Unit = Literal["bits_per_char", "perplexity"]


def in_unit(metric: Unit, nats: float) -> float:
    """The mean nats a token as a metric."""
    return nats / math.log(2) if metric == "bits_per_char" else math.exp(min(nats, 700.0))


class LikelihoodScorer:
    """The mean negative log-likelihood of the true class: in bits as bits_per_char, its exponential as perplexity."""

    def __init__(self, metric: Unit) -> None:
        self._metric = metric
        self._nats, self._count = 0.0, 0

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (Y, N): logits of the batch's N scored answers."""
        truth = batch.answers()
        largest = y.max(axis=0)  # (N,); cancels, and exp cannot overflow
        total = np.exp(y - largest).sum(axis=0, dtype=np.float64)
        of_truth = y[truth, np.arange(len(truth))] - largest
        self._nats += float((np.log(total) - of_truth).sum())
        self._count += len(truth)

    def metrics(self) -> dict[str, float]:
        return {self._metric: in_unit(self._metric, self._nats / max(1, self._count))}

    def artifacts(self) -> list[Artifact]:
        return []


class TagScorer:
    """accuracy of the tags, their confusion matrix, and entity_f1 where the tags mark spans (``spans_of``)."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = np.array(labels)
        self._classes = ClassScorer(labels)
        self._spans = spans_of(labels)
        self._truth: list[list[str]] = []
        self._answers: list[list[str]] = []

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (Y, N): logits of the batch's N scored answers; each column's answers are one sentence."""
        self._classes.add(batch, y)
        if self._spans is not None:
            assert batch.answered is not None
            answers = np.zeros(batch.answered.shape, np.int64)
            answers[batch.answered] = y.argmax(axis=0)
            for column in range(batch.size):
                asked = batch.answered[:, column]
                self._truth.append(self._labels[batch.target[asked, column]].tolist())
                self._answers.append(self._labels[answers[asked, column]].tolist())

    def metrics(self) -> dict[str, float]:
        metrics = {"accuracy": self._classes.metrics()["accuracy"]}
        if self._spans is not None and self._truth:
            metrics["entity_f1"] = entity_f1(self._spans, self._truth, self._answers)
        return metrics

    def artifacts(self) -> list[Artifact]:
        return self._classes.artifacts()


class RollScorer:
    """nll_per_frame: negative log-likelihood of all keys in nats, mean over frames; and the first piece's roll."""

    def __init__(self) -> None:
        self._nats, self._count = 0.0, 0
        self._shown: list[Artifact] = []

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (88, N): logits of the batch's N scored frames."""
        truth = batch.answers()  # (88, N)
        self._nats += float((softplus(y) - truth * y).sum(dtype=np.float64))
        self._count += y.shape[1]
        if not self._shown:
            assert batch.answered is not None
            own = np.nonzero(batch.answered)[1] == 0  # the answers of column 0
            played, chance = truth[:, own].T > 0, sigmoid(y[:, own].T)
            self._shown = [
                PianoRoll(played, chance),
                Midi(played, name="true_notes"),
                Midi(chance > 0.5, name="predicted_notes"),
            ]

    def metrics(self) -> dict[str, float]:
        return {"nll_per_frame": self._nats / max(1, self._count)}

    def artifacts(self) -> list[Artifact]:
        return self._shown
