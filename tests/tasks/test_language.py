"""Language models: streams, the state carried along them, n-gram scores, and the user's own text."""

import math

import numpy as np
import pytest

from seqexp import models, tasks
from seqexp.data import language
from seqexp.data.batch import Batch
from seqexp.networks import Chain
from seqexp.system.errors import UserError
from seqexp.tasks import passes
from seqexp.tasks._language import STREAMS, ngrams
from seqexp.tasks.scorers import LikelihoodScorer, Unit
from seqexp.training import optimizers
from seqexp.training.trainer import Trainer, Training

TEXT = "".join(f"{number} is a number, and so is {number * 7 % 101}.\n" for number in range(400))


@pytest.fixture
def make(task_settings, tmp_path):
    """A task with the settings of its yaml, changed by keyword; ``text`` becomes its source."""

    def create(name="char_lm", text=None, **changes):
        settings = task_settings(name)
        if text is not None:
            (tmp_path / "own.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
            changes["source"] = str(tmp_path / "own.txt")
        return tasks.create(**(settings | changes))

    return create


def columns(task, split, batch_size):
    """Every scored (input, target) of a split's pass, one list a column, in order."""
    found: dict[int, list] = {}
    for index in range(task.batches(split, batch_size)):
        batch = task.batch(0, split, index, batch_size)
        for t, b in zip(*np.nonzero(batch.answered), strict=True):
            found.setdefault(int(b), []).append((int(batch.x[t, b]), int(batch.target[t, b])))
    return [found[b] for b in sorted(found)]


@pytest.mark.parametrize("name", ["char_lm", "word_lm"])
@pytest.mark.parametrize("split, batch_size", [("train", 7), ("val", 7), ("test", 99)])
def test_streams_are_the_text_in_order_and_each_token_is_scored_once(make, name, split, batch_size):
    task = make(name, TEXT, length=10)
    said = [pair for column in columns(task, split, batch_size) for pair in column]
    assert len(columns(task, split, batch_size)) == (batch_size if split == "train" else STREAMS)
    inputs, targets = zip(*said, strict=True)
    assert inputs[1:] == targets[:-1], "each column goes on where the one before ended"
    assert task.vocabulary.decode(inputs[:1]) == ["\n" if name == "char_lm" else "<eos>"]
    whole = "".join(task.vocabulary.decode(targets))
    wanted = TEXT if name == "char_lm" else "".join(task.tokens(TEXT))
    start = {"train": 0, "val": round(len(wanted) * 0.85), "test": round(len(wanted) * 0.9)}[split]
    if name == "char_lm":
        assert whole == wanted[start : start + len(whole)]
        assert len(whole) == pytest.approx(len(TEXT) * {"train": 0.85, "val": 0.05, "test": 0.1}[split], abs=1)


def test_training_goes_round_and_is_the_same_for_every_seed(make):
    task = make(text=TEXT, length=10, steps_per_epoch=3)
    assert task.batches("train", 8) == 3
    whole = make(text=TEXT, length=10).batches("train", 8)
    for index in (0, 2):
        first, again = task.batch(0, "train", index, 8), task.batch(5, "train", index + whole, 8)
        assert np.array_equal(first.x, again.x)
        assert np.array_equal(first.target, again.target)
    assert first.x.shape == first.target.shape == first.answered.shape == (10, 8)
    with pytest.raises(IndexError):
        task.batch(0, "val", task.batches("val", 8), 8)


def trainer(task, model="lstm", **changes):
    size = task.shape.inputs
    network = Chain(models.create(model, **core(model, size)), size, "steps")
    settings = {"epochs": 2, "batch_size": 4, "clip_norm": 1.0, "patience": None, "max_seconds": None} | changes
    sgd = optimizers.create("sgd", **optimizer())
    return Trainer(network, task, sgd, Training(**settings), seed=0, dtype=np.float64)


def core(model, size):
    own = {"forget_bias": 1.0, "recurrent_init": "orthogonal", "recurrent_scale": 1.0, "freeze_gates": []}
    return {"input_size": size, "hidden_size": 5, **own}


def optimizer():
    own = {"learning_rate": 0.1, "schedule": "constant", "step_fraction": 0.5, "step_factor": 0.1}
    return {**own, "weight_decay": 0.0}


def test_evaluation_carries_the_state_through_the_split(make):
    """Cut into windows, or whole: the same loss, to rounding."""
    whole = trainer(make(text=TEXT, length=10_000)).evaluate("test")[0]
    cut = trainer(make(text=TEXT, length=7)).evaluate("test")[0]
    assert cut["test/bits_per_char"] == pytest.approx(whole["test/bits_per_char"], rel=1e-10)
    forgetful = trainer(make(text=TEXT, length=7, carry_state=False)).evaluate("test")[0]
    assert abs(forgetful["test/bits_per_char"] - whole["test/bits_per_char"]) > 1e-6


def test_training_starts_from_the_state_before_and_each_epoch_from_zeros(make):
    task = make(text=TEXT, length=7, steps_per_epoch=3)
    run = trainer(task)
    assert run.carries
    seen: list = []
    forward = run.network.forward

    def watched(p, batch, state=None, *rest, **more):
        seen.append(None if state is None else state.copy())
        return forward(p, batch, state, *rest, **more)

    run.network.forward = watched
    after = []
    for _ in range(7):
        run.train_step()
        assert run.carried is not None
        after.append(run.carried.copy())
    assert [state is None for state in seen] == [True, False, False, True, False, False, True]
    for step in (1, 2, 4, 5):
        assert np.array_equal(seen[step], after[step - 1])
    other = trainer(make(text=TEXT, length=7, carry_state=False))
    other.train_step()
    assert other.carried is None


def test_ngrams_by_hand():
    train, test = np.array([1, 2, 1, 2, 1]), np.array([2, 2])
    scores = ngrams(train, test, size=3, start=1)
    unigram = 3 / 8
    # after 1: twice 2, once 1 (the start before the text's first 1); after 2: twice 1
    bigram = [(2 + 2 * unigram) / 5, (0 + 1 * unigram) / 3]
    assert scores["unigram"] == pytest.approx(-math.log(unigram))
    assert scores["bigram"] == pytest.approx(-np.log(bigram).mean())
    assert ngrams(train, np.array([0, 2]), 3, 0)["bigram"] > 0  # a context that never occurred
    # Neither did this one: as the unigram model has it, for the first token after 1 and the second after 4.
    assert ngrams(train, np.array([4, 4]), size=5, start=1) == {
        "unigram": pytest.approx(-math.log(1 / 10)),
        "bigram": pytest.approx(-np.log([2 / 10 / 5, 1 / 10]).mean()),
    }


def test_likelihood_scorer():
    y = np.log(np.array([[0.5, 0.25], [0.25, 0.25], [0.25, 0.5]], np.float64))
    batch = Batch(np.zeros((2, 1)), np.array([[0], [1]]), answered=np.ones((2, 1), bool))
    metrics: tuple[tuple[Unit, float], ...] = ("bits_per_char", 1.5), ("perplexity", math.sqrt(8))
    for metric, value in metrics:
        scorer = LikelihoodScorer(metric)
        scorer.add(batch, y + 1000)
        assert scorer.metrics()[metric] == pytest.approx(value)


def test_characters_never_seen_do_not_fail(make):
    task = make(text="abc " * 90 + "é√" * 20)
    batch = next(passes(task, "test", 4))
    assert (batch.target == 0).any()
    assert math.isfinite(trainer(task).evaluate("test")[0]["test/bits_per_char"])
    assert math.isfinite(task.baselines()["bigram"])


def test_python_help_is_the_default_and_never_repeats_a_paragraph(make):
    task = make()
    text = language.help_topics()
    assert len(text) > 200_000
    assert len(set(text.split("\n\n"))) == len(text.split("\n\n"))
    assert len(task.fingerprint()) == 64
    assert task.baselines()["bigram"] < task.baselines()["unigram"] < 6
    words = make("word_lm")
    assert words.baselines()["bigram"] < words.baselines()["unigram"]
    assert 500 < len(words.vocabulary) < 5000


def test_characters_are_the_text(make):
    task = make(text=TEXT)
    assert task.codec().spelled(task.tokens("to be,\n or")) == "to be,\n or"


def test_words_and_where_lines_end(make):
    task = make("word_lm", TEXT)
    assert task.tokens("To be,\n\nor not") == ["to", "be", ",", "<eos>", "or", "not", "<eos>"]
    assert task.codec().spelled(["to", "be", "<eos>", "or"]) == "to be \n or"


def test_a_paragraph_of_the_help_is_a_line_of_words(make, monkeypatch):
    monkeypatch.setattr(language, "help_topics", lambda: TEXT)
    task = make("word_lm")
    assert task.tokens("To be\nor\n\nnot") == ["to", "be", "or", "<eos>", "not", "<eos>"]


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "own.txt: expected a text; the file is empty"),
        (" \n\n", "the file is empty"),
        ("short", "expected a text of at least 20 tokens"),
        (b"fine\nnot \xff utf-8\n", "own.txt:2: expected UTF-8"),
    ],
)
def test_bad_texts(make, text, says):
    with pytest.raises(UserError) as caught:
        make(text=text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_source_that_is_none(make):
    with pytest.raises(UserError, match=r"task\.source: expected python, tinyshakespeare, ptb, or the path"):
        make(source="war and peace")


def test_published_texts(make, data_dir):
    tiny = make(source="tinyshakespeare", data_dir=str(data_dir))
    assert sum(len(ids) for ids in tiny._ids.values()) == 1_115_394
    assert len(tiny.vocabulary) == 1 + 65
    assert tiny.baselines() == pytest.approx({"unigram": 4.83, "bigram": 3.60}, abs=0.02)
    ptb = make("word_lm", source="ptb", min_count=1, data_dir=str(data_dir))
    assert {split: len(ids) for split, ids in ptb._ids.items()} == {"train": 929_589, "val": 73_760, "test": 82_430}
    assert len(ptb.vocabulary) == 10_000
    assert ptb.baselines()["unigram"] == pytest.approx(640, abs=5)
    assert ptb.baselines()["bigram"] < 250
