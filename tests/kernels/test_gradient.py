"""The weights' gradient as a kernel of its own: sums of outer products, of every rest of vectors, tiles and blocks."""

import numpy as np
import pytest

from seqexp.kernels import library
from seqexp.numerics.rng import Purpose, stream

pytestmark = pytest.mark.skipif(library.missing() is not None, reason=f"no kernels: {library.missing()}")


@pytest.mark.parametrize("dtype, close", [(np.float32, 1e-5), (np.float64, 1e-13)])
@pytest.mark.parametrize("K", [1, 2, 4, 17, 18, 20, 30, 64, 65, 131])
@pytest.mark.parametrize("N", [1, 128, 300])
def test_adds_outer_products_to_the_blocks_of_the_gates_and_to_nothing_else(dtype, close, K, N):
    H, Hp, first, last, blocks = 37, 48, 2, 33, np.array([2, -1, 0])
    draw, kernels = stream(0, Purpose.DATA), library.library()
    dz, a = draw.standard_normal((N, 4 * Hp)).astype(dtype), draw.standard_normal((N + 1, K + 3)).astype(dtype)
    before = draw.standard_normal((3 * H, K + 2)).astype(dtype)
    dW, wanted = before.copy(), before.astype(np.float64)
    for gate, block in enumerate(blocks):
        if block >= 0:
            of_gate = dz[:, gate * Hp + first : gate * Hp + last].astype(np.float64)
            wanted[block * H + first : block * H + last, :K] += of_gate.T @ a[:N, :K]
    gates = (kernels.integers(blocks), len(blocks), H, Hp, first, last)
    source = (kernels.pointer(dz), dz.shape[1], kernels.pointer(a), a.shape[1], K, N)
    kernels.function("gradient", dW.dtype)(kernels.pointer(dW), dW.shape[1], *gates, *source)
    np.testing.assert_allclose(dW, wanted, rtol=0, atol=close * N**0.5)
    untouched = wanted == before
    np.testing.assert_array_equal(dW[untouched], before[untouched])
    assert untouched.any()
