"""Formal languages: which strings, what is asked of them, and the score by length."""

from itertools import product

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data.generated.languages import LANGUAGES, Decided
from seqexp.system.errors import UserError
from seqexp.tasks import passes


@pytest.fixture
def make(task_settings):
    settings = task_settings("formal")
    return lambda **changes: tasks.create(**(settings | changes))


def text(name, example):
    return "".join(LANGUAGES[name].symbols[symbol] for symbol in example.read if symbol >= 0)


def lengths_of(batch):
    assert batch.lengths is not None
    return batch.lengths.tolist()


def answers(name, example):
    return ["".join(np.array(LANGUAGES[name].symbols)[row]) for row in example.target[example.answered]]


@pytest.mark.parametrize(
    ("name", "length", "read", "wanted"),
    [
        ("anbn", 4, "Saabb", ["a", "ab", "ab", "b", "T"]),
        ("anbn", 2, "Sab", ["a", "ab", "T"]),
        ("anbncn", 6, "Saabbcc", ["a", "ab", "ab", "b", "c", "c", "T"]),
        ("anbncn", 3, "Sabc", ["a", "ab", "c", "T"]),
    ],
)
def test_counted_languages_say_what_may_come_next(name, length, read, wanted):
    example = LANGUAGES[name].draw(np.random.default_rng(0), length)
    assert text(name, example) == read
    assert answers(name, example) == wanted


@pytest.mark.parametrize("name", ["dyck1", "dyck2", "reber", "embedded_reber", "anbn", "anbncn"])
def test_a_symbol_is_legal_where_some_string_goes_on_with_it(name):
    """The first strings of a language, found by trying: its own sets say the same as what they go on with."""
    language, rng = LANGUAGES[name], np.random.default_rng(0)
    first = language.at_least(1)
    lengths = [n for n in range(first, first + 7) if language.has(n)]
    examples = {text(name, one): one for n in lengths for one in (language.draw(rng, n) for _ in range(600))}
    last = "E" if "reber" in name else "T"
    strings = {read + last for read in examples}
    short = [read for read in examples if len(read) <= 1 + lengths[1]]
    assert short
    for read in short:
        told = answers(name, examples[read])
        for step, legal in enumerate(told, start=1):
            seen = {string[step] for string in strings if string.startswith(read[:step])}
            assert set(legal) == seen, read[:step]


@pytest.mark.parametrize(("name", "count"), [("dyck1", 5), ("dyck2", 5 * 2**3)])
def test_dyck_words_are_all_drawn_as_often(name, count):
    language, rng = LANGUAGES[name], np.random.default_rng(1)
    seen = [text(name, language.draw(rng, 6)) for _ in range(200 * count)]
    _, times = np.unique(seen, return_counts=True)
    assert len(times) == count  # Catalan's number of shapes, each pair of either kind
    assert ((times - 200) ** 2 / 200).sum() < (count - 1) + 5 * np.sqrt(2 * (count - 1))


@pytest.mark.parametrize(("length", "count"), [(3, 2), (4, 3), (6, 7)])
def test_reber_strings_of_a_length_are_all_drawn_as_often(length, count):
    """Since each of their steps was one of two ways. Counted by hand along the published diagram."""
    language, rng = LANGUAGES["reber"], np.random.default_rng(2)
    _, times = np.unique([text("reber", language.draw(rng, length)) for _ in range(200 * count)], return_counts=True)
    assert len(times) == count
    assert ((times - 200) ** 2 / 200).sum() < (count - 1) + 5 * np.sqrt(2 * (count - 1))


def test_an_embedded_reber_string_ends_as_it_began():
    language, rng = LANGUAGES["embedded_reber"], np.random.default_rng(3)
    for length in (7, 12, 30):
        read = text("embedded_reber", language.draw(rng, length))
        assert read[0] == "B"
        assert read[1] == read[-1]
        assert read[1] in "TP"
        assert read[2] == "B"
        assert read[-2] == "E"


@pytest.mark.parametrize("name", ["parity", "even_pairs", "modular_arithmetic"])
def test_decided_languages_against_their_definition(name):
    language = LANGUAGES[name]
    assert isinstance(language, Decided)
    symbols = language.symbols
    for length in (1, 3, 5):
        for digits in list(product(range(2), repeat=length)) if name != "modular_arithmetic" else [()]:
            if name == "modular_arithmetic":
                example = language.draw(np.random.default_rng(length), length)
                wanted = str(eval(text(name, example)) % 5)
                assert language.labels[example.target] == wanted
                continue
            string = np.array(digits)
            written = "".join(symbols[each] for each in digits)
            if name == "parity":
                wanted = "odd" if written.count("1") % 2 else "even"
            else:
                wanted = "odd" if sum(written[k] != written[k + 1] for k in range(length - 1)) % 2 else "even"
            assert language.labels[language.decide(string)] == wanted


def test_products_bind_before_sums():
    language, rng = LANGUAGES["modular_arithmetic"], np.random.default_rng(0)
    for _ in range(200):
        example = language.draw(rng, 9)
        assert language.labels[example.target] == str(eval(text("modular_arithmetic", example)) % 5)


