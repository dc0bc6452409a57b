"""Scorers where classes, answers or whole splits are missing, and the floors of texts whose parts differ."""

from typing import ClassVar

import numpy as np
import pytest
from sklearn.metrics import f1_score

from seqexp.data.batch import Batch
from seqexp.data.text import Vocabulary
from seqexp.tasks import scorers
from seqexp.tasks._texts import TextClassifier
from seqexp.tasks.artifacts import ConfusionMatrix
from tests.tasks import floors


def batch(truth):
    return Batch(np.zeros((1, 1, len(truth))), np.array(truth))


def logits(said, size):
    return np.eye(size)[:, said]


def test_macro_f1_leaves_out_classes_that_nobody_names():
    truth, said = [0, 0, 3, 3, 3, 1], [0, 3, 3, 3, 0, 3]
    scorer = scorers.ClassScorer(["a", "b", "c", "d", "e"])
    for part in (slice(0, 4), slice(4, 6)):
        scorer.add(batch(truth[part]), logits(said[part], 5))
    assert scorer.metrics()["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert scorer.metrics()["accuracy"] == pytest.approx(0.5)
    (matrix,) = scorer.artifacts()
    assert isinstance(matrix, ConfusionMatrix)
    assert matrix.counts[3].tolist() == [1, 0, 0, 2, 0]  # a row is the truth, a column the answer
    assert matrix.counts[1].tolist() == [0, 0, 0, 1, 0]


class Told:
    """A source whose test part is unlike its training part."""

    labels = ("bad", "good")
    vocabulary = Vocabulary(("<unk>",))
    fingerprint = "told"
    parts: ClassVar = {
        "train": ([["x", "y"], ["x"], ["z", "z", "z"]], [0, 0, 1]),
        "test": ([["z"], ["z", "x", "x"], ["x"], ["new"]], [1, 1, 1, 0]),
    }

    def size(self, split):
        return len(self.parts[split][0])

    def words(self, split):
        texts, classes = self.parts[split]
        return texts, np.array(classes)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_the_floors_of_texts_are_fitted_to_the_training_part(metric):
    """The commonest class of the test is the other one."""

    class Texts(TextClassifier):
        name, primary_metric = "texts", metric

    task = Texts()
    source: object = Told()
    task._read_from(source)  # type: ignore[arg-type]  # all of it that floors ask for
    floors = task.baselines()
    truth = [1, 1, 1, 0]
    expected = {"majority": [0, 0, 0, 0], "naive_bayes": [1, 0, 0, 0]}
    for name, said in expected.items():
        right = np.mean(np.equal(truth, said)) if metric == "accuracy" else f1_score(truth, said, average="macro")
        assert floors[name] == pytest.approx(right), name
    assert floors.keys() == expected.keys()


def test_a_split_without_answers_has_no_score_but_no_error_either():
    nothing = Batch(np.zeros((2, 1), int), np.zeros((2, 1), int), answered=np.zeros((2, 1), bool))
    for scorer in (scorers.SymbolScorer(), scorers.LikelihoodScorer("bits_per_char")):
        scorer.add(nothing, np.zeros((3, 0)))
        assert set(scorer.metrics().values()) == {0.0}


def test_units_of_a_likelihood():
    assert scorers.in_unit("bits_per_char", np.log(2)) == pytest.approx(1.0)
    assert scorers.in_unit("perplexity", np.log(7)) == pytest.approx(7.0)
    assert np.isfinite(scorers.in_unit("perplexity", 1e6))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_likelihood_of_huge_logits_is_finite(dtype):
    scorer = scorers.LikelihoodScorer("bits_per_char")
    scorer.add(batch([0, 1]), np.array([[1e4, 1e4], [-1e4, -1e4]], dtype))
    assert scorer.metrics()["bits_per_char"] == pytest.approx(1e4 / np.log(2))


def test_spans_are_counted_within_their_sentences_and_padding_is_none():
    """Class 0, which padding holds, begins a span; sentences end with one, and begin inside of one."""
    labels = ("B-a", "B-b", "I-a", "I-b", "O")
    rng, scorer = np.random.default_rng(6), scorers.TagScorer(labels)
    lengths = np.array([6, 4, 1, 5])
    wanted, said = [], []
    for _ in range(5):
        inside = np.arange(6)[:, None] < lengths
        target = np.where(inside, rng.integers(0, 5, inside.shape), 0)
        target[5, 0] = 0
        guess = np.where(rng.random(inside.shape) < 0.6, target, rng.integers(0, 5, inside.shape))
        scorer.add(Batch(target, target, lengths, inside), logits(guess[inside], 5))
        for column in range(4):
            wanted += target[: lengths[column], column].tolist()
            said += guess[: lengths[column], column].tolist()
    want = floors.spans_f1(np.array(wanted), np.array(said), lengths.tolist() * 5, labels)
    assert scorer.metrics()["entity_f1"] == pytest.approx(want)
    assert scorer.metrics()["accuracy"] == pytest.approx(np.mean(np.equal(wanted, said)))
    assert 0.2 < want < 0.9
