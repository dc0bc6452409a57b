"""PyTorch's GRU, LSTM and RNN compute what ours do, with the same weights, in two layers and directions, with ragged
columns: outputs, last states and every derivative to 1e-10.

One test runs where PyTorch is installed; the other one with what it has computed for us.
"""

import numpy as np
import pytest

from scripts.tables.torch_values import CASES, FILE, LENGTHS, computed, from_torch, to_torch

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def state(values, case, name):
    """Our state of torch's h and c (cells, B, H): a cell's h on top of its c, one cell on top of the next."""
    kinds = [values[name.format(kind)] for kind in ("h", "c")[: 1 + (case.model == "lstm")]]
    return np.concatenate([each[cell].T for cell in range(len(kinds[0])) for each in kinds])


def check(values, case, p=None):
    core = case.core()
    if p is None:
        p = core.init(np.random.default_rng(0), np.float64)
        from_torch(values, case, p)
    x, dh = (np.ascontiguousarray(values[name].swapaxes(1, 2)) for name in ("x", "dh"))
    lengths = np.array(LENGTHS)
    h, last, tape = core.forward(p, x, state(values, case, "{}_0"), lengths)
    grad, wanted = p.like(), p.like()
    dx, first = core.backward(p, grad, dh, state(values, case, "d{}_n"), tape)
    from_torch({name[1:]: array for name, array in values.items() if name.startswith(("dw", "db"))}, case, wanted, True)
    assert dx is not None
    for got, want in [
        (h, values["h"].swapaxes(1, 2)),
        (last, state(values, case, "{}_n")),
        (dx, values["dx"].swapaxes(1, 2)),
        (first, state(values, case, "d{}_0")),
        (grad.flat, wanted.flat),
    ]:
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-10)


@each_case
def test_with_the_values_that_pytorch_has_computed(case):
    with np.load(FILE, allow_pickle=False) as every:
        names = [name for name in every.files if name.startswith(f"{case.name}/")]
        check({name.partition("/")[2]: every[name] for name in names}, case)


@each_case
def test_with_pytorch(case):
    pytest.importorskip("torch")
    check(computed(case, seed=1), case)
    p = case.core().init(np.random.default_rng(2), np.float64)
    p.flat[:] = 0.5 * np.random.default_rng(3).standard_normal(p.flat.size)
    check(computed(case, seed=4, weights=to_torch(p, case)), case, p)


@each_case
def test_weights_come_back_from_pytorchs_layout(case):
    p = case.core().init(np.random.default_rng(2), np.float64)
    p.flat[:] = np.random.default_rng(3).standard_normal(p.flat.size)
    back = p.like()
    from_torch(to_torch(p, case), case, back)
    np.testing.assert_array_equal(back.flat, p.flat)