def test_a_reversed_string_is_asked_for_without_input():
    example = LANGUAGES["reversal"].draw(np.random.default_rng(0), 4)
    string = text("reversal", example)[:4]
    assert example.read.tolist()[4:] == [2, -1, -1, -1]
    assert example.answered.tolist() == [False] * 4 + [True] * 4
    assert "".join(answers("reversal", example)) == string[::-1]


@pytest.mark.parametrize("name", list(LANGUAGES))
def test_the_steps_of_a_length_are_those_of_its_strings(name):
    language = LANGUAGES[name]
    for length in (language.at_least(5), language.at_least(30)):
        example = language.draw(np.random.default_rng(0), length)
        assert language.steps(length) == len(example.read) == len(example.answered)


def test_what_is_typed_is_read_as_the_task_reads_it(make):
    task = make(language="reversal", train_length=20, test_lengths=[21])
    batch = next(passes(task, "test", 4))
    codec = task.codec()
    typed = [" ".join(codec.symbols[id] for id in column[:21]) for column in batch.x.T]
    again = codec.encode(typed)
    assert np.array_equal(again.x, batch.x)
    assert batch.answered is not None
    assert again.answered is not None
    assert np.array_equal(again.answered, batch.answered)
    (first, *_) = codec.decode(batch, np.where(batch.answers() > 0, 1.0, -1.0))
    assert first.text == typed[0][::-1]


@pytest.mark.parametrize("name", list(LANGUAGES))
def test_no_length_is_in_two_parts(make, name):
    task = make(language=name, test_lengths=[60, 120], examples=20, train_length=60 - 1)
    lengths = {
        "train": {n for index in range(40) for n in lengths_of(task.batch(0, "train", index, 32))},
        **{split: {n for batch in passes(task, split, 8) for n in lengths_of(batch)} for split in ("val", "test")},
    }
    assert not lengths["train"] & lengths["val"]
    assert max(lengths["train"] | lengths["val"]) < min(lengths["test"])
    assert len(lengths["test"]) == 2
    assert len(lengths["val"]) > 1


def test_a_length_that_a_language_has_not_stands_for_the_next(make):
    scored = make(language="anbncn", test_lengths=[61, 62, 64]).scorer()
    task = make(language="anbncn", test_lengths=[61, 62, 64])
    for batch in passes(task, "test", 8):
        scored.add(batch, np.where(batch.answers() > 0, 1.0, -1.0))
    assert scored.metrics() == {
        "exact_match": 1,
        "most_active": 1,
        "exact_match_at_63": 1,
        "exact_match_at_66": 1,
        "length_horizon": 66,
    }


def test_one_wrong_step_makes_a_string_wrong_and_the_horizon_ends_before_it(make):
    task = make(language="anbn", test_lengths=[50, 60, 80])
    scorer = task.scorer()
    for batch in passes(task, "test", 1):
        y = np.where(batch.answers() > 0, 1.0, -1.0)
        if lengths_of(batch) == [61]:
            y[0, 30] *= -1
        scorer.add(batch, y)
    found = scorer.metrics()
    assert found["exact_match"] == pytest.approx(2 / 3)
    assert [found[f"exact_match_at_{n}"] for n in (50, 60, 80)] == [1, 0, 1]
    assert found["length_horizon"] == 50
    (curve,) = scorer.artifacts()
    assert curve.length.tolist() == [50, 60, 80]
    assert curve.score.tolist() == [1, 0, 1]
    assert curve.trained == 40


def test_legal_symbols_may_be_the_most_active_without_being_said(make):
    task = make(language="reber", examples=20)
    scorer = task.scorer()
    for batch in passes(task, "test", 8):
        scorer.add(batch, np.where(batch.answers() > 0, -1.0, -2.0))  # no chance above 1/2 at all
    found = scorer.metrics()
    assert (found["most_active"], found["exact_match"]) == (1, 0)


def test_validation_is_scored_without_lengths(make):
    task = make(language="parity")
    scorer = task.scorer()
    for batch in passes(task, "val", 64):
        scorer.add(batch, np.eye(2)[:, batch.target])
    assert scorer.metrics() == {"accuracy": 1}
    assert scorer.artifacts() == []


@pytest.mark.parametrize(("name", "chance"), [("parity", 0.5), ("even_pairs", 0.5), ("anbn", 0), ("reversal", 0)])
def test_the_last_symbol_alone_decides_nothing(make, name, chance):
    (value,) = make(language=name, examples=400).baselines().values()
    assert value == pytest.approx(chance, abs=0.07)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"test_lengths": [40]}, r"^task.test_lengths: expected lengths above task.train_length=40, .*; got 40$"),
        (
            {"language": "anbn", "train_length": 8},
            r"^task.train_length: expected at least 5 lengths of anbn, .*up to 8 there are 4; try 40",
        ),
    ],
)
def test_lengths_that_cannot_be_are_refused(make, changes, said):
    with pytest.raises(UserError, match=said):
        make(**changes)
