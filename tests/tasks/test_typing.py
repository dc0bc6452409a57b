"""Predictive typing, counted by hand: what is offered letter by letter, and the keystrokes that it saves."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data.batch import Batch
from seqexp.tasks._language import Language, ngrams
from seqexp.tasks._typing import Bigram, CharacterTypist, WordTypist
from seqexp.tasks.artifacts import TextSamples

TOKENS = ("<unk>", "<eos>", "an", "and", "art", "bee", "by")


def typed(typist, tokens, scores, columns=1):
    """The typist's metrics of tokens typed one after another, of which the scores (V,) were each step's answers."""
    ids = np.array([TOKENS.index(token) for token in tokens]).reshape(-1, columns)
    batch = Batch(ids, ids, answered=np.ones(ids.shape, bool))
    typist.add(batch, np.array(scores, float).T)
    return typist.metrics()


@pytest.mark.parametrize(
    "word, likely, keystrokes",
    [
        ("bee", "bee by an and art", 1),  # offered before a letter is typed
        ("bee", "an and art bee by", 2),  # fourth of all, and first of those with a b
        ("art", "bee by an and art", 2),  # third of those with an a
        ("and", "an and art bee by", 1),
    ],
)
def test_a_word_takes_the_letters_until_it_is_offered_and_one_keystroke(word, likely, keystrokes):
    order = ["<unk>", "<eos>", *reversed(likely.split())]
    metrics = typed(WordTypist(TOKENS, 5.0, ("<eos>",)), [word], [[order.index(token) for token in TOKENS]])
    assert metrics["keystrokes_saved"] == pytest.approx(1 - keystrokes / (len(word) + 1))


def test_a_word_that_is_never_offered_is_typed_with_its_space():
    tokens = ("<unk>", "<eos>", "aaa", "aab", "aac", "aad")
    typist = WordTypist(tokens, 5.0, ("<eos>",))
    ids = np.array([[2], [0], [1]])
    scores = np.array([[9, 9, 0, 1, 2, 3], [0, 0, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]], float)
    typist.add(Batch(ids, ids, answered=np.ones(ids.shape, bool)), scores.T)
    # aaa: 4 of 4; an unknown word of 5 letters on average: 6 of 6; a line end is no word.
    assert (typist.needed, typist.whole) == (10, 10)


def test_ranks_are_counted_over_all_tokens():
    scores = [[0, 0, 5, 4, 3, 2, 1], [0, 0, 5, 4, 3, 2, 1], [0, 0, 5, 4, 3, 2, 1]]
    metrics = typed(WordTypist(TOKENS, 0.0, ("<eos>",)), ["an", "art", "by"], scores)
    assert (metrics["top1_accuracy"], metrics["top3_accuracy"]) == pytest.approx((1 / 3, 2 / 3))


@pytest.mark.parametrize(
    "wrong, keystrokes",
    [
        ([], 1 + 1),  # both words at once
        ([1], 3 + 1),  # "a", "b" typed, then taken
        ([2], 3 + 1),  # the space is wrong: all of "ab " typed
        ([0, 4], 2 + 3),
        ([0, 1, 2, 3, 4, 5], 3 + 3),
    ],
)
def test_a_completion_of_characters_is_right_to_the_space_or_worth_nothing(wrong, keystrokes):
    """Of the text "ab cd ", a column of two batches; a second column says the same, and is read behind it."""
    tokens = ("<unk>", "a", "b", "c", "d", " ")
    ids = np.array([[1, 2, 5, 3, 4, 5]] * 2).T
    said = ids.copy()
    said[wrong, 0] = 0
    typist = CharacterTypist(tokens)
    for part in (slice(0, 2), slice(2, 6)):
        batch = Batch(ids[part], ids[part], answered=np.ones(ids[part].shape, bool))
        typist.add(batch, np.eye(6)[:, said[part].ravel()])
    assert typist.metrics()["keystrokes_saved"] == pytest.approx(1 - (keystrokes + 2) / 12)


def test_the_bigram_is_the_floors():
    rng = np.random.default_rng(0)
    train, test = rng.integers(0, 5, 60), rng.integers(0, 7, 40)
    batch = Batch(np.concatenate([[0], test[:-1]])[:, None], test[:, None], answered=np.ones((40, 1), bool))
    y = Bigram(train, 7, 0).answers(batch)
    np.testing.assert_allclose(np.exp(y).sum(axis=0), 1, rtol=1e-5)
    assert -y[test, np.arange(40)].mean() == pytest.approx(ngrams(train, test, 7, 0)["bigram"], rel=1e-6)


@pytest.mark.parametrize("name", ["char_lm", "word_lm"])
def test_the_test_of_a_language_model_tells_what_typing_it_saves_beside_a_bigram(name, tmp_path, task_settings):
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat .\nthe dog ran to the barn .\n" * 20)
    task = tasks.create(**(task_settings(name) | {"source": str(path), "length": 16}))
    assert isinstance(task, Language)
    scorer = task.test_scorer()
    for index in range(task.batches("test", 32)):
        batch = task.batch(0, "test", index, 32)
        scorer.add(batch, np.eye(len(task.vocabulary))[:, batch.answers()])
    metrics, (table,) = scorer.metrics(), scorer.artifacts()
    assert isinstance(table, TextSamples)
    assert metrics["top1_accuracy"] == 1
    assert metrics["keystrokes_saved"] > 0.5
    assert [row[0] for row in table.rows] == ["network", "bigram"]
    assert float(table.rows[1][1]) < 1  # after "the" come four words
    assert set(task.scorer().metrics()) == {task.primary_metric}
