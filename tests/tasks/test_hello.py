"""The smallest task: what is fed and asked, what counts as said, and what an answer without memory says."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.system.errors import UserError

END = 1


def make(word="hello", feed="zeros", **changes):
    settings = {"temperature": 0.0, "steps_per_epoch": 5, "split_seed": 0} | changes
    return tasks.create("hello", word=word, feed=feed, **settings)


@pytest.mark.parametrize("feed", ["zeros", "previous"])
def test_after_the_first_letter_the_rest_is_asked_to_its_end(feed):
    """Ids: <s> </s> e h l o."""
    task = make(feed=feed)
    for split in ("train", "val", "test"):
        batch = task.batch(3, split, 2, 32)
        assert batch.x.T.tolist() == [[0, 3, -1, -1, -1, -1] if feed == "zeros" else [0, 3, 2, 4, 4, 5]]
        assert batch.target[batch.answered].tolist() == [2, 4, 4, 5, END]
        assert batch.answered.T.tolist() == [[False, True, True, True, True, True]]
        assert task.batches(split, 32) == (5 if split == "train" else 1)
    assert task.shape == tasks.Shape(6, True, 6, "steps", "softmax")


def said(*tokens):
    """A generator that says these, whatever it is asked; and what it was asked."""
    asked = []

    def generator(prompt, steps, feed, temperature, seed):
        asked.append((prompt.T.tolist(), steps, feed, temperature, seed))
        return np.array(tokens)[:, None]

    return generator, asked


@pytest.mark.parametrize(
    "tokens, word, score",
    [
        ([2, 4, 4, 5, END], "hello", 1.0),
        ([2, 4, 4, END, 5], "hell", 0.0),
        ([2, 4, 4, 5, 5], "helloo…", 0.0),  # it did not end
        ([END, 4, 4, 5, END], "h", 0.0),
    ],
)
def test_a_word_is_said_where_it_is_right_to_its_end(tokens, word, score):
    generator, asked = said(*tokens)
    metrics, (samples,) = make(split_seed=4).generate(generator, "test")
    assert metrics == {"exact_match": score}
    assert samples.rows == (("greedy", "h", word, "hello"),)
    assert asked == [([[0, 3]], 5, "zeros", 0.0, 4)]


def test_the_metric_is_greedy_whatever_the_temperature_of_the_sample():
    generator, asked = said(2, 4, 4, 5, END)
    task = make(temperature=0.7)
    assert len(task.generate(generator, "test")[1][0].rows) == 2
    assert len(task.generate(generator, "val")[1][0].rows) == 1  # a sample is of the test only
    assert [temperature for *_, temperature, _ in asked] == [0.0, 0.7, 0.0]


@pytest.mark.parametrize(
    "word, feed, floor",
    [
        ("hello", "zeros", 0.0),
        ("hello", "previous", 0.0),  # after l comes l, or o
        ("ab", "zeros", 1.0),  # b answers the first letter, the end all that follows
        ("abc", "zeros", 0.0),
        ("aab", "previous", 0.0),
        ("abc", "previous", 1.0),
        ("aaa", "previous", 0.0),  # after a comes a, or the end
    ],
)
def test_what_needs_no_memory(word, feed, floor):
    assert make(word, feed).baselines() == {"no memory": floor}


def test_one_letter_is_no_word():
    with pytest.raises(UserError, match=r"task.word: expected at least two letters; got 'h'"):
        make("h")
