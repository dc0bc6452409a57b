"""A field added to a model or task changes neither the signatures nor the comparisons of the runs made before it."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from seqexp.config.run_config import completed, deciding, signature
from seqexp.runs.location import refuse_differences
from seqexp.runs.reader import Run, matches
from seqexp.runs.reader import deciding as deciding_of
from seqexp.runs.result import RunResult
from seqexp.system.errors import UserError
from seqexp.system.registry import ADDED
from seqexp.training import optimizers


@dataclass(kw_only=True, frozen=True)
class Grown:
    """An optimizer that got two more fields."""

    learning_rate: float
    nesterov: Annotated[bool, ADDED] = False
    groups: Annotated[tuple[str, ...], ADDED] = ()


@pytest.fixture(autouse=True)
def grown(monkeypatch):
    monkeypatch.setitem(optimizers._registry._classes, "grown", Grown)


def settings(**optimizer):
    return {"optimizer": {"name": "grown", "learning_rate": 0.1, **optimizer}, "seed": 0, "resume": None}


BEFORE = settings()


def test_at_its_default_an_added_field_is_not_signed():
    assert signature(settings(nesterov=False, groups=())) == signature(BEFORE)
    assert signature(settings(groups=[])) == signature(BEFORE)  # as config.yaml has it
    assert len({signature(s) for s in (BEFORE, settings(nesterov=True), settings(groups=("a",)))}) == 3
    assert signature(settings(nesterov=0)) != signature(BEFORE)
    assert signature(settings(learning_rate=0.2)) != signature(BEFORE)


def test_a_run_made_before_is_resumed():
    refuse_differences(None, {"settings": deciding(BEFORE)}, {"settings": deciding(settings(nesterov=False))})
    with pytest.raises(UserError, match="optimizer"):
        refuse_differences(None, {"settings": deciding(BEFORE)}, {"settings": deciding(settings(nesterov=True))})


def test_a_run_made_before_is_compared_as_one_with_the_default():
    of = {"primary_metric": "test/mse", "direction": "min"}
    result = RunResult.parse({"model": "rnn", "task": "adding", "seed": 0, "status": "FINISHED", "signature": "0"} | of)
    flat = {"optimizer.name": "grown", "optimizer.learning_rate": 0.1, "seed": 0}
    before = Run(result, None, completed(flat))
    after = Run(result, None, completed(flat | {"optimizer.nesterov": False}))
    assert deciding_of(before) == deciding_of(after)
    assert matches(before, {"optimizer.nesterov": False})
    assert not matches(before, {"optimizer.nesterov": True})
    unknown = {"optimizer.name": "nosuch"}
    assert completed(unknown).items() >= unknown.items()
