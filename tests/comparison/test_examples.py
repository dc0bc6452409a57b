"""Where each test example's answers are stored, the mean difference has an interval for other examples too."""

import csv

import numpy as np
import pytest

from scripts.tables.fabricate import fabricate
from seqexp.comparison.examples import crossed
from seqexp.comparison.terms import Terms
from seqexp.runs import reader
from seqexp.statistics.two_way import two_way
from tests.comparison.by_hand import as_accuracy

pytestmark = pytest.mark.usefixtures("without_figures")
TRUTH = np.random.default_rng(1).integers(0, 3, 40)


def answered(runs, rng, *, lacks=(), shuffled=()):
    """Six runs of each model that are right in most of 40 examples; gives who was right, (2, 6, 40)."""
    right = rng.random((2, 6, 40)) < np.array([0.6, 0.8])[:, None, None]
    for model, of_model in zip(("rnn", "lstm"), right, strict=True):
        for seed, of_seed in enumerate(of_model):
            folder = fabricate(runs, model, seed, 0.0, result=as_accuracy(float(of_seed.mean())))
            order = TRUTH[::-1] if (model, seed) in shuffled else TRUTH
            rows = [(t, t if yes else (t + 1) % 3) for t, yes in zip(order, of_seed, strict=True)]
            if (model, seed) not in lacks:
                with open(folder / "predictions.csv", "w", newline="") as file:
                    csv.writer(file).writerows([("truth", "answer"), *rows])
    return right.astype(float)


def said(compare):
    code, page, error = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0, error
    return page


def test_the_interval_over_seeds_and_examples_stands_beside_the_typical_run(runs, compare):
    rnn, lstm = answered(runs, np.random.default_rng(0))
    want = two_way(lstm, rnn, direction="max")
    page = said(compare)
    assert "With other test examples: if these 40 count as a sample too, lstm's accuracy is " in page
    assert f"{want.effect:.3g} higher (95 % interval {want.low:.3g} to {want.high:.3g})" in page
    assert f"{want.se / want.se_seeds:.3g} times as uncertain as over seeds alone" in page


def found(runs):
    """The interval over seeds and examples of the runs that lie there."""
    every = reader.with_settings(reader.find(runs).runs, [])
    rnn, lstm = ({run.result.seed: run for run in every if run.result.model == name} for name in ("rnn", "lstm"))
    return crossed(rnn, lstm, Terms("test/accuracy", "max", 0.0, 0.95))


@pytest.mark.parametrize("trouble", ["lacks", "shuffled"])
def test_answers_that_are_missing_or_of_other_examples_give_no_such_interval(tmp_path, trouble):
    answered(tmp_path, np.random.default_rng(0), **{trouble: [("lstm", 3)]})
    assert found(tmp_path) is None


def test_answers_that_do_not_add_up_to_the_runs_score_are_not_used(tmp_path):
    answered(tmp_path, np.random.default_rng(0))
    assert found(tmp_path) is not None
    file = next((tmp_path / "adding" / "rnn").glob("*/predictions.csv"))
    lines = file.read_text().splitlines()
    truth = lines[1].partition(",")[0]
    lines[1] = f"{truth},{truth if lines[1] != f'{truth},{truth}' else 'x'}"
    file.write_text("\n".join(lines))
    assert found(tmp_path) is None


def test_numbers_are_scored_by_their_squared_error(tmp_path):
    truth, rng = np.linspace(-1, 1, 30), np.random.default_rng(3)
    answers = {model: truth + rng.normal(0, sd, (4, 30)) for model, sd in (("rnn", 0.3), ("lstm", 0.1))}
    for model, of_model in answers.items():
        for seed, said in enumerate(of_model):
            folder = fabricate(tmp_path, model, seed, float(np.square(truth - said).mean()))
            with open(folder / "predictions.csv", "w", newline="") as file:
                csv.writer(file).writerows([("truth", "answer"), *zip(truth, said, strict=True)])
    every = reader.with_settings(reader.find(tmp_path).runs, [])
    rnn, lstm = ({run.result.seed: run for run in every if run.result.model == name} for name in ("rnn", "lstm"))
    got = crossed(rnn, lstm, Terms("test/mse", "min", 0.0, 0.95))
    want = two_way(*(np.square(truth - of_model) for of_model in answers.values()), direction="min")
    assert got is not None
    assert (got.effect, got.low, got.high, got.examples) == pytest.approx((want.effect, want.low, want.high, 30))
