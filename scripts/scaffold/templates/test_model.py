"""new_model keeps the laws of models."""

from collections.abc import Callable

import numpy as np
import pytest

from seqexp import testing
from seqexp.models import create


@pytest.mark.parametrize("law", testing.MODEL_LAWS, ids=testing.title)
def test_law(law: Callable[..., None]) -> None:
    law("new_model")


def test_a_step_is_the_equation() -> None:
    """One example, one step, written as in the docstring."""
    core = create("new_model", input_size=2, hidden_size=3)
    p = core.init(np.random.default_rng(0), np.float64)
    x, h = np.array([[0.5], [-1.0]]), np.array([[0.1], [0.2], [-0.3]])
    after, _, _ = core.forward(p, x[None], h)
    np.testing.assert_allclose(after[0], np.tanh(p["W_xh"] @ x + p["W_hh"] @ h + p["b_h"]), rtol=1e-14)
