"""Tagging: which step is asked for which tag, splits without repeats, spans, and the user's own file."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.codecs.tags import looks
from seqexp.data import tagged
from seqexp.data.generated import sentences
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import passes
from seqexp.tasks._spans import entity_f1, scheme_of, spans_of
from seqexp.tasks.scorers import TagScorer

COLUMNS = "".join(f"the\tO\ntown\tO\nParis{number}\tB-place\nCity\tI-place\n\n" for number in range(30))
CONLLU = "".join(
    f"# text = Go{n} on\n1-2\tx\t_\t_\t_\t_\t_\t_\t_\t_\n1\tGo{n}\tgo\tVERB\t_\t_\t_\t_\t_\t_\n"
    "1.1\tx\t_\tX\t_\t_\t_\t_\t_\t_\n2\ton\ton\tADP\t_\t_\t_\t_\t_\t_\n\n"
    for n in range(20)
)


@pytest.fixture
def make(task_settings, tmp_path):
    settings = task_settings("tagging")

    def create(file=None, text="", **changes):
        if file is not None:
            path = tmp_path / file
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            changes["source"] = str(path)
        return tasks.create(**(settings | changes))

    return create


def pairs(task, split, batch_size=16, seed=0, epoch=0):
    """The split's sentences as ((word, tag), …), in any order."""
    count = task.batches(split, batch_size)
    found = []
    for index in range(epoch * count, (epoch + 1) * count):
        batch = task.batch(seed, split, index, batch_size)
        for b in range(batch.size):
            n = batch.lengths[b] - task.lookahead
            words = task.vocabulary.decode(batch.x[:n, b])
            tags = [task.labels[tag] for tag in batch.target[batch.answered[:, b], b]]
            found.append(tuple(zip(words, tags, strict=True)))
    return found


def test_the_grammar_tags_by_context():
    drawn = [sentences.sentence(stream(0, Purpose.DATA, n)) for n in range(500)]
    tags: dict[str, set] = {}
    for one in drawn:
        assert len(one.words) == len(one.tags)
        for position, (word, tag) in enumerate(zip(one.words, one.tags, strict=True)):
            tags.setdefault(word, set()).add(tag)
            before = position - 1
            while one.tags[before] == "ADJ":
                before -= 1
            if word in sentences.BOTH:  # a noun where a determiner stands before it and its adjectives
                assert tag == ("NOUN" if position and one.tags[before] == "DET" else "VERB")
    assert tags["duck"] == {"NOUN", "VERB"}
    assert tags["can"] == {"NOUN", "AUX"}
    assert tags["fast"] == {"ADJ", "ADV"}


@pytest.mark.parametrize("lookahead", [0, 2])
def test_a_tag_is_asked_so_many_words_later(make, lookahead):
    task = make(lookahead=lookahead)
    assert sorted(pairs(task, "val")) == sorted(pairs(make(), "val"))
    batch = task.batch(0, "train", 0, 8)
    assert batch.x.shape == batch.target.shape == batch.answered.shape
    for b, length in enumerate(batch.lengths - lookahead):
        assert (batch.x[:length, b] >= 0).all()
        assert (batch.x[length:, b] == -1).all()
        assert np.flatnonzero(batch.answered[:, b]).tolist() == list(range(lookahead, lookahead + length))


def test_generated_batches_are_pure_and_fresh(make):
    task, other = make(), make()
    task.batch(3, "train", 70, 32)
    for name in ("x", "target", "lengths", "answered"):
        assert np.array_equal(
            getattr(task.batch(0, "train", 1, 32), name), getattr(other.batch(0, "train", 1, 32), name)
        )
    assert sorted(pairs(task, "train")) != sorted(pairs(task, "train", epoch=1))
    assert task.fingerprint().startswith("generated")
    assert 0.8 < task.baselines()["most frequent tag of the word"] < 0.95
    with pytest.raises(IndexError):
        task.batch(0, "test", task.batches("test", 8), 8)


