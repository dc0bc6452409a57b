"""Pairs of texts: splits that do not leak, batches, own files, metrics by hand, baselines."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data import numerals, pair_files, text
from seqexp.data.batch import Split
from seqexp.system.errors import UserError

SETTINGS = {
    "source": "numbers",
    "split_seed": 0,
    "from_language": "en",
    "to_language": "fr",
    "largest": 999,
    "examples": 300,
    "unit": "word",
    "min_count": 1,
    "max_length": 10,
    "reverse_source": True,
    "beam_width": 1,
}
SPLITS: tuple[Split, ...] = ("train", "val", "test")


def create(**settings):
    return tasks.create("translate", **(SETTINGS | settings))


def sources(task, split):
    return [pair.source for pair in task._pairs.splits[split]]


def oracle(task, split):
    """A generator that knows the first references, and the order in which they are asked for does not matter."""
    known = {tuple(task._source_words.encode(task._units(pair.source)).tolist()): pair for pair in pairs(task, split)}

    def generate(prompt, steps, *, end, beam_width):
        tokens = np.full((steps, prompt.size), end)
        for column in range(prompt.size):
            key = tuple(prompt.source[: prompt.source_lengths[column], column].tolist())
            said = task._target_words.encode(task._units(known[key].references[0]))
            tokens[: len(said), column] = said
        return tokens

    return generate


def pairs(task, split):
    return task._pairs.splits[split]


@pytest.mark.parametrize(
    "written, normal, cut",
    [
        ("Où  es-tu\u202f?", "où es-tu ?", [" où", " es", "-", "tu", " ?"]),
        ("L'homme n’a\u00a0pas!", "l'homme n'a pas!", [" l'", "homme", " n'", "a", " pas", "!"]),
        ("e\u0301te\u0301", "été", [" été"]),
    ],
)
def test_pieces_lose_nothing(written, normal, cut):
    assert text.normalised(written) == normal
    assert text.pieces(normal) == cut
    assert "".join(cut) == " " + normal


def test_numbers_never_seen():
    task = create()
    assert [len(pairs(task, split)) for split in SPLITS] == [300, 100, 100]
    assert len({source for split in SPLITS for source in sources(task, split)}) == 500
    assert all(task.to_language == "fr" and pair.references for pair in pairs(task, "test"))
    for split in ("val", "test"):  # they do not move with the size of the training part
        assert sources(create(examples=50), split) == sources(task, split)
    assert sources(create(split_seed=1), "test") != sources(task, "test")
    tiny = create(largest=9, examples=100)
    assert [len(pairs(tiny, split)) for split in SPLITS] == [8, 1, 1]


@pytest.mark.parametrize("unit", ["word", "character"])
def test_batches_are_pure_and_hold_pairs(unit):
    task = create(unit=unit)
    batch = task.batch(3, "train", 2, 16)
    again = create(unit=unit).batch(3, "train", 2, 16)
    for name in ("x", "target", "lengths", "answered", "source", "source_lengths"):
        assert np.array_equal(getattr(batch, name), getattr(again, name)), name
    known = {pair.source: pair.references[0] for pair in pairs(task, "train")}
    for column in range(batch.size):
        source = task._source_words.decode(batch.source[: batch.source_lengths[column], column])
        target = task._target_words.decode(batch.target[: batch.lengths[column], column])
        assert target[-1] == "</s>"
        assert known["".join(source).strip()] == "".join(target[:-1]).strip()
        x = task._target_words.decode(batch.x[: batch.lengths[column], column])
        assert x == ["<s>", *target[:-1]]
        assert batch.answered[:, column].sum() == batch.lengths[column]
    epochs = [
        np.sort(np.concatenate([task.batch(0, "train", index, 16).lengths for index in epoch])).tolist()
        for epoch in (range(19), range(19, 38))
    ]
    assert epochs[0] == epochs[1]
    with pytest.raises(IndexError):
        task.batch(0, "val", task.batches("val", 16), 16)


def test_unknown_units_are_fed_but_not_asked_for(own_file):
    task = create(source=str(own_file), min_count=2)
    batch = task.batch(0, "val", 0, 8)
    inside = np.arange(len(batch.target))[:, None] < batch.lengths
    assert (batch.target[inside] == 0).any()
    assert np.array_equal(batch.answered, inside & (batch.target != 0))


def test_padding_of_both_sides_is_under_a_tenth():
    task = create(largest=99_999, examples=2000)
    for lengths in (ragged.lengths for ragged in task._encoded["train"]):
        assert text.padding(lengths, task._plan("train", 0, 0, 32)) < 0.1


def test_all_right_scores_one_and_all_wrong_zero():
    task = create()
    metrics, artifacts = task.generate(oracle(task, "test"), "test")
    assert metrics == {"exact_match": 1.0}
    assert artifacts[0].rows[0][1] == artifacts[0].rows[0][2]

    def silent(prompt, steps, *, end, beam_width):
        return np.full((steps, prompt.size), end)

    assert task.generate(silent, "val") == ({"exact_match": 0.0}, [])

    def endless(prompt, steps, *, end, beam_width):
        return np.full((steps, prompt.size), 5)

    assert task.generate(endless, "test")[0] == {"exact_match": 0.0}


def test_any_language_of_num2words():
    assert {"en", "fr", "de", "pl"} <= set(numerals.languages())
    task = create(from_language="de", to_language="it", unit="character")
    assert "ein" in "".join(sources(task, "test"))
    with pytest.raises(UserError, match=r"^task.to_language: expected a language of num2words \(am, "):
        create(to_language="xx")


LINES = (
    [f"word{n} two.\tmot{n}\u00a0deux." for n in range(30)]
    + [f"word{n} two.\tmot{n} bis deux.\tan attribution" for n in range(30)]
    + ["One two three four five six seven eight nine ten eleven\ttrop long", ""]
)


@pytest.fixture
def own_file(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


def test_own_file_is_split_by_source(own_file):
    task = create(source=str(own_file))
    assert task.primary_metric == "bleu"
    assert [len(pairs(task, split)) for split in SPLITS] == [48, 3, 3]
    assert len({source for split in SPLITS for source in sources(task, split)}) == 30
    first = pairs(task, "test")[0]
    assert first.source.startswith("word")
    assert len(first.references) == 2
    assert first.references[0].endswith(" deux.")
    assert task.fingerprint() == create(source=str(own_file)).fingerprint()
    assert set(task.baselines()) == {"word_for_word"}


def test_sentence_scores_come_from_sacrebleu_with_their_signatures(own_file):
    task = create(source=str(own_file), examples=1000)
    # Test words are not in the vocabulary, so an oracle of tokens cannot be right: score the references themselves.
    metrics, signatures = task._scores([pair.references[-1] for pair in pairs(task, "test")], pairs(task, "test"))
    assert metrics["exact_match"] == 1.0
    assert metrics["bleu"] == pytest.approx(100)
    assert metrics["chrf"] == pytest.approx(100)
    assert signatures[0][2].startswith("nrefs:2|case:lc|")
    assert metrics["bleu"] > task._scores(["word two."] * 3, pairs(task, "test"))[0]["bleu"]
    assert task.generate(oracle(task, "test"), "test")[1][1].headers[2] == "sacrebleu signature"


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", ": expected pairs of source and target text; the file has none"),
        (b"one\tun\ntwo deux\n", ":2: malformed row, expected a source text, a tab and a target text; got 'two deux'"),
        (b"one\tun\n\ttrois\n", ":2: malformed row"),
        (b"one\tun\n\xff\tdeux\n", ":2: expected UTF-8"),
        (b"one\tun\ntwo\tdeux\n", ": expected at least 3 different sources of at most 10 words"),
    ],
)
def test_bad_own_files(tmp_path, content, says):
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        create(source=str(path))
    assert says in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_sources():
    with pytest.raises(UserError, match=r"^task.source: expected numbers, tatoeba-fra-eng, or a file ending in .tsv"):
        create(source="tatoeba")
    with pytest.raises(UserError, match=r"^task.source: expected an existing file"):
        create(source="nowhere.tsv")
    with pytest.raises(UserError, match=r"^task.to_language: expected en and fr, one each way"):
        create(source="tatoeba-fra-eng", to_language="de")


def test_word_for_word_by_hand(tmp_path):
    rows = [f"the cat {n}\tle chat {n}" for n in range(10)] + [f"the dog {n}\tle chien {n}" for n in range(10)]
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(rows))
    task = create(source=str(path))
    assert task._word_for_word["exact_match"] == 1.0


def test_tatoeba(data_dir):
    task = create(source="tatoeba-fra-eng", data_dir=str(data_dir), max_length=6, examples=5000, min_count=2)
    assert [len(pairs(task, split)) for split in SPLITS] == [5000, 1000, 2000]
    assert not set(sources(task, "train")) & (set(sources(task, "val")) | set(sources(task, "test")))
    assert not any("\u00a0" in r or "\u202f" in r for pair in pairs(task, "test") for r in pair.references)
    back = create(source="tatoeba-fra-eng", data_dir=str(data_dir), from_language="fr", to_language="en", examples=100)
    assert any("é" in source for source in sources(back, "train"))


def test_pairs_of_a_file_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_bytes(b'\xef\xbb\xbf"one\tun"\r\n')
    assert pair_files.read(path) == [('"one', 'un"')]
