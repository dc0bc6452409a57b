"""The sentiment task: what its texts mean, what counting words can tell, splits, and purity."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data import text
from seqexp.data.batch import Batch
from seqexp.data.generated import reviews
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks._texts import naive_bayes
from seqexp.tasks.artifacts import ConfusionMatrix, ScatterPlot
from seqexp.tasks.scorers import SCATTER_POINTS, ClassScorer, ValueScorer
from seqexp.tasks.sentiment import naive_bayes_cross_validation

GAPS = (0, 10, 40)


@pytest.fixture(scope="module")
def make(task_settings):
    """The task with the settings of its yaml, changed by keyword."""
    settings = task_settings("sentiment")
    return lambda **changes: tasks.create(**(settings | changes))


def texts(task, split, seed=0, batch_size=32, epoch=0):
    """The split's texts as tuples of words, and their classes."""
    count = task.batches(split, batch_size)
    found, classes = [], []
    for index in range(epoch * count, (epoch + 1) * count):
        batch = task.batch(seed, split, index, batch_size)
        for column, length in enumerate(batch.lengths):
            found.append(tuple(task.vocabulary.decode(batch.x[:length, column])))
            classes.append(batch.target[column])
    return found, np.array(classes)


def verdict(words):
    """The rule of the grammar's docstring, as a careful reader applies it: 1 where the deciding clause praises."""
    sentences = " ".join(words).split(" .")[:-1]
    found = []
    for sentence in sentences:
        sentence = sentence.strip()
        first_conceded = ", but " in sentence or sentence.startswith("although ")
        clauses = sentence.replace(", but ", "| ").replace(", although ", "| although ").split("|")
        if sentence.startswith("although "):  # its clauses part at the comma behind the first polarity word
            tokens = sentence.split()
            at = next(i for i, token in enumerate(tokens) if token in reviews.POSITIVE + reviews.NEGATIVE)
            clauses = [" ".join(tokens[: at + 1]), " ".join(tokens[at + 2 :])]
        for number, clause in enumerate(clause.strip() for clause in clauses):
            conceded = clause.startswith("although ") or (first_conceded and number == 0)
            if not conceded and clause.startswith(tuple(f"{film} was " for film in reviews.FILMS)):
                found.append(clause.split())
    (deciding,) = found  # one and only one
    (polarity,) = (token for token in deciding if token in reviews.POSITIVE + reviews.NEGATIVE)
    negated = any(token in reviews.NEGATORS for token in deciding)
    return int((polarity in reviews.POSITIVE) != negated)


@pytest.mark.parametrize("gap", GAPS)
def test_a_careful_reader_is_always_right(make, gap):
    task = make(gap=gap)
    reviews, classes = texts(task, "test")
    assert [verdict(review) for review in reviews] == classes.tolist()
    assert {"but", "although", "that", "not"} <= {word for review in reviews for word in review}


def test_asides_have_the_lengths_they_say_and_say_nothing():
    telling = {*reviews.POSITIVE, *reviews.NEGATIVE, *reviews.NEGATORS, *reviews.INTENSIFIERS}
    telling |= {"was", "although", "but", "that", "."}
    for tokens in range(41):
        for aside in reviews._asides(tokens):
            assert len(aside.split()) == tokens
            assert not telling & set(aside.split())


@pytest.mark.parametrize("gap", GAPS)
def test_counting_words_does_not_decide(make, gap):
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import BernoulliNB, MultinomialNB
    from sklearn.pipeline import make_pipeline

    task = make(gap=gap)
    (train, classes), (test, truth) = texts(task, "train"), texts(task, "test")
    for counts in (False, True):
        for bayes in (MultinomialNB(), BernoulliNB()):
            words = make_pipeline(CountVectorizer(analyzer=list, binary=not counts), bayes)
            assert words.fit(train, classes).score(test, truth) <= 0.75
    pairs = make_pipeline(
        CountVectorizer(analyzer=lambda words: [*words, *map(" ".join, pairwise(words))]),
        LogisticRegression(solver="liblinear"),
    )
    assert pairs.fit(train, classes).score(test, truth) <= 0.85


@pytest.mark.parametrize("gap", GAPS)
def test_generated_baselines(make, gap):
    baselines = make(gap=gap).baselines()
    assert baselines["majority"] == 0.5
    assert 0.5 < baselines["naive_bayes"] <= 0.75


@pytest.mark.parametrize("gap", GAPS)
def test_padding_is_under_a_tenth(make, gap):
    task = make(gap=gap)
    for split in ("train", "val", "test"):
        batches = [task.batch(0, split, index, 32) for index in range(task.batches(split, 32))]
        steps = sum(batch.x.size for batch in batches)
        assert sum(int(batch.lengths.sum()) for batch in batches) > 0.9 * steps


