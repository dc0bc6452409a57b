"""The user's own files of training, validation and test, in every task that reads files; and the line of what was
read."""

import json

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data.batch import Split
from seqexp.system.errors import UserError
from seqexp.tasks import polyphony, tagging, translate
from seqexp.tasks._language import Language

PARTS: tuple[Split, ...] = ("train", "val", "test")


@pytest.fixture
def make(task_settings, tmp_path, caplog):
    """A task whose source, val_source and test_source are written first."""
    caplog.set_level("INFO", "seqexp")

    def create(name, suffix, contents, **changes):
        keys = {"train": "source", "val": "val_source", "test": "test_source"}
        for part, content in contents.items():
            path = tmp_path / f"{part}{suffix}"
            path.write_text(content, encoding="utf-8")
            changes[keys[part]] = str(path)
        return tasks.create(**(task_settings(name) | changes))

    return create


def table(part, count):
    return "text,label,category\n" + "".join(f"{part} {n} is {'ab'[n % 2]},{'ab'[n % 2]},c\n" for n in range(count))


def columns(part, count):
    return "".join(f"{part}{n}\tO\nParis\tB-place\n\n" for n in range(count))


def pairs(part, count):
    return "".join(f"{part} {n}\tdit {n}\n" for n in range(count))


def lines(part, count):
    return "".join(f"{part} has line {n} .\n" for n in range(count))


def rolls(part, count):
    return json.dumps([[[40 + n, 50 + len(part)], [60], [61 + len(part)]] for n in range(count)])


def sizes(task):
    if isinstance(task, translate.Translate):
        return [len(task._pairs.splits[part]) for part in PARTS]
    if isinstance(task, tagging.Tagging | polyphony.Polyphony):
        return [len(task._parts[part]) for part in PARTS]
    if isinstance(task, Language):
        return [len(task._ids[part]) for part in PARTS]
    rows = getattr(task, "_splits", None)
    return [len(rows[part]) for part in PARTS] if rows else [task._source.size(part) for part in PARTS]


KINDS = [
    ("sentiment", ".csv", table),
    ("offensive", ".csv", table),
    ("name_origin", ".csv", table),
    ("names", ".csv", table),
    ("tagging", ".tsv", columns),
    ("translate", ".tsv", pairs),
    ("polyphony", ".json", rolls),
]


@pytest.mark.parametrize("name, suffix, write", KINDS)
def test_own_parts_are_as_they_are(make, name, suffix, write, caplog):
    task = make(name, suffix, {"train": write("train", 20), "val": write("va", 6), "test": write("t", 4)})
    assert sizes(task) == [20, 6, 4]
    assert "20 in training, 6 in validation, 4 in the test" in caplog.text
    assert "read " in caplog.records[0].message
    assert str(task.source) in caplog.text
    whole = make(name, suffix, {"train": write("train", 20)})
    assert sum(sizes(whole)) == 20
    assert whole.fingerprint() != task.fingerprint()
    tested = make(name, suffix, {"train": write("train", 20), "test": write("t", 4)})
    assert sizes(tested) == [18, 2, 4]
    assert len({whole.fingerprint(), task.fingerprint(), tested.fingerprint()}) == 3


@pytest.mark.parametrize("name", ["char_lm", "word_lm"])
def test_own_parts_of_running_text(make, name, caplog):
    count = {"char_lm": len, "word_lm": lambda text: len(text.split()) + text.count("\n")}[name]
    parts = {"train": lines("this", 100), "val": lines("that", 20), "test": lines("it", 30)}
    assert sizes(make(name, ".txt", parts, min_count=1)) == [count(text) for text in parts.values()]
    total = count(parts["train"])
    del parts["val"]
    cut = sizes(make(name, ".txt", parts, min_count=1))
    assert cut == [round(total * 0.95), total - round(total * 0.95), count(parts["test"])]
    parts = {"train": lines("this", 100), "val": lines("that", 20)}
    cut = sizes(make(name, ".txt", parts, min_count=1))
    assert cut == [round(total * 0.9), count(parts["val"]), total - round(total * 0.9)]
    with pytest.raises(UserError, match=r"val\.txt: expected a text; the file is empty"):
        make(name, ".txt", parts | {"val": " \n"}, min_count=1)


