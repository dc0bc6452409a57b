"""A small part of `scripts.tables.calibration`: every answer that a headline may give keeps its level."""

import numpy as np
import pytest

from scripts.tables import calibration_answers as answers
from scripts.tables.calibration import errors
from scripts.tables.calibration_report import Report
from scripts.tables.calibration_shapes import DIFFERENT, OWN_DRIFT, SAME

SHAPES = [shape for shape in (*SAME, *DIFFERENT) if "quarters" not in shape.name]  # ties make each comparison slow


@pytest.fixture(autouse=True)
def few_seeds(monkeypatch):
    monkeypatch.setattr(answers, "SEEDS", (5, 7, 10))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_typical_run_keeps_its_level_and_covers(shape):
    report = Report(300)
    answers.typical_runs(report, 1, [shape])
    assert not report.broken
    assert sum(line.startswith(f"| {shape.name}") for line in report.lines) == 3


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.equal_mean], ids=lambda shape: shape.name)
def test_nothing_false_is_said_of_the_mean(shape):
    a, b = shape.draw(np.random.default_rng(2), (300, 10))
    report = Report(300)
    for n in (5, 10):
        answers.mean_cells(report, a, b, n, shape.name)
    assert not report.broken


def test_signs_and_a_t_interval_say_much_that_is_false_of_the_mean():
    """Why the mean has an answer of its own: b fails in 5 % of seeds, and the means are equal."""
    shape = next(shape for shape in DIFFERENT if shape.name == "b fails in 5 %, equal means")
    wrong, missed = errors(*shape.draw(np.random.default_rng(3), (200, 10)))
    assert wrong > 0.3
    assert missed > 0.3


def test_a_drift_of_each_models_own_is_what_the_gates_would_see():
    report = Report(300)
    answers.typical_runs(report, 1, [shape := OWN_DRIFT])
    assert not report.broken, "it is shown without a gate"
    answers.typical_runs(report, 1, [type(shape)("not independent", shape.draw)])
    assert report.broken


def test_shares_of_failures_are_covered_for_any_number_of_seeds():
    report = Report(1_000_000)  # counted, not drawn: hardly any allowance
    answers.reliability(report)
    assert not report.broken


def test_equal_models_are_equivalent_and_models_a_margin_apart_are_not():
    report = Report(300)
    answers.equivalence(report, 1, numbers=(6, 10))
    assert not report.broken


def test_a_family_of_claims_is_false_no_oftener_than_one(monkeypatch):
    monkeypatch.setattr(answers, "CATALOGUES", 100)
    monkeypatch.setattr(answers, "TASKS", 6)
    report = Report(60)
    answers.catalogue(report, 1, numbers=(10,))
    assert not report.broken


def test_gates_can_break():
    report = Report(1000)
    assert (report.at_most("a", 0.06, 0.05), report.at_least("b", 0.94, 0.95)) == ("6.0 %", "94.0 %")
    assert not report.broken
    report.at_most("a", 0.08, 0.05)
    report.at_least("b", 0.92, 0.95)
    assert len(report.broken) == 2
