"""Initial values of weight matrices."""

from typing import Literal

import numpy as np

Recurrent = Literal["orthogonal", "identity", "glorot"]


def glorot(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Uniform in +-sqrt(6 / (rows + columns)): keeps a layer's variance both ways (Glorot and Bengio 2010, eq. 16)."""
    limit = np.sqrt(6 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns))


def he(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Uniform in +-sqrt(6 / columns): keeps the variance behind a rectifier (He, Zhang, Ren and Sun 2015, eq. 10)."""
    limit = np.sqrt(6 / columns)
    return rng.uniform(-limit, limit, (rows, columns))


def orthogonal(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random orthogonal matrix: it keeps the length of every vector (Saxe, McClelland and Ganguli 2014).

    The signs of R's diagonal make the draw uniform over the orthogonal group (Mezzadri 2007).
    """
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return q * np.sign(np.diagonal(r))


def recurrent(kind: Recurrent, scale: float, rng: np.random.Generator, size: int) -> np.ndarray:
    """A recurrent matrix (size, size) times ``scale``; "identity" with relu is the IRNN of Le, Jaitly, Hinton 2015."""
    if kind == "orthogonal":
        return scale * orthogonal(rng, size)
    if kind == "identity":
        return scale * np.eye(size)
    return scale * glorot(rng, size, size)
