"""Many claims at once."""

import math

import pytest

from seqexp.statistics.families import holm, reachable


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06], abs=1e-12)
    assert holm([0.5, 0.6, 0.001, 0.02]) == pytest.approx([1, 1, 0.004, 0.06], abs=1e-12)
    assert holm([]) == []
    for wrong in ([0.1, math.nan], [1.1]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            holm(wrong)


@pytest.mark.parametrize(
    "smallest, claims, level, can",
    [(2 / 2**6, 1, 0.95, True), (2 / 2**6, 2, 0.95, False), (2 / 2**12, 88, 0.95, True), (2 / 2**11, 88, 0.95, False)],
)
def test_more_claims_need_a_smaller_p(smallest, claims, level, can):
    assert reachable(smallest, claims, level) is can
    others = [1.0] * (claims - 1)
    assert (holm([smallest, *others])[0] <= 1 - level) is can, "as Holm's own correction has it"


def test_no_claims_are_refused():
    with pytest.raises(ValueError, match="claims"):
        reachable(0.01, 0, 0.95)


def test_an_independent_implementation_agrees():
    p = [0.0001, 0.0301, 0.0095, 0.0298, 0.0344, 0.0278, 0.4262, 0.0019, 0.0344, 0.0459]
    want = [0.001, 0.1946, 0.076, 0.1946, 0.1946, 0.1946, 0.4262, 0.0171, 0.1946, 0.1946]  # statsmodels' multipletests
    assert holm(p) == pytest.approx(want, rel=1e-12)
