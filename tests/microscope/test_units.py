"""Units whose weights were set to count, or to track quotation marks, are named; others are not."""

from pathlib import Path

import numpy as np
import pytest

from seqexp.config.build import build_network, build_task
from seqexp.microscope.concepts import Concept
from seqexp.microscope.units import BLOCK, Rows, find, probed
from seqexp.statistics.unit_probes import probes
from tests.runs.small import checked

TEXT = (
    "she said “well , not now” and left . he had nothing to say . “no” .\n" * 4 + "a line without marks .\n" * 3
) * 30


def made(*words):
    """A task, a network of one-hot inputs for it, and its weights."""
    run_config = checked("model=rnn", "model.hidden_size=3", "model.embedding_size=0", *words)
    task = build_task(run_config.settings["task"], None)
    network = build_network(run_config.settings["model"], task.shape)
    p = network.init(np.random.default_rng(0), np.float64)
    return task, network, p, p.part("core")


@pytest.fixture(scope="module")
def quoting(tmp_path_factory):
    file = Path(tmp_path_factory.mktemp("text"), "text.txt")
    file.write_text(TEXT, encoding="utf-8")
    words = [f"task.{name}={file}" for name in ("source", "val_source", "test_source")]
    task, network, p, core = made("task=char_lm", *words, "task.length=32")
    ids = {word: id for id, word in enumerate(task.codec().input_words)}
    core["W_hh"][:], core["W_xh"][0] = np.diag([6, 0.5, 0.5]), 0
    core["W_xh"][0, [ids["“"], ids["”"]]] = 20, -20
    return find(task, network, p, seed=1)


def test_a_unit_that_holds_while_quotation_marks_are_open_is_named(quoting):
    named = [one for one in quoting.named if one.concept == "inside quotation marks"]
    assert [(one.signal, one.unit) for one in named] == [("h", 0)]
    assert named[0].rises
    assert named[0].score > 0.95
    assert named[0].p < 1e-3
    assert named[0].score > max(named[0].alone, named[0].untrained) + 0.1


def test_all_probes_are_counted_and_a_long_text_counts_in_pieces(quoting):
    concepts = {one.concept for one in quoting.units}
    assert quoting.probed == 3 * len(concepts)  # three units, one signal
    assert quoting.examples == 32 * 2  # of each of 32 columns eight batches of 32 steps, which are two pieces
    assert BLOCK == 128


def rows(told, trained, untrained=None, examples=40):
    """One step each of examples, units (N, U), and a yes or no about them."""
    number = np.arange(examples)
    other = trained[:, ::-1] * 0 if untrained is None else untrained
    other = other + 1e-3 * np.random.default_rng(9).standard_normal(trained.shape)
    concept = Concept("it", True, lambda words: told)
    return Rows({("", "h"): trained}, {("", "h"): other}, [(concept, told.astype(float))], number, number, number * 0)


def drawn(units, seed=0):
    rng = np.random.default_rng(seed)
    return np.arange(40) // 2 % 2 == 0, rng.standard_normal((40, units))


def test_p_is_corrected_for_every_unit_that_was_probed():
    told, noise = drawn(60)
    noise[:, 7] += 2.5 * told
    (unit,) = probed(rows(told, noise)).named
    alone = probes(noise, told, np.arange(40), np.arange(40) % 2 == 0, yes_no=True).p
    assert unit.unit == 7
    assert unit.p == pytest.approx(min(1, 60 * alone[7]))


def test_a_strong_unit_among_thousands_is_not_named_on_few_examples():
    told, noise = drawn(2000)
    noise[:, 7] += 1.2 * told
    noise[::2, 7] += 5 * told[::2]
    (unit,) = probed(rows(told, noise)).units
    assert unit.score > 0.9
    assert (unit.p > 0.05, unit.named) == (True, False)


def test_a_unit_is_chosen_on_examples_that_do_not_score_it():
    told, noise = drawn(12)
    noise[::2, 0] += 5 * told[::2]  # by chance, as a search among thousands would find one
    noise[::2, 1], noise[1::2, 1] = 0, told[1::2]
    (unit,) = probed(rows(told, noise)).units
    assert (unit.unit, unit.named) == (0, False)
    assert unit.score < 0.75


def test_what_an_untrained_unit_tells_as_well_names_none():
    told, noise = drawn(3)
    noise[:, 2] += 3 * told
    assert [one.unit for one in probed(rows(told, noise)).named] == [2]
    assert not probed(rows(told, noise, untrained=10 * told[:, None] + np.zeros((40, 3)))).named


def test_a_unit_that_counts_steps_is_named_and_one_that_is_as_before_training_is_not():
    words = [
        "task=formal",
        "task.train_length=20",
        "task.test_lengths=[24]",
        "task.examples=60",
        "model.activation=relu",
    ]
    task, network, p, core = made(*words)
    core["W_hh"][:], core["W_xh"][:], core["b_h"][:] = 0, 0, 0
    core["W_hh"][1, 1], core["b_h"][1] = 1, 0.5
    steps = [one for one in find(task, network, p, seed=1).named if one.concept == "steps read so far"]
    assert [(one.unit, round(one.score, 6)) for one in steps] == [(1, 1)]
    before = network.init(np.random.default_rng([1, 0]), np.float64)  # the stream of the seed's first weights
    same = find(task, network, before, seed=1)
    assert all(one.score <= one.untrained + 1e-9 for one in same.units)
