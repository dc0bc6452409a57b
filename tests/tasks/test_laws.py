"""Beside the laws of ``seqexp.testing``: no question is in two splits; scores and floors are counted once more.

Tasks are small, and read nothing that has to be downloaded: their yaml's settings with SMALL sizes, and a table of our
own where the yaml names a data set.
"""

import csv
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data import sources
from seqexp.data.generated.sentences import sentence
from tests.tasks import floors, laws

SMALL = {"steps_per_epoch": 4, "examples": 150, "length": 12, "delay": 3, "largest": 900}
SMALL_PARTS = {"val": 90, "test": 110}  # of tasks whose module has GENERATED_SIZES
WHOLE_TEXT: dict[str, Any] = {"steps_per_epoch": None, "length": 48}  # shorter pieces of a text come again by chance
OWN: dict[str, dict[str, Any]] = {
    "char_lm": WHOLE_TEXT,
    "word_lm": WHOLE_TEXT,
    "treebank": {"nodes": False},
    "one_to_many": {"min_count": 1},  # else two sentences may be alike, but for words that are unknown
}


def all_but(exceptions, names=None):
    return pytest.mark.parametrize("name", [name for name in names or tasks.names() if name not in exceptions])


every_task = all_but({})


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The path of a labelled table: uneven classes, texts that repeat, in capitals too, and texts of two classes."""
    rng, path = np.random.default_rng(8), tmp_path_factory.mktemp("own") / "own.csv"
    words = ["".join(rng.choice(list("abcdefghijklmnop"), rng.integers(2, 6))) for _ in range(60)]
    rows = []
    for _ in range(900):
        label = ("plain", "plain", "plain", "rare", "rarest")[int(rng.integers(5))]
        cue = {"plain": words[:20], "rare": words[15:35], "rarest": words[30:45]}[label]
        rows.append((" ".join([*rng.choice(cue, 2), *rng.choice(words, rng.integers(1, 6))]), label))
    rows += [(text.upper() if number % 2 else text, label) for number, (text, label) in enumerate(rows[:60])]
    rows += [(text, "rarest") for text, _ in rows[60:80]]
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return str(path)


@pytest.fixture(scope="module")
def running_text(tmp_path_factory):
    """The path of a text of 400 sentences."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    rng = np.random.default_rng(9)
    path.write_text("\n".join(" ".join(sentence(rng).words) for _ in range(400)))
    return str(path)


@pytest.fixture(scope="module")
def make(task_settings, table, running_text):
    """A small task by name; ``changes`` to its settings. ``whole``: validation and test are as large as ever."""
    modules = [sys.modules[tasks.lookup(name).__module__] for name in tasks.names()]
    sizes = {module: module.GENERATED_SIZES for module in modules if hasattr(module, "GENERATED_SIZES")}

    @cache
    def made(name, whole, changes):
        settings = task_settings(name)
        small = SMALL | OWN.get(name, {}) | dict(changes)
        settings |= {key: value for key, value in small.items() if key in settings}
        if settings.get("source") in sources.FILES:
            assert "text_column" in settings, f"{name}: give it a source without a download here"
            settings |= {"source": table, "text_column": "text", "label_column": "label"}
        if settings.get("source") == "python" and "length" in settings:  # a running text
            settings["source"] = running_text
        with pytest.MonkeyPatch.context() as patch:
            for module, own in sizes.items() if whole else ():
                patch.setattr(module, "GENERATED_SIZES", own)
            return tasks.create(**settings)

    with pytest.MonkeyPatch.context() as patch:
        for module in sizes:
            patch.setattr(module, "GENERATED_SIZES", SMALL_PARTS)
        yield lambda name, whole=False, **changes: made(name, whole, tuple(changes.items()))


@all_but({"hello"})
def test_splits_have_no_question_in_common(make, task_settings, name):
    """Of so many training examples as an epoch of the yaml has, since few collide less."""
    examples = task_settings(name).get("examples", 1600)
    laws.splits_have_no_question_in_common(make(name, whole=True, examples=min(examples, 3200)))


@all_but({"forecast"})  # in the series' own units: test_forecast
def test_metrics_are_those_of_an_independent_count(make, name):
    task = make(name)
    for split in laws.HELD_OUT:
        metrics, truth, y, lengths = laws.answered_at_random(task, split)
        assert metrics
        for metric, value in metrics.items():
            want = floors.metric(metric, truth, y, lengths, getattr(task, "labels", ()))
            assert value == pytest.approx(want, rel=1e-9), metric


@every_task
def test_floors_are_those_of_an_independent_fit_to_the_training_part(make, name):
    task = make(name)
    for floor, value in task.baselines().items():
        want = floors.floor(floor, task)
        assert want is None or value == pytest.approx(want, rel=1e-9), floor