@pytest.mark.parametrize("name, suffix, write", KINDS)
def test_what_is_tested_is_not_trained_on(make, name, suffix, write):
    task = make(name, suffix, {"train": write("train", 20), "val": write("train", 6), "test": write("train", 4)})
    trained, validated, tested = sizes(task)
    assert (trained, tested) == (14, 4)
    assert validated == (2 if suffix == ".csv" else 6)


@pytest.mark.parametrize(
    "name, source",
    [
        *[("sentiment", "generated"), ("offensive", "hate-offensive"), ("name_origin", "names"), ("names", "names")],
        *[("tagging", "atis"), ("translate", "numbers"), ("char_lm", "python"), ("polyphony", "generated")],
    ],
)
def test_a_data_set_has_parts_of_its_own(task_settings, name, source):
    with pytest.raises(UserError, match=rf"task\.test_source: expected null, since '{source}' has parts of its own"):
        tasks.create(**(task_settings(name) | {"source": source, "test_source": "mine.csv"}))


def test_parts_in_a_column(make, caplog):
    parts = ["train"] * 16 + ["dev"] * 2 + ["test"] * 2
    rows = "".join(f"text {n},{'ab'[n % 2]},{part}\n" for n, part in enumerate(parts))
    task = make("sentiment", ".csv", {"train": "text,label,part\n" + rows}, split_column="part")
    assert sizes(task) == [16, 2, 2]
    assert len(task.fingerprint()) == 64
    with pytest.raises(UserError, match=r"task\.split_column: expected null beside task\.val_source"):
        make("sentiment", ".csv", {"train": "text,label,part\n" + rows, "val": table("val", 4)}, split_column="part")


def test_a_missing_file_is_named_by_its_key(make, tmp_path):
    with pytest.raises(UserError, match=r"^task\.test_source: expected an existing file; there is no .*no\.csv"):
        make("sentiment", ".csv", {"train": table("train", 20)}, test_source=str(tmp_path / "no.csv"))


def test_many_pairs_that_are_too_long_are_warned_of(make, caplog):
    long = "".join(f"{'word ' * 12}{n}\tmot {n}\n" for n in range(5))
    make("translate", ".tsv", {"train": pairs("short", 30) + long})
    assert "5 of 35 pairs have more than 10 words (task.max_length) and are left out" in caplog.text
    assert any("left out" in record.message for record in caplog.records[1:])
    caplog.clear()
    make("translate", ".tsv", {"train": pairs("short", 60) + long})
    assert "65 pairs, of which 5 have more than 10 words (task.max_length) and" in caplog.records[0].message
    assert not any("left out" in record.message for record in caplog.records[1:])


def test_rare_tags_go_to_training(make, caplog):
    rare = "".join(f"town{n}\tB-rare{n}\n\n" for n in range(3))
    common = "".join(f"w{n}\tO\nParis\tB-place\n\n" for n in range(57))
    for seed in range(8):
        task = make("tagging", ".tsv", {"train": rare + common}, split_seed=seed)
        assert sizes(task) == [48, 6, 6]
        trained = {tag for one in task._parts["train"] for tag in one.tags}
        assert trained == {"O", "B-place", "B-rare0", "B-rare1", "B-rare2"}
        assert len({one.words for part in PARTS for one in task._parts[part]}) == 60
    assert "count as wrong" not in caplog.text


def test_a_long_piece_is_read(make):
    """MuseData, a standard benchmark, has one of 4,273 frames."""
    content = json.dumps([[[60]] * 4273, *([[40 + n], [50]] for n in range(5))])
    task = make("polyphony", ".json", {"train": content})
    assert max(len(piece) for part in PARTS for piece in task._parts[part]) == 4273


