"""Tasks that classify texts: what is cut out of a tweet, which rows meet in a split, and their scores."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.codecs.cuts import characters
from seqexp.codecs.cuts import tweet as tokens
from seqexp.data import corpora, splits
from seqexp.data.batch import Batch, Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks.name_origin import spelling
from seqexp.tasks.scorers import RankedClassScorer

SPLITS: tuple[Split, ...] = ("train", "val", "test")


@pytest.fixture(scope="module")
def make(task_settings):
    """A task with the settings of its yaml, changed by keyword."""

    def create(name, **changes):
        return tasks.create(**(task_settings(name) | changes))

    return create


@pytest.fixture
def own(tmp_path):
    """Writes a .csv of (text, label) rows and returns its path."""

    def write(rows, label="label"):
        path = tmp_path / "own.csv"
        path.write_text(f"text,{label}\n" + "".join(f'"{text}",{name}\n' for text, name in rows), encoding="utf-8")
        return str(path)

    return write


def read(task, split, seed=0, epoch=0):
    """The split's texts as tuples of tokens, and their labels."""
    count = task.batches(split, 32)
    found = []
    for index in range(epoch * count, (epoch + 1) * count):
        batch = task.batch(seed, split, index, 32)
        for column, length in enumerate(batch.lengths):
            words = tuple(task.vocabulary.decode(batch.x[:length, column]))
            found.append((words, task.labels[batch.target[column]]))
    return found


def test_tweets_are_cut_into_words_and_placeholders():
    assert tokens("@ann_1 I &lt;3 u!! https://t.co/x1 RT @bob: ok") == [
        *("<user>", "i", "<", "3", "u", "!", "!", "<url>", "rt", "<user>", ":", "ok")
    ]
    assert tokens("mail me@home &#8220;now&#8221;") == ["mail", "me", "<user>", "“", "now", "”"]


def test_a_division_never_parts_a_text():
    texts = [f"t{i}" for i in range(60)] + [f"t{i}" for i in range(30)] + ["t0", "t59"]
    labels = ["a"] * 60 + ["b"] * 20 + ["a"] * 10 + ["b", "a"]
    divided = splits.divide(texts, labels, 0, "mine")
    kept = [(texts[row], labels[row]) for row in divided.kept]
    assert kept == list(dict.fromkeys(zip(texts, labels, strict=True)))  # each pair once, the first of it
    parts = [{kept[row][0] for row in divided.splits[split]} for split in SPLITS]
    assert sum(map(len, parts)) == 60
    assert sum(len(divided.splits[split]) for split in SPLITS) == len(kept) == 80
    for split in SPLITS:
        assert {labels[divided.kept[row]] for row in divided.splits[split]} == {"a", "b"}
    with pytest.raises(UserError, match=r"task\.source: mine: expected at least 3 .* class 'b' has 2"):
        splits.divide(["p", "q", "r", "s", "t"], ["a", "a", "a", "b", "b"], 0, "mine")


def test_retweets_are_no_second_example(make, own, caplog):
    rows = [(f"Well no{i} is {label}, isn't it? @me", label) for i in range(20) for label in ("mild", "rude")]
    retweets = [(f"RT @you: @he well NO{i} is rude , isn't it? http://t.co/{i}", "rude") for i in range(20)]
    task = make("offensive", source=own([*rows, *retweets]), min_count=1)
    assert "20 of 60 texts repeat an earlier text" in caplog.text
    found = {split: read(task, split) for split in SPLITS}
    assert [len(part) for part in found.values()] == [32, 4, 4]
    assert task.labels == ("mild", "rude")
    assert (task.primary_metric, task.direction, len(task.fingerprint())) == ("macro_f1", "max", 64)
    baselines = task.baselines()
    assert baselines == {"majority": pytest.approx(1 / 3), "naive_bayes": 1.0}


def test_hate_offensive(make, data_dir):
    """No assertion here compares texts: a failure would print them."""
    sizes = {}
    for classes, labels in (
        ("binary", ("neither", "offensive or hateful")),
        ("three", ("hate", "neither", "offensive")),
    ):
        task = make("offensive", classes=classes, data_dir=str(data_dir))
        assert task.labels == labels
        parts = {split: {words for words, _ in read(task, split)} for split in SPLITS}
        counts = {
            split: sum(task.batch(0, split, i, 500).size for i in range(task.batches(split, 500))) for split in SPLITS
        }
        sizes[classes] = sum(counts.values())
        assert 23_500 < sizes[classes] < 24_783
        assert [counts["val"], counts["test"]] == pytest.approx([sizes[classes] / 10] * 2, abs=3)
        known = {"<user>", "<url>", "rt"} <= set(task.vocabulary.tokens)
        assert known
        shared = len(parts["train"] & parts["test"])  # those that <unk> makes equal
        assert shared < 60
        for baseline, (low, high) in {"majority": (0.25, 0.46), "naive_bayes": (0.5, 0.86)}.items():
            assert low < task.baselines()[baseline] < high
    assert isinstance(task.scorer(), RankedClassScorer)


