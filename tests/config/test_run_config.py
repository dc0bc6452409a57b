"""A field added to a model or task changes neither the signatures nor the comparisons of the runs made before it."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from seqexp.config import schema
from seqexp.config.run_config import RunConfig, completed, is_path, signature
from seqexp.runs.reader import Run, deciding, differing, matches
from seqexp.system.registry import ADDED, fields
from seqexp.training import optimizers
from tests.fabricated import run_result


@dataclass(kw_only=True, frozen=True)
class Grown:
    """An optimizer that got two more fields."""

    learning_rate: float = 0.1
    nesterov: Annotated[bool, ADDED] = False
    groups: Annotated[tuple[str, ...], ADDED] = ()


@pytest.fixture(autouse=True)
def grown(monkeypatch):
    monkeypatch.setitem(optimizers._registry._classes, "grown", Grown)


def test_no_config_has_an_added_field_that_stands_at_its_default():
    legal = fields(Grown)
    given = {"learning_rate": 0.1, "nesterov": False, "groups": ()}
    assert schema.without_absent("optimizer", given, legal) == {"learning_rate": 0.1}
    for changed in ({"nesterov": True}, {"groups": ("a",)}):
        assert schema.without_absent("optimizer", given | changed, legal) == {"learning_rate": 0.1} | changed


def test_runs_before_and_after_are_of_one_configuration():
    flat = {"optimizer.name": "grown", "optimizer.learning_rate": 0.1, "seed": 0}
    before = Run(run_result(), None, completed(flat))
    after = Run(run_result(), None, completed(flat | {"optimizer.nesterov": True}))
    assert matches(before, {"optimizer.nesterov": False, "optimizer.groups": []})
    assert not matches(before, {"optimizer.nesterov": True})
    assert deciding(before) == deciding(after) | {"optimizer.nesterov": False}
    assert differing([before, after]) == {"optimizer.nesterov": [False, True]}


def test_of_a_plug_in_that_is_not_loaded_nothing_is_completed():
    unknown = {"optimizer.name": "nosuch", "model.name": "nosuch"}
    assert completed(unknown) == unknown | {"training.stop_when_solved": False}, "of training, which is no plug-in's"


@pytest.mark.parametrize(
    "figures, alone, in_sweep",
    [(None, True, False), ("auto", True, False), ("all", True, True), ("none", False, False)],
)
def test_a_sweeps_runs_draw_where_all_are_asked_for(figures, alone, in_sweep):
    run_config = RunConfig({} if figures is None else {"figures": figures}, "")
    assert (run_config.draws(in_sweep=False), run_config.draws(in_sweep=True)) == (alone, in_sweep)


def test_the_data_are_signed_by_what_is_in_them_and_not_by_their_path():
    def signed(files="a", **task):
        return signature({"task": {"name": "sentiment", "length": 5} | task, "seed": 0, "test": True}, files)

    here = signed(source="here/a.csv")
    assert here == signed(source="/there/b.csv") == signed(source="here/a.csv", test_source="t.csv")
    others = [signed("b", source="here/a.csv"), signed(source="here/a.csv", length=6), signed(source="generated")]
    assert len({here, *others}) == 4


@pytest.mark.parametrize(
    "key, value, path",
    [
        ("task.source", "a.csv", True),
        ("task.source", "generated", False),
        ("task.test_source", "data/t", True),
        ("task.length", "5.0", False),
        ("model.source", "a.csv", False),
    ],
)
def test_a_source_with_a_dot_or_slash_is_a_file(key, value, path):
    assert is_path(key, value) == path
