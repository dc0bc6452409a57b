"""A word, then a sentence: the user's own pairs, their parts, and what is scored."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.codecs import Options
from seqexp.data.batch import Split
from seqexp.data.language import topic_sentences
from seqexp.system.errors import UserError

SPLITS: tuple[Split, ...] = ("train", "val", "test")
PAIRS = [(word, f"The {word} has {n} legs.") for n in range(30) for word in ("cat", "dog")]


@pytest.fixture
def make(tmp_path):
    def made(pairs, **changes):
        settings = {"split_seed": 0, "min_count": 1, "max_length": 40, "temperature": 0.8}
        for key, rows in {"source": pairs, **changes}.items():
            if isinstance(rows, list):
                path = tmp_path / f"{key}.tsv"
                path.write_text("".join(f"{word}\t{sentence}\n" for word, sentence in rows))
                rows = str(path)
            settings[key] = rows
        return tasks.create("one_to_many", **settings)

    return made


def said(task, split):
    """(given word, sentence) of every example of a split, as the batches have them."""
    found = []
    for index in range(task.batches(split, 7)):
        batch = task.batch(0, split, index, 7)
        for b, length in enumerate(batch.lengths):
            words = [task.codec().symbols[id] for id in batch.target[:length, b]]
            assert words[-1] == "</s>"
            assert batch.x[1:length, b].tolist() == batch.target[: length - 1, b].tolist()
            given = task.codec().categories[batch.x[0, b] - len(task.codec().symbols)]
            found.append((given, " ".join(words[:-1])))
    return found


def test_no_sentence_is_in_two_parts_and_none_is_lost(make):
    task = make([*PAIRS, ("cat", "the CAT has 3 legs ."), ("lynx", "The cat has 3 legs.")])
    assert sum(len(said(task, split)) for split in SPLITS) == 61  # the lynx has the cat's
    parts = [{" ".join(task._texts[row]) for row in task._splits[split]} for split in SPLITS]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 60


def test_own_files_keep_their_parts_and_what_the_test_has_is_left_out_of_training(make):
    task = make([*PAIRS, ("dog", "Woof.")], test_source=[("dog", "Woof."), ("emu", "It runs.")])
    assert sorted(said(task, "test")) == [("<unk>", "<unk> <unk> ."), ("dog", "<unk> .")]
    assert "woof" not in task.codec().symbols
    assert task.codec().categories == ("<unk>", "cat", "dog")


def test_the_floors_are_counts_of_the_training_part(make):
    task = make(PAIRS)
    counts = np.ones((task.shape.inputs, task.shape.outputs))
    for index in range(task.batches("train", 8)):
        batch = task.batch(0, "train", index, 8)
        np.add.at(counts, (batch.x[batch.answered], batch.target[batch.answered]), 1)
    test = [task.batch(0, "test", index, 8) for index in range(task.batches("test", 8))]
    x = np.concatenate([batch.x[batch.answered] for batch in test])
    wanted = np.concatenate([batch.target[batch.answered] for batch in test])
    bigram = (counts / counts.sum(axis=1, keepdims=True))[x, wanted]
    assert task.baselines()["bigram"] == pytest.approx(np.exp(-np.log(bigram).mean()))
    assert task.baselines()["bigram"] < task.baselines()["unigram"]


def test_a_prompt_may_begin_the_sentence(make):
    codec = make(PAIRS).codec()

    class Network:
        def answers(self, batch, state=None):
            return np.zeros((len(codec.symbols), 1)), np.zeros((1, 1))

        def generate(self, prompt, steps, *how, **more):
            assert steps == codec.length
            return np.array([[codec.symbols.index("legs")], [0]])

    (answer,) = codec.answer(Network(), ["Cat: The cat has nine"], Options())
    assert answer.text == "the cat has nine legs"
    assert answer.unknown == ("nine",)
    with pytest.raises(UserError, match=r"^prompt: expected a word"):
        codec.encode(["zebra"])


@pytest.mark.parametrize(
    "pairs, message",
    [
        ([("cat", "It purrs."), ("dog", "it purrs .")], "at least 3 different sentences"),
        ([*PAIRS, ("cat", " ")], "malformed row"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(make, pairs, message):
    with pytest.raises(UserError, match=message):
        make(pairs)


def test_pythons_help_has_topics_and_whole_sentences():
    pairs = topic_sentences()
    assert len(pairs) > 500
    assert len({sentence for _, sentence in pairs}) == len(pairs)
    assert all(sentence[-1] in ".!?" for _, sentence in pairs)