@pytest.mark.parametrize(
    "classes, labels",
    [
        ("binary", {"neither": 12, "offensive or hateful": 24}),
        ("three", {"hate": 12, "neither": 12, "offensive": 12}),
    ],
)
def test_hate_is_offensive_where_two_classes_are_told_apart(make, monkeypatch, classes, labels):
    given = ["hate", "neither", "offensive"] * 12
    corpus = corpora.Corpus([f"tweet {n}" for n in range(36)], given, "hash")
    monkeypatch.setattr(corpora, "hate_offensive", lambda data_dir: corpus)
    task = make("offensive", classes=classes)
    found = [label for split in SPLITS for _, label in read(task, split)]
    assert {label: found.count(label) for label in task.labels} == labels
    assert task.fingerprint() == "hash"


def test_names_files_have_the_rows_they_are_known_for(data_dir):
    corpus = corpora.names(str(data_dir))
    assert len(corpus.texts) == len(corpus.labels) == 20_050
    assert len(set(zip(corpus.texts, corpus.labels, strict=True))) == 18_012
    assert len(set(corpus.labels)) == 18
    assert all(text == text.strip() and text for text in corpus.texts)


def test_no_name_is_in_two_splits(make, data_dir):
    task = make("name_origin", data_dir=str(data_dir))
    rows = {split: task._source.words(split) for split in SPLITS}
    names = {split: {spelling(letters) for letters in words} for split, (words, _) in rows.items()}
    assert not names["train"] & names["test"]
    assert not names["train"] & names["val"]
    assert not names["val"] & names["test"]
    assert all(set(classes) == set(range(18)) for _, classes in rows.values())
    assert sum(len(classes) for _, classes in rows.values()) == 18_004  # 8 pairs differ in capitals or accents' form
    several = len(rows["test"][0]) - len(names["test"])
    assert several > 20  # names of several languages stay, together
    assert task.shape == tasks.Shape(len(task.vocabulary), True, 18, "last", "softmax")
    baselines = task.baselines()
    assert baselines["majority"] == pytest.approx(0.038, abs=0.002)
    assert baselines["majority"] < baselines["naive_bayes"] < 0.3


def test_batches_of_names_are_pure(make, own):
    rows = [(f"{'ab' * (i % 7)}{label}{i}", label) for i in range(40) for label in "xyz"]
    one, other = (make("name_origin", source=own(rows)) for _ in range(2))
    wanted = [(seed, split, index) for seed in (0, 1) for split in SPLITS for index in (0, 1)]
    before = {key: one.batch(*key, 6) for key in wanted}
    for key in reversed(wanted):
        other.batch(0, key[1], 0, 4)
        again = other.batch(*key, 6)
        assert np.array_equal(before[key].x, again.x)
        assert np.array_equal(before[key].target, again.target)
    assert np.array_equal(before[0, "test", 1].x, before[1, "test", 1].x)
    assert sorted(read(one, "train")) == sorted(read(one, "train", seed=5, epoch=3))


def test_characters_keep_their_accents():
    assert characters("O'Né") == characters("O'Ne\u0301") == ["O", "'", "N", "é"]
    assert spelling(["Ş", "A"]) == spelling(["ş", "a"])


@pytest.mark.parametrize("task", ["offensive", "name_origin", "names"])
def test_a_source_that_is_none(make, own, task):
    with pytest.raises(
        UserError, match=r"task\.source: expected [a-z-]+, a folder of .*, or a file ending in .*; got 'elsewhere'"
    ):
        make(task, source="elsewhere")
    with pytest.raises(UserError, match=r"own\.csv:1: expected a column"):
        make(task, source=own([("a", "b")], label="other"))


@pytest.mark.parametrize("size", [2, 4])
def test_ranked_scores_agree_with_scikit_learn(size):
    from sklearn.metrics import roc_auc_score

    rng = stream(1, Purpose.DATA)
    scorer, truths, logits = RankedClassScorer("abcd"[:size]), [], []
    for count in (30, 1, 9):
        truth, y = rng.integers(size, size=count), rng.normal(size=(size, count))
        y[truth, np.arange(count)] += 0.5
        scorer.add(Batch(np.zeros((1, count), int), truth), y.astype(np.float32))
        truths.append(truth)
        logits.append(y)
    y = np.concatenate(logits, axis=1)
    share = np.exp(y) / np.exp(y).sum(axis=0)
    want = roc_auc_score(np.concatenate(truths), share[1] if size == 2 else share.T, multi_class="ovr")
    assert scorer.metrics()["auroc"] == pytest.approx(want)
    assert scorer.metrics()["accuracy"] == pytest.approx(np.mean(y.argmax(axis=0) == np.concatenate(truths)))


def test_a_split_without_a_class_has_no_auroc():
    scorer = RankedClassScorer("ab")
    scorer.add(Batch(np.zeros((1, 2), int), np.array([0, 0])), np.zeros((2, 2)))
    assert "auroc" not in scorer.metrics()