def test_batches_have_the_documented_shapes(make):
    task = make()
    assert task.shape == tasks.Shape(inputs=116, tokens=True, outputs=2, answers="last", loss="softmax")
    assert (task.primary_metric, task.direction, task.fingerprint()) == ("accuracy", "max", "generated")
    assert task.labels == ("negative", "positive")
    assert task.generate(None, "val") == ({}, [])
    batch = task.batch(0, "train", 3, 32)
    T, B = batch.x.shape
    assert (B, batch.target.shape, batch.lengths.shape, batch.answered) == (32, (32,), (32,), None)
    assert (batch.x.dtype, batch.target.dtype, batch.lengths.dtype) == (np.int32, np.int64, np.int64)
    assert batch.lengths.max() == T
    assert (np.diff(batch.lengths) <= 0).all()
    assert 0 <= batch.x.min() <= batch.x.max() < 116
    assert (batch.x[np.arange(T)[:, None] < batch.lengths] > 0).all()  # the grammar's words are all known
    with pytest.raises(IndexError, match="val has"):
        task.batch(0, "val", task.batches("val", 32), 32)


def same(a, b):
    return a.x.shape == b.x.shape and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("x", "target", "lengths")
    )


def test_a_batch_is_a_pure_function_of_its_arguments(make):
    one, other = make(examples=80), make(examples=80)
    wanted = [(seed, split, index) for seed in (0, 1) for split in ("train", "val", "test") for index in (0, 7, 19)]
    wanted += [(0, "train", index) for index in (20, 45, 3)]
    in_order = {key: one.batch(*key, 4) for key in wanted}
    for key in reversed(wanted):  # asked for in another order, with other sizes in between
        other.batch(0, key[1], 0, 2)
        assert same(in_order[key], other.batch(*key, 4)), key
    for index in (0, 7, 19):
        assert same(in_order[0, "val", index], in_order[1, "val", index])  # held-out texts ignore the seed
        assert same(in_order[0, "test", index], in_order[1, "test", index])
        assert not same(in_order[0, "train", index], in_order[1, "train", index])
    assert not same(in_order[0, "train", 0], in_order[0, "train", 20])  # epochs draw anew


@pytest.mark.parametrize("gap", GAPS)
def test_generated_splits_are_disjoint_and_balanced(make, gap):
    task = make(gap=gap)
    parts = {split: texts(task, split) for split in ("train", "val", "test")}
    parts["later"] = texts(task, "train", seed=1, epoch=2)
    sets = {split: set(found) for split, (found, _) in parts.items()}
    for split in ("train", "later"):
        assert len(parts[split][0]) == 6400
        assert not sets[split] & (sets["val"] | sets["test"])
    assert not sets["val"] & sets["test"]
    assert all(classes.mean() == 0.5 for _, classes in parts.values())
    moved = {split: set(texts(make(gap=gap, split_seed=1), split)[0]) for split in ("train", "test")}
    assert moved["test"] != sets["test"]
    assert moved["train"] & sets["test"]  # another split seed draws the lines elsewhere


def test_rt_polarity(make, data_dir):
    task = make(source="rt-polarity", data_dir=str(data_dir))
    sizes = {"train": 8530, "val": 1066, "test": 1066}
    seen = {}
    for split, size in sizes.items():
        seen[split] = {tuple(row) for row in task._source.words(split)[0]}
        _, classes = texts(task, split)
        assert (len(seen[split]), len(classes)) == (size, size)
        assert classes.mean() == 0.5
    assert len(seen["train"] | seen["val"] | seen["test"]) == 10662
    counts = Counter(word for row in seen["train"] for word in row)
    assert set(task.vocabulary.tokens) == {text.UNKNOWN} | {word for word, count in counts.items() if count >= 2}
    assert any(text.UNKNOWN in row for row in texts(task, "test")[0])
    lengths = np.array([len(row) for row in texts(task, "train")[0]])
    plan = text.buckets(lengths, 32, stream(0, Purpose.ORDER, 0))
    assert text.padding(lengths, plan) < 0.1
    baselines = task.baselines()
    assert baselines["majority"] == 0.5
    assert 0.74 < baselines["naive_bayes"] < 0.82
    assert len(task.fingerprint()) == 64


def test_naive_bayes_on_rt_polarity_is_what_is_known(data_dir):
    assert naive_bayes_cross_validation(str(data_dir)) == pytest.approx(0.78, abs=0.01)


@pytest.fixture
def table(tmp_path):
    """Writes a .csv of (text, label) rows and returns its path."""

    def write(rows):
        path = tmp_path / "own.csv"
        path.write_text("text,label\n" + "".join(f'"{words}",{label}\n' for words, label in rows))
        return str(path)

    return write


