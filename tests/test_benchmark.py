"""The benchmark's sides take a step of every model, from the same weights."""

import numpy as np
import pytest

from scripts.benchmark import children, floor, growth, ours, steps
from scripts.benchmark.cases import MODELS, all_cases
from seqexp.kernels import library

SMALL = {case.model: case for case in all_cases() if case.shape == "4x16x4x16"}


def first_loss(model, cls=ours.Side):
    with np.errstate():  # its end restores NumPy's buffers
        side = cls(1)
        return side.loss(side.prepare(SMALL[model], "")())


@pytest.mark.parametrize("model", MODELS)
def test_our_side_takes_a_step(model):
    assert 1 < first_loss(model) < 4  # ln 10 is a guess's


@pytest.mark.skipif(library.missing() is not None, reason=f"no kernels: {library.missing()}")
@pytest.mark.parametrize("model", ["stacked_rnn", "gru_directions", "lstm_layers"])
def test_the_compiled_side_has_the_same_loss(model):
    assert first_loss(model, ours.CompiledSide) == pytest.approx(first_loss(model), abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_pytorch_has_the_same_loss(model):
    torch = pytest.importorskip("torch")
    from scripts.benchmark import torch_peer

    torch.set_num_threads(1)
    peer = torch_peer.Side.__new__(torch_peer.Side)  # whose __init__ may set the threads of a process once
    assert peer.loss(peer.prepare(SMALL[model], "Adam()")()) == pytest.approx(first_loss(model), abs=1e-4)


@pytest.mark.skipif(library.missing() is not None, reason=f"no kernels: {library.missing()}")
def test_the_packed_kernels_product_is_one():
    floor.packed()  # looks at what it computes


@pytest.mark.parametrize("letter, size", [("B", 2), ("layers", 2), ("vocabulary", 7)])
def test_a_size_that_grows_is_the_only_one(letter, size, monkeypatch):
    monkeypatch.setattr(growth, "FIXED", {"T": 2, "B": 3, "X": 4, "H": 5})
    with np.errstate():
        growth.sized("gru", "numpy", letter, size)()


def test_everybody_computes_without_avx512(monkeypatch):
    monkeypatch.setenv(children.NARROWED, "")
    for name, value in children.AVX2.items():
        monkeypatch.setenv(name, value)
    assert children.inherited_settings().keys().isdisjoint(children.AVX2)
    assert children.clean_environment(1)["XLA_FLAGS"].startswith(children.AVX2["XLA_FLAGS"])
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    assert children.inherited_settings()["OPENBLAS_CORETYPE"] == "Zen"


def test_each_backend_and_number_of_threads_has_its_aim():
    assert steps.target(steps.COMPILED, "torch", "lstm", 1) == (0.9, 0.65)
    assert steps.target(steps.COMPILED, "torch", "lstm", 2) == (1.0, 0.75)
    assert steps.target(steps.COMPILED, "torch", "rnn", 2) == steps.target(steps.COMPILED, "torch", "rnn", 1)
    assert steps.target(steps.NUMPY, "jax", "gru", 1) == (float("inf"), float("inf"))
