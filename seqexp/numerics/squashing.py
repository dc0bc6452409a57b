"""A gate's sigmoid and tanh, all rows at once, by the function that this CPU is fast at.

The CPU decides, and no measurement: a machine always computes the same bits.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from seqexp.numerics.functions import NARROW, halve_and_shift

F = TypeVar("F", bound=Callable[..., Any])

# Without AVX-512, NumPy's tanh takes 2.3 ns a float32 instead of 0.3, its exp 1.0 instead of 0.4.
SLOW_TANH = NARROW


def by_exp(dtype: np.dtype[Any]) -> bool:
    """Whether this CPU computes gates by exp: 1 / (1 + exp(-z)) and 2 / (1 + exp(-2z)) - 1, equal to rounding."""
    return SLOW_TANH and dtype.char in "fd"


def ignores_overflow(forward: F) -> F:
    """Decorator of what calls ``squash``: exp overflows where a sigmoid is 0, which 1 / inf is."""
    return np.errstate(over="ignore")(forward) if SLOW_TANH else forward


def scaled(W: np.ndarray, sigmoids: slice, tanhs: slice | None = None) -> np.ndarray:
    """Multiply rows of the weights by what ``squash`` wants of their sums, in place."""
    exp = by_exp(W.dtype)
    W[sigmoids] *= -1 if exp else 0.5
    if exp and tanhs is not None:
        W[tanhs] *= -2
    return W


def squash(z: np.ndarray, sigmoids: np.ndarray, tanhs: np.ndarray | None = None) -> None:
    """z -> its sigmoids and tanhs, in place, both views of z; the weights were scaled for it.

    One tanh serves all gates, since sigmoid(z) = (1 + tanh(z/2)) / 2; where tanh is slow, one exp.
    """
    if not by_exp(z.dtype):
        np.tanh(z, out=z)
        halve_and_shift(sigmoids)
        return
    np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)
    if tanhs is not None:
        tanhs *= 2
        tanhs -= 1