def test_an_own_file_may_have_any_classes(make, table, caplog):
    rows = [(f"No{i}{label} is {label}!", label) for i in range(20) for label in ("c", "a", "b")]
    caplog.set_level("INFO", "seqexp")
    task = make(source=table([*rows, rows[0]]), min_count=1, max_length=3)
    assert task.labels == ("a", "b", "c")
    assert (task.shape.outputs, len(task.fingerprint())) == (3, 64)
    assert "61 texts, of which 1 repeat an earlier text and are left out" in caplog.text
    assert "60 of 60 texts are cut to their first 3 words (task.max_length)" in caplog.text
    parts = {split: texts(task, split)[0] for split in ("train", "val", "test")}
    assert [len(part) for part in parts.values()] == [48, 6, 6]
    assert all(row[0] == text.UNKNOWN and row[1] == "is" for row in parts["test"])  # never seen in training
    assert sum(len(part) for part in parts.values()) == 60
    assert task.baselines() == {"majority": pytest.approx(1 / 3), "naive_bayes": 1.0}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "imdb",
            r"task\.source: expected generated, rt-polarity, a folder of <Category>.txt, or a .*; got .imdb.",
        ),
        ("no/such.csv", r"task\.source: expected an existing file; there is no /.*no/such\.csv"),
    ],
)
def test_a_source_that_is_none(make, source, said):
    with pytest.raises(UserError, match=said):
        make(source=source)


def test_a_class_with_too_few_texts(make, table):
    rows = [(f"text {i}", "big") for i in range(20)] + [("rare", "small"), ("rarer", "small"), ("rare", "small")]
    with pytest.raises(UserError, match=r"own\.csv: expected at least 3 different texts .*class 'small' has 2"):
        make(source=table(rows))


def test_naive_bayes_counts_presence_only():
    fitted = naive_bayes().fit([["a"], ["b", "b"], ["b"], ["a", "a"]], [0, 1, 1, 0])
    assert fitted.predict([["a", "a", "b"], ["b"]]).tolist() == [0, 1]
    assert fitted.predict_proba([["a", "a", "b"]])[0, 0] == pytest.approx(0.5)


def test_class_scores_agree_with_scikit_learn():
    from sklearn.metrics import confusion_matrix, f1_score

    rng = stream(0, Purpose.DATA)
    scorer, truths, answers = ClassScorer("abcd"), [], []
    for size in (5, 1, 30):
        truth, y = rng.integers(3, size=size), rng.normal(size=(4, size))  # class d never occurs
        y[2] -= 9  # and class c is never answered
        scorer.add(Batch(np.zeros((1, size), int), truth), y)
        truths += truth.tolist()
        answers += y.argmax(axis=0).tolist()
    metrics = scorer.metrics()
    assert metrics["accuracy"] == pytest.approx(np.mean(np.array(truths) == answers))
    assert metrics["macro_f1"] == pytest.approx(f1_score(truths, answers, average="macro", zero_division=0))
    (matrix,) = scorer.artifacts()
    assert isinstance(matrix, ConfusionMatrix)
    assert matrix.labels == ("a", "b", "c", "d")
    assert np.array_equal(matrix.counts, confusion_matrix(truths, answers, labels=range(4)))


def test_class_scores_of_marked_steps():
    answered = np.array([[True, False], [True, True]])
    batch = Batch(np.zeros((2, 2), int), np.array([[0, 1], [1, 1]]), answered=answered)
    scorer = ClassScorer("ab")
    scorer.add(batch, np.array([[1.0, 0, 1], [0, 1, 0]]))  # answers a, b, a to truths a, b, b
    assert scorer.counts.tolist() == [[1, 0], [1, 1]]
    assert scorer.metrics()["accuracy"] == pytest.approx(2 / 3)


def test_value_scores_count_every_value_but_plot_a_few():
    rng = stream(0, Purpose.DATA)
    scorer, errors = ValueScorer(), []
    for size in (700, 500, 3):
        truth, y = rng.normal(size=(2, 2, size)).astype(np.float32)
        scorer.add(Batch(np.zeros((1, 1, size)), truth), y)
        errors.append((y - truth).ravel())
    assert scorer.metrics()["mse"] == pytest.approx(float(np.mean(np.concatenate(errors) ** 2)), rel=1e-6)
    (plot,) = scorer.artifacts()
    assert isinstance(plot, ScatterPlot)
    assert plot.truth.shape == plot.answer.shape == (SCATTER_POINTS,)
    assert np.array_equal(np.sort(plot.answer - plot.truth)[:1], np.sort(np.concatenate(errors)[:2000])[:1])

    marked = Batch(np.zeros((2, 1, 1)), np.array([[[1.0]], [[5.0]]]), answered=np.array([[False], [True]]))
    scorer = ValueScorer()
    scorer.add(marked, np.array([[7.0]]))
    assert scorer.metrics() == {"mse": 4.0}
