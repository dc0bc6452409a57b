"""A unit's probe finds what was planted, on examples it was not fitted to, and nothing where there is nothing."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from sklearn.metrics import roc_auc_score

from seqexp.statistics.unit_probes import area, probes


def steps(sequences=40, length=10, seed=0):
    """(example (N,), fitted (N,), a generator)."""
    example = np.repeat(np.arange(sequences), length)
    return example, example % 2 == 0, np.random.default_rng(seed)


def test_a_unit_that_counts_is_found_and_another_is_not():
    example, fitted, rng = steps()
    count = np.tile(np.arange(10), 40)
    values = np.stack([3 - 2 * count + 0.1 * rng.standard_normal(400), rng.standard_normal(400)], axis=1)
    found = probes(values, count, example, fitted, yes_no=False)
    assert found.score[0] > 0.99
    assert found.p[0] < 1e-9
    assert found.direction[0] == -1
    assert found.score[1] < 0.1
    assert found.p[1] > 1e-3


def test_yes_and_no_are_scored_by_the_area_in_the_direction_that_was_fitted():
    example, fitted, rng = steps()
    yes = rng.random(400) < 0.4
    values = np.stack([rng.standard_normal(400) - yes, rng.standard_normal(400)], axis=1)
    found = probes(values, yes, example, fitted, yes_no=True)
    other = ~fitted
    assert found.score[0] == pytest.approx(roc_auc_score(yes[other], -values[other, 0]))
    assert (found.fit >= 0.5 - 0.05).all()


def test_p_is_students_of_the_sums_of_whole_sequences():
    example, fitted, rng = steps()
    yes = rng.random(400) < 0.4
    values = (0.3 * yes + rng.standard_normal(400))[:, None]
    v, y, of = values[~fitted, 0], yes[~fitted].astype(float), example[~fitted]
    sums = [((v - v.mean()) * (y - y.mean()))[of == one].sum() for one in np.unique(of)]
    wanted = ttest_1samp(sums, 0, alternative="greater").pvalue
    assert probes(values, yes, example, fitted, yes_no=True).p[0] == pytest.approx(wanted)


def test_ties_count_half():
    assert area(np.array([[1.0], [1.0], [2.0], [0.0]]), np.array([True, False, True, False])) == pytest.approx(0.875)


def test_p_counts_sequences_and_not_their_steps():
    """Of values that hold through a whole sequence, longer sequences are no more evidence."""
    few: list[float] = []
    many: list[float] = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        value, yes = rng.standard_normal(20), np.arange(20) // 2 % 2 == 0
        for length, kept in ((1, few), (30, many)):
            example = np.repeat(np.arange(20), length)
            columns = np.repeat(value, length)[:, None]
            kept.append(probes(columns, np.repeat(yes, length), example, example % 2 == 0, yes_no=True).p[0])
    np.testing.assert_allclose(many, few, rtol=1e-9)
    assert np.mean(np.array(few) < 0.05) < 0.11


def test_a_unit_that_never_changes_says_nothing():
    example, fitted, rng = steps()
    found = probes(np.ones((400, 1)), rng.random(400) < 0.4, example, fitted, yes_no=True)
    assert (found.score[0], found.p[0], found.direction[0]) == (0.5, 0.5, 1.0)
