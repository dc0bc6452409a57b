"""Files as people have them (tests/cases), which were once read wrongly or refused: each is read right, or refused in
one line that says why."""

from pathlib import Path

import pytest

from seqexp import tasks
from seqexp.data import piano_rolls
from seqexp.system.errors import UserError

CASES = Path(__file__).resolve().parent.parent / "cases"
REVIEWS = "24 texts; 20 in training, 2 in validation, 2 in the test; classes (2): neg 12, pos 12"


@pytest.fixture
def read(task_settings, caplog):
    """The task of a case's file, with the settings of its yaml, changed by keyword."""
    caplog.set_level("INFO", "seqexp")

    def create(name, case, **changes):
        (file,) = (CASES / case).iterdir()
        return tasks.create(**(task_settings(name) | {"source": str(file)} | changes))

    return create


def words_of(task, split="train"):
    """Every word of a split, uncut."""
    return [word for one in task._source.words(split)[0] for word in one]


def sentences(task):
    return [one for part in task._parts.values() for one in part]


@pytest.mark.parametrize("case", ["d02-utf16", "d06-semicolon", "d15-gz", "d20-json-array", "d35-dup-header"])
def test_the_same_reviews_in_every_form(read, case, caplog):
    task = read("sentiment", case, min_count=1)
    assert REVIEWS in caplog.text
    said = {" ".join(words) for split in ("train", "val", "test") for words in task._source.words(split)[0]}
    assert {"a warm and clever film", "gentle , funny and wise", "slow , loud and empty"} <= said
    assert len(said) == 24


def test_a_quotation_mark_in_a_tsv_is_text(read, caplog):
    task = read("sentiment", "d05-tsv-stray-quote", min_count=1, text_column="sentence")
    assert "24 texts; 20 in training" in caplog.text
    assert task.labels == ("0", "1")
    said = [" ".join(words) for split in ("train", "val", "test") for words in task._source.words(split)[0]]
    assert '" a real treat , said nobody' in said
    assert "a real chore" in said


def test_columns_called_by_numbers(read):
    task = read("sentiment", "d11-headless-columns-by-number", min_count=1, text_column=1, label_column=0)
    assert task.labels == ("0", "1")
    assert len(words_of(task)) > 60


def test_labels_that_are_the_same_number(read, caplog):
    assert read("sentiment", "d12-float-int-label", min_count=1).labels == ("0", "1")
    assert "labels that are the same number are read as one class: 0.0 (6) as 0, 1.0 (6) as 1" in caplog.text
    assert "classes (2): 0 12, 1 12" in caplog.text


@pytest.mark.parametrize(
    "name, case, says",
    [
        (
            "sentiment",
            "d14-empty-rows",
            r"a\.csv: 2 faulty rows: line 26: expected a text .*; line 27: expected a l",
        ),
        ("translate", "x05-missing-target", r"a\.tsv: 2 faulty rows: line 21: .*; line 22: .*; remove such rows"),
        (
            "word_lm",
            "l12-word-all-rare",
            r"task\.min_count: expected tokens .* at least so many times; got 3, and none",
        ),
        ("tagging", "t01-conll2003", r"got 4 \(Anna \| NN .*task\.word_column=1 task\.tag_column=4$"),
        ("tagging", "t08-germeval", r"got 4 \(1 \| Anna \| B-PER \| O\); .*task\.word_column=2 task\.tag_column=3$"),
    ],
)
def test_refused_in_one_line(read, name, case, says):
    with pytest.raises(UserError, match=says) as caught:
        read(name, case)
    assert "\n" not in str(caught.value)


def test_a_web_address(task_settings):
    with pytest.raises(
        UserError, match=r"task\.source: .*got a web address, 'https://.*; download it, and give its path"
    ):
        tasks.create(**(task_settings("sentiment") | {"source": "https://example.org/reviews.csv"}))


@pytest.mark.parametrize(
    "case, known, length",
    [
        ("d27-nfd", {"café", "très", "mauvais"}, 5),
        ("d52-turkish-i", {"iyi", "kötü", "iş", "film"}, 3),
        ("d53-thai", {"หนัง", "ดี", "แย่", "มาก"}, 4),
    ],
)
def test_words_stay_whole(read, case, known, length):
    task = read("sentiment", case, min_count=1)
    assert known <= set(task.vocabulary.tokens)
    assert {len(words) for words in task._source.words("train")[0]} == {length}