def test_the_line_says_what_was_read(make, caplog):
    rows = "".join(f"good film {n},pos\n" for n in range(20)) + "".join(f"bad {'film ' * n},neg\n" for n in range(20))
    task = make("sentiment", ".csv", {"train": "text,label\n" + rows + "good film 1,pos\n"}, max_length=10)
    assert caplog.records[0].message == (
        f"read {task.source}: 41 texts, of which 1 repeat an earlier text and are left out, so that no test text is "
        "seen in training; 32 in training, 4 in validation, 4 in the test; classes (2): neg 20, pos 20; vocabulary of "
        f"{len(task.vocabulary)} words; {unknown(task)}; the longest has 20 words, 10 are cut to their first 10 words "
        "(task.max_length)"
    )
    assert "10 of 40 texts are cut to their first 10 words (task.max_length)" in caplog.records[1].message


def unknown(task):
    shares = []
    for part, place in zip(PARTS, ("in training", "in validation", "in the test"), strict=True):
        ids = task._source.texts(part, 0, 0)[0].flat
        shares.append(f"{100 * np.mean(ids == 0):.1f} % {place}")
    return "unknown words " + ", ".join(shares)


@pytest.mark.parametrize(
    "name, source, says",
    [
        ("digits", "scikit-learn", "scikit-learn: 1,797 pictures; 1,439 in training, "),
        ("caption", "digits", "digits: 1,797 pictures; "),
        ("char_lm", "python", "python: "),
    ],
)
def test_data_sets_have_the_line_too(task_settings, caplog, name, source, says):
    caplog.set_level("INFO", "seqexp")
    tasks.create(**(task_settings(name) | {"source": source}))
    assert caplog.records[0].message.startswith(f"read {says}")


@pytest.mark.parametrize(
    "name, source",
    [
        ("caption", "mnist-small"),
        ("char_lm", "tinyshakespeare"),
        ("digits", "mnist-small"),
        ("name_origin", "names"),
        ("names", "names"),
        ("offensive", "hate-offensive"),
        ("polyphony", "jsb-chorales"),
        ("sentiment", "rt-polarity"),
        ("tagging", "atis"),
        ("translate", "tatoeba-fra-eng"),
        ("word_lm", "ptb"),
    ],
)
def test_a_data_set_is_looked_for_in_the_folder_that_the_task_names(task_settings, tmp_path, name, source):
    folder = tmp_path / "none"
    folder.write_text("no folder, so that nothing can be downloaded to it")
    changes = {"from_language": "en", "to_language": "fr"} if name == "translate" else {}
    with pytest.raises(UserError, match=rf"^data_dir: {folder}/\S+ is missing and cannot be downloaded"):
        tasks.create(**(task_settings(name) | {"source": source, "data_dir": str(folder)} | changes))


def test_the_line_of_tagged_sentences(make, caplog):
    task = make("tagging", ".tsv", {"train": columns("town", 20), "val": columns("va", 6), "test": columns("t", 4)})
    assert caplog.records[0].message == (
        f"read {task.source}: 30 sentences; 20 in training, 6 in validation, 4 in the test; tags (2): B-place 30, O 30"
        f"; vocabulary of {len(task.vocabulary)} words; unknown words 0.0 % in training, 0.0 % in validation, 0.0 % in "
        "the test; the longest has 2 words; the tags mark spans (IOB2): the metric is entity_f1"
    )


def test_the_line_of_names_counts_characters_and_knows_the_rarest(make, caplog):
    rows = "text,label\n" + "".join(f"{'ab' * (n % 3)}{n}{'xy'[n % 2]},{'xy'[n % 2]}\n" for n in range(20))
    task = make("name_origin", ".csv", {"train": rows + "abcdefghijk,x\n"}, max_length=11)
    assert f"vocabulary of {len(task.vocabulary)} characters; unknown characters " in caplog.records[0].message
    assert "the longest has 11 characters" in caplog.records[0].message
    trained = {letter for word in task._source.words("train")[0] for letter in word}
    assert set(task.vocabulary.tokens) == {"<unk>", *trained}
