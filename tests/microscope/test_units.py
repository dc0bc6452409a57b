"""Units whose weights were set to count, or to track quotation marks, are named; others are not."""

from pathlib import Path

import numpy as np
import pytest

from seqexp.config.build import build_network, build_task
from seqexp.microscope.units import find
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
    assert named[0].score > 0.95
    assert named[0].p < 1e-3
    assert named[0].score > max(named[0].alone, named[0].untrained) + 0.1


def test_all_probes_of_all_units_are_counted(quoting):
    concepts = {one.concept for one in quoting.units}
    assert quoting.probed == 3 * len(concepts)  # three units, one signal


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
