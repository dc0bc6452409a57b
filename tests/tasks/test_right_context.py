"""Tags decided by a word to the right: what decides, and what can be known from the left."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.system.errors import UserError
from seqexp.tasks import passes


@pytest.fixture
def make(task_settings):
    settings = task_settings("right_context")
    return lambda **changes: tasks.create(**(settings | changes))


@pytest.mark.parametrize("ahead", [1, 3])
def test_a_plain_word_has_one_tag_and_that_of_an_ambiguous_one_is_decided_to_its_right(make, ahead):
    batch = make(kinds=3, ahead=ahead, length=30).batch(0, "train", 0, 5)
    for column, n in enumerate(batch.lengths):
        words = batch.x[: n - 1, column]  # without the full stop
        assert 30 <= len(words) <= 33
        asked = np.flatnonzero(batch.answered[:, column])
        assert asked.tolist() == list(range(len(words) - ahead))
        for t in asked:
            kind = words[t] % 3
            wanted = kind if words[t] < 3 else (kind + words[t + ahead]) % 3
            assert batch.target[t, column] == wanted


def test_the_tags_that_a_word_can_have_are_equally_likely(make):
    """Whatever is known of the words before it: so a guess is all that can be done from the left."""
    batch = make(kinds=4, length=500).batch(0, "train", 0, 50)
    asked = batch.answered & (batch.x >= 4)
    before = np.roll(batch.x, 1, axis=0)
    counts = np.zeros((12, 4, 4))
    np.add.at(counts, (before[asked], batch.x[asked] - 4, batch.target[asked]), 1)
    counts = counts[:8]
    expected = counts.sum(axis=2, keepdims=True) / 4
    # The sum of (count - expected)^2 / expected is chi-squared with 3 degrees of freedom for each of 32 rows.
    assert ((counts - expected) ** 2 / expected).sum() < 96 + 5 * np.sqrt(2 * 96)


def test_the_full_stop_keeps_the_parts_apart(make):
    task = make(examples=40, length=2, ahead=1, kinds=2)
    seen = {}
    for split in ("train", "val", "test"):
        sums = set()
        for index in range(3):
            batch = task.batch(0, split, index, 8)
            for column, n in enumerate(batch.lengths):
                assert batch.x[n - 1, column] >= 4
                assert (batch.x[n:, column] == 0).all()
                sums.add(int(batch.x[:n, column].sum()) % 4)
        seen[split] = sums
    assert seen == {"train": {2, 3}, "val": {0}, "test": {1}}


def test_the_best_from_the_left_knows_the_plain_words_and_guesses_the_others(make):
    task = make(kinds=4)
    scorer = task.scorer()
    for batch in passes(task, "test", 64):
        answered = batch.x[batch.answered]
        scorer.add(batch, np.eye(4)[:, answered % 4])  # an ambiguous word's own kind, as good as any
    best = task.baselines()["all to the left"]
    assert best == pytest.approx((1 + 1 / 4) / 2, abs=0.01)
    assert scorer.metrics()["accuracy"] == pytest.approx(best, abs=0.01)


def test_a_word_that_decides_must_stand_in_the_sentence(make):
    with pytest.raises(UserError, match=r"^task.ahead: expected less than task.length=5, .*; got 5$"):
        make(length=5, ahead=5)