def test_words_of_hindi_stay_whole(read, caplog):
    task = read("word_lm", "l13-hindi-word", min_count=1)
    assert set(task.vocabulary.tokens) == {
        *("<unk>", "<eos>", "।"),
        *("यह", "किताब", "बहुत", "अच्छी", "है", "मुझे", "हिन्दी", "पसंद"),
    }
    assert "780 words; 663 in training, 39 in validation, 78 in the test; vocabulary of 11 words" in caplog.text


@pytest.mark.parametrize(
    "name, case, told, warned",
    [
        (
            "char_lm",
            "l07-unseen-in-val",
            "unknown characters 0.0 % in training, 53.7 % in validation, 58.5 % in the test",
            "many characters are unknown (<unk>): 53.7 % in validation, 58.5 % in the test; training lacks them",
        ),
        (
            "word_lm",
            "l15-word-default-mincount",
            "unknown words 26.7 % in training, 26.7 % in validation, 26.7 % in the test",
            "many words are unknown (<unk>): 26.7 % in training, 26.7 % in validation, 26.7 % in the test; a smaller "
            "task.min_count",
        ),
    ],
)
def test_what_is_unknown_is_told(read, caplog, name, case, told, warned):
    read(name, case)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert told in caplog.records[0].message
    assert warned in caplog.records[1].message


def test_names_without_a_table(read, caplog):
    assert read("names", "n01-names-dir").categories == ("A", "B")
    assert "names: 6 texts; 2 in training, 2 in validation, 2 in the test; categories (2): A 3, B 3" in caplog.text
    assert read("names", "n03-txt").categories == ("names",)
    assert "30 texts; 24 in training, 3 in validation, 3 in the test; categories (1): names 30" in caplog.text
    assert read("name_origin", "n01-names-dir").labels == ("A", "B")
    with pytest.raises(UserError, match=r"at least two classes; every row .* has 'names'; name a folder"):
        read("name_origin", "n03-txt")


@pytest.mark.parametrize("case, chord", [("p01-rest-minus1", [60, 64, 67]), ("p02-floats-nan", [60, 64])])
def test_silence_in_piano_rolls(read, case, chord):
    first = piano_rolls.unpack(read("polyphony", case)._parts["train"][0])
    assert [(frame.nonzero()[0] + piano_rolls.LOWEST).tolist() for frame in first[:4]] == [chord, [], chord, []]


@pytest.mark.parametrize(
    "case, columns, tags",
    [
        ("t01-conll2003", {"word_column": 1, "tag_column": 4}, {"O", "B-PER", "I-PER", "B-LOC"}),
        ("t02-docstart-two-col", {}, {"O", "B-PER", "I-PER", "B-LOC"}),
        ("t04-bioes", {}, {"O", "B-PER", "E-PER", "S-LOC"}),
        ("t08-germeval", {"word_column": 2, "tag_column": 3}, {"O", "B-PER", "I-PER", "B-LOC"}),
        ("t12-no-break-space-word", {}, {"O", "B-PER", "I-PER", "B-LOC"}),
        ("t16-iob2-suffix", {}, {"O", "PER-B", "PER-I", "LOC-B"}),
        ("t19-ideographic-space", {}, {"O", "B-PER", "B-LOC"}),
    ],
)
def test_tags_are_scored_as_spans(read, caplog, case, columns, tags):
    task = read("tagging", case, min_count=1, **columns)
    assert set(task.labels) == tags
    assert task.primary_metric == "entity_f1"
    scheme = "BIOES" if "S-LOC" in tags else "IOB2"
    assert f"the tags mark spans ({scheme}): the metric is entity_f1" in caplog.text
    assert len(sentences(task)) == 12
    assert {len(one.words) for one in sentences(task)} == {4 if case.startswith("t19") else 5}
    odd = {"t12-no-break-space-word": "New\u00a0York", "t19-ideographic-space": "\u3000"}
    words = {word for one in sentences(task) for word in one.words}
    assert odd.get(case, "saw") in words
    assert not words & {"-DOCSTART-", "#", "1"}


def test_tags_that_occur_once_do_not_stop_a_file(read, caplog):
    task = read("tagging", "t20-rare-tag-singletons", min_count=1)
    assert len(task.labels) == 31
    assert [task._size(split) for split in ("train", "val", "test")] == [24, 3, 3]
    assert "6 tags of validation and test are in no sentence of training, and count as wrong there" in caplog.text