def test_own_files(make):
    spans = make("own.tsv", COLUMNS)
    assert (spans.primary_metric, spans.labels) == ("entity_f1", ("B-place", "I-place", "O"))
    assert [len(pairs(spans, split)) for split in ("train", "val", "test")] == [24, 3, 3]
    words = make("own.conllu", CONLLU)
    assert (words.primary_metric, words.labels) == ("accuracy", ("ADP", "VERB"))
    assert all(len(one) == 2 for one in pairs(words, "train"))
    assert len(words.fingerprint()) == 64
    assert sum(len(pairs(make("own.txt", COLUMNS.replace("\t", " ") * 2), split)) for split in ("train", "val")) == 27


@pytest.mark.parametrize(
    "file, text, says",
    [
        ("own.tsv", "", "own.tsv: expected tagged words"),
        ("own.tsv", COLUMNS + "one two three\n", "own.tsv:151: expected a word and a tag, with a tab or a space"),
        ("own.tsv", "a\tX\nb\t\n", "own.tsv:2: expected a word and a tag"),
        ("own.conllu", CONLLU + "1\tword\tTAG\n", "own.conllu:121: expected 10 columns with tabs between"),
        ("own.conllu", CONLLU.replace("\nx", "\n1") + "a" + "\tb" * 9, "own.conllu:121: expected a number, a word"),
        ("own.tsv", b"a\tX\n\xff\tY\n", "own.tsv:2: expected UTF-8"),
        ("own.tsv", "a\tX\n\nb\tX\n", "expected at least two different tags; every word has 'X'"),
        ("own.tsv", "a\tX\n\nb\tY\n\na\tX\n", "expected at least 3 different sentences"),
        ("own.docx", "a\tX\n", "task.source: expected generated, ud-english-partut, atis, wnut17, or a file ending in"),
    ],
)
def test_bad_files(make, file, text, says):
    with pytest.raises(UserError) as caught:
        make(file, text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file(make):
    with pytest.raises(UserError, match="expected an existing file"):
        make(source="nowhere.tsv")


def test_words_never_seen_are_known_by_their_looks(make):
    assert [looks(word) for word in ("Walked", "walked", "1984", "a", "é")] == ["<Aed>", "<aed>", "<0>", "<aa>", "<aé>"]
    task = make("own.tsv", COLUMNS)
    seen = {word for one in pairs(task, "test") for word, _ in one}
    assert seen == {"the", "town", "<0>", "City"}


def f1(truth, answers):
    spans = spans_of({tag for one in truth for tag in one} | {"O"})
    assert spans is not None
    return entity_f1(spans, truth, answers)


def test_spans():
    truth = [["B-x", "I-x", "O", "B-y"]]
    assert f1(truth, truth) == 1
    assert f1(truth, [["B-x", "O", "O", "B-y"]]) == 0.5
    spans = spans_of(["O", "B-x"])
    assert spans is not None
    assert entity_f1(spans, [["O"]], [["O"]]) == 0


MIXED = "B-x I-x O I-y B-y S-x E-y O O B-x E-x"


@pytest.mark.parametrize(
    "answer, score",  # of the package seqeval, which agrees with CoNLL's script
    [
        ("I-x I-x O B-y I-y S-x S-y O O B-x E-x", 8 / 11),
        ("B-x I-x I-y I-y B-y I-x E-y O I-x B-x I-x", 10 / 13),
        ("B-x B-x O E-y E-y E-x S-y O E-x B-x E-x", 5 / 7),
        ("B-x I-x O I-y I-y S-x E-x S-x O B-y E-y", 1 / 3),
        ("O O O O O O O O O O O", 0),
    ],
)
def test_marks_that_do_not_fit_together_are_scored_as_by_conll(answer, score):
    spans = spans_of([*MIXED.split(), *answer.split()])
    assert spans is not None
    assert entity_f1(spans, [MIXED.split()], [answer.split()]) == pytest.approx(score, rel=1e-15)


# One sentence in every scheme: Anna Stone saw Oslo, Rome Bergen. Anna Stone is a PER, Oslo, Rome and Bergen each a LOC.
WRITTEN = {
    "IOB2": "B-PER I-PER O B-LOC B-LOC B-LOC",
    "IOB1": "I-PER I-PER O I-LOC B-LOC B-LOC",
    "BIOES": "B-PER E-PER O S-LOC S-LOC S-LOC",
    "BILOU": "B-PER L-PER O U-LOC U-LOC U-LOC",
    "BMES": "B-PER E-PER O S-LOC S-LOC S-LOC M-PER",  # the M of another sentence
    "BMEWO": "B-PER E-PER O W-LOC W-LOC W-LOC",
    "suffix": "PER-B PER-I O LOC-B LOC-B LOC-B",
    "underscore": "B_PER I_PER O B_LOC B_LOC B_LOC",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_scheme_of_spans_is_known_and_scored_alike(name):
    tags = WRITTEN[name].split()
    spans = spans_of(tags)
    assert spans is not None
    truth = [tags[:6]]
    assert scheme_of(spans, truth) == {"suffix": "IOB2", "underscore": "IOB2"}.get(name, name)
    assert entity_f1(spans, truth, truth) == 1
    wrong = [["O", *tags[1:6]]]  # Anna is missed: one span of four has another beginning
    assert entity_f1(spans, truth, wrong) == pytest.approx(0.75)


@pytest.mark.parametrize(
    "tags",
    [
        ["O", "NOUN"],
        ["O"],
        [],
        ["X", "VERB"],
        ["B-x", "Q-x", "O"],
        ["S-x", "I-y"],
        ["NP-SBJ", "O"],
        ["B-x", "x-I", "O"],
    ],
)
def test_tags_that_mark_no_spans(tags):
    assert spans_of(tags) is None


def test_marks_alone_are_spans_of_one_kind():
    """As word segmentation has them: 我 爱 北京 is S S B E."""
    assert f1([["B", "E", "S", "B", "M", "E"]], [["B", "E", "S", "S", "B", "E"]]) == pytest.approx(4 / 7)


def test_a_perfect_tagger_scores_one_whatever_the_padding(make):
    task = make("own.tsv", COLUMNS, lookahead=1)
    scorer = TagScorer(task.labels)
    for batch in passes(task, "train", 7):
        scorer.add(batch, np.eye(3)[batch.answers()].T)
    assert scorer.metrics() == {"accuracy": 1, "entity_f1": 1}
    assert len(scorer._truth) == 24
    assert task.baselines()["most frequent tag of the word"] == 0  # O for every city that training does not have


def test_atis_lines(tmp_path):
    path = tmp_path / "a.iob"
    path.write_text("BOS to rome EOS\tO O B-to atis_flight\n\nBOS hi EOS\tO O\n")
    with pytest.raises(UserError, match=r"a\.iob:3: expected 'BOS words EOS"):
        tagged.read_atis(path)
    path.write_text("BOS to rome EOS\tO O B-to atis_flight\n")
    assert tagged.read_atis(path) == [tagged.Sentence(("to", "rome"), ("O", "B-to"), 1)]


def test_published_sentences(make, data_dir):
    partut = make(source="ud-english-partut", data_dir=str(data_dir))
    assert [partut._size(split) for split in ("train", "val", "test")] == [1781, 156, 153]
    assert len(partut.labels) == 17
    assert partut.baselines()["most frequent tag of the word"] == pytest.approx(0.889, abs=0.002)
    atis = make(source="atis", data_dir=str(data_dir))
    scored = {one.words for split in ("val", "test") for one in atis._parts[split]}
    assert not scored & {one.words for one in atis._parts["train"]}
    assert [atis._size(split) for split in ("val", "test")] == [500, 893]
    assert (atis.primary_metric, len(atis.labels)) == ("entity_f1", 127)
    assert atis.baselines()["most frequent tag of the word"] == pytest.approx(0.604, abs=0.01)
    wnut = make(source="wnut17", data_dir=str(data_dir))
    assert (wnut.primary_metric, len(wnut.labels)) == ("entity_f1", 13)
    assert [wnut._size(split) for split in ("val", "test")] == [1009, 1287]
