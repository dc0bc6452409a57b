"""Networks around compiled cores, whose columns lie otherwise in memory, compute what they do around NumPy's."""

from functools import partial

import numpy as np
import pytest

from seqexp import models
from seqexp.kernels import library
from tests.networks import parts

pytestmark = pytest.mark.skipif(library.missing() is not None, reason=f"no kernels: {library.missing()}")
create = models.create


@parts.every_network
@pytest.mark.parametrize("dropout_seed", [None, 0], ids=["", "dropout"])
@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
def test_a_step_is_what_it_is_in_numpy(kind, ragged, dropout_seed, monkeypatch):
    found = []
    for backend in ("numpy", "compiled"):
        monkeypatch.setattr(models, "create", partial(create, backend=backend))
        network = parts.NETWORKS[kind](0.3)
        batch = parts.batch_for(kind, np.random.default_rng(0), ragged=ragged)
        found.append(parts.step(network, parts.drawn(network), batch, None, dropout_seed))
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * np.abs(theirs).max(initial=1))
