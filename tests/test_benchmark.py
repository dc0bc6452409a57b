"""The benchmark's sides take a step of every model, from the same weights."""

import numpy as np
import pytest

from scripts.benchmark import ours
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
