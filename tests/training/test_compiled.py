"""Optimizers with kernels do what they do in NumPy."""

import numpy as np
import pytest

from seqexp.kernels import library
from seqexp.numerics.params import Span
from seqexp.numerics.rng import Purpose, stream
from seqexp.training import optimizers

pytestmark = pytest.mark.skipif(library.missing() is not None, reason=f"no kernels: {library.missing()}")
TABLE = [Span(0, 100), Span(100, 400, 10, np.array([3, 7])), Span(400, 1000)]


@pytest.mark.parametrize("spans", [(), TABLE], ids=["whole", "with a table"])
@pytest.mark.parametrize("dtype, close", [(np.float32, 2e-6), (np.float64, 1e-14)])
def test_adam_changes_the_weights_as_in_numpy(spans, dtype, close):
    found = []
    for backend in ("numpy", "compiled"):
        draw = stream(0, Purpose.DATA)
        adam = optimizers.create("adam", backend=backend, learning_rate=0.01, weight_decay=0.1)
        w = draw.standard_normal(1000).astype(dtype)
        state = adam.init(w)
        for step in range(1, 105):  # past a settling and a flush
            g = draw.standard_normal(1000).astype(dtype)
            if spans:
                untouched = np.ones((30, 10), bool)
                untouched[[3, 7]] = False
                g[100:400][untouched.ravel()] = 0
            adam.update(w, g, state, 0.01, step, spans)
        found.append(np.concatenate([w, *state.values()]))
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=close * np.abs(found[0]).max())


def test_an_optimizer_without_kernels_is_numpys():
    sgd = optimizers.create("sgd", backend="compiled", learning_rate=0.1)
    assert type(sgd) == type(optimizers.create("sgd", learning_rate=0.1))  # noqa: E721 - not a subclass of it
