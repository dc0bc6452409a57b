"""Where the spread of scores comes from."""

import math

import numpy as np
import pytest
from scipy import stats

from seqexp.statistics.variance_sources import variance_split


def test_each_source_has_the_mean_of_its_variances():
    split = variance_split({"init": np.array([[1.0, 3.0], [5.0, 5.0]]), "order": np.array([0.0, 1.0, 2.0])})
    assert split.sources["init"].variance == pytest.approx((2 + 0) / 2)
    assert split.sources["order"].variance == pytest.approx(1)
    assert [source.share for source in split.sources.values()] == pytest.approx([0.5, 0.5])
    assert [source.df for source in split.sources.values()] == [2, 2]
    assert math.isnan(split.rest)


def test_known_parts_are_found_and_covered():
    rng, sds = np.random.default_rng(0), {"init": 1.0, "order": 2.0, "split": 0.5}
    covered = dict.fromkeys(sds, 0)
    for _ in range(300):
        split = variance_split({name: rng.normal(0, sd, (3, 6)) for name, sd in sds.items()})
        for name, source in split.sources.items():
            covered[name] += source.low <= sds[name] ** 2 <= source.high
    assert min(covered.values()) / 300 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300)


def test_what_varies_together_beyond_the_sum_is_the_rest():
    split = variance_split({"init": np.array([0.0, 2.0])}, together=np.array([0.0, 4.0]))
    assert split.rest == pytest.approx(8 - 2)


@pytest.mark.parametrize("wrong", [[1.0], [1.0, math.nan], [[[1.0, 2.0]]]])
def test_one_score_or_one_that_is_not_finite_is_refused(wrong):
    with pytest.raises(ValueError, match="init: expected finite scores"):
        variance_split({"init": np.array(wrong)})


def test_the_interval_of_a_variance_is_chi_squareds():
    """By definition: each end is wrong in (1 - level) / 2 of samples."""
    source = variance_split({"init": np.array([1.0, 2.0, 4.0, 9.0])}, level=0.9).sources["init"]
    assert stats.chi2.sf(3 * source.variance / source.low, 3) == pytest.approx(0.05)
    assert stats.chi2.cdf(3 * source.variance / source.high, 3) == pytest.approx(0.05)


def test_sources_that_change_nothing_have_no_share():
    split = variance_split({"init": np.ones(3), "order": np.ones(3)}, together=np.array([1.0, 1, 4]))
    assert all(math.isnan(source.share) for source in split.sources.values())
    assert split.rest == 3.0
