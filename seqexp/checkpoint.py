"""Weights on disk: safetensors, by parameter name, written beside and then moved into place. Never pickle."""

import os
from pathlib import Path

import numpy as np

from seqexp.errors import UserError
from seqexp.params import Layout, Params


def save_weights(path: Path, p: Params, about: dict[str, str]) -> None:
    """Write every named parameter of ``p``; ``about`` is kept in the file's header."""
    from safetensors.numpy import save

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    data = save({name: np.ascontiguousarray(view) for name, view in p.items()}, metadata=about)
    with open(beside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load_weights(path: Path, layout: Layout) -> Params:
    """The parameters in ``path``, laid out as ``layout`` says. UserError where names or shapes differ."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: expected a checkpoint of this project; {error}") from error
    dtype = next(iter(arrays.values())).dtype if arrays else np.dtype(np.float32)
    p = Params(layout, np.zeros(layout.size, dtype))
    want = {name: view.shape for name, view in p.items()}
    got = {name: array.shape for name, array in arrays.items()}
    if want != got:
        differing = sorted(set(want.items()) ^ set(got.items()))
        raise UserError(f"{path}: these weights are another network's; they differ in {differing[0][0]}")
    for name, view in p.items():
        view[...] = arrays[name]
    return p
