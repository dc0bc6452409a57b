"""Stable, complex-step-safe elementary functions, and matrix products that suit small operands."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module

import numpy as np

Product = Callable[[np.ndarray, np.ndarray], object]  # (a, out): writes W @ a to out

# Up to this many multiply-adds OpenBLAS multiplies without first copying ("packing") its operands, on AVX-512 CPUs.
# With few columns a product cut into row blocks below it ran 1.2 to 1.5 times as fast, with 64 or more columns slower;
# blocks of a multiple of 24 rows are the fastest. docs/performance.md has the figures.
SMALL_PRODUCT = 1_000_000
FEW_COLUMNS = 63
BLOCK_ROWS = 24

# An x86 CPU without AVX-512, where OpenBLAS packs small products too: np.dot was the faster. The CPU decides here, and
# no measurement, so that a machine always computes the same bits.
_has: dict[str, bool] = import_module("numpy._core._multiarray_umath").__cpu_features__
NARROW = bool(_has.get("SSE2")) and not _has.get("X86_V4", _has.get("AVX512_SKX"))
CUTS_PRODUCTS = not NARROW

BUFFER = 512  # numbers; see small_buffers

# Adding and subtracting it rounds to multiples of its last bit: below useful gradients, above subnormal numbers.
FLOOR = {"f": np.float32(1e-20), "d": np.float64(1e-290), "D": np.complex128(1e-290)}
FLUSH_EVERY = 8  # steps: too few for a gradient to fall from above the floor's rounding to below the normal numbers


def product(W: np.ndarray, columns: int) -> Product:
    """A function that writes W @ a to out, for a (K, columns) and W (M, K). It cuts W into row blocks if that pays.

    It may use a copy of W as W is now: rows with gaps between them are copied once here, instead of at each call.
    """
    W = np.ascontiguousarray(W)
    rows, inner = W.shape
    block = SMALL_PRODUCT // max(1, inner * columns) // BLOCK_ROWS * BLOCK_ROWS
    # block is 0 if even BLOCK_ROWS rows exceed SMALL_PRODUCT: no cut would help then.
    if not CUTS_PRODUCTS or rows * inner * columns <= SMALL_PRODUCT or columns > FEW_COLUMNS or block == 0:
        return partial(np.dot, W)
    whole = rows // block * block
    W_blocks = W[:whole].reshape(-1, block, inner)
    if whole == rows:
        return lambda a, out: np.matmul(W_blocks, a, out=out.reshape(-1, block, columns))
    W_rest = W[whole:]

    def blocks_and_rest(a: np.ndarray, out: np.ndarray) -> None:
        np.matmul(W_blocks, a, out=out[:whole].reshape(-1, block, columns))
        np.dot(W_rest, a, out=out[whole:])

    return blocks_and_rest


@contextmanager
def small_buffers() -> Iterator[None]:
    """Inside the block, NumPy's ufuncs read operands with gaps in place.

    By default NumPy gathers pieces in a buffer of 8,192 numbers and copies them back, even if nothing has to be
    converted: 16 pieces of 2,048 take three times as long. A small buffer takes only small pieces.
    """
    with np.errstate():  # its end also restores the buffer's size
        np.setbufsize(BUFFER)
        yield


def flush(a: np.ndarray) -> None:
    """Round a's numbers to multiples of about 1e-27 (float32) in place, so that vanishing numbers become zero.

    A vanishing gradient or an old moment ends among the subnormal numbers, with which a CPU computes up to a hundred
    times slower. Adding and subtracting a tiny constant rounds them to zero, and changes all other numbers by no more
    than their own rounding.
    """
    floor = FLOOR[a.dtype.char]
    a += floor
    a -= floor


def halve_and_shift(s: np.ndarray) -> None:
    """s -> (1 + s) / 2 in place: the second half of sigmoid(z) = (1 + tanh(z/2)) / 2."""
    s *= 0.5
    s += 0.5


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)) for any finite z, written as (1 + tanh(z/2)) / 2: it cannot overflow and is analytic."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def softplus(z: np.ndarray) -> np.ndarray:
    """log(1 + exp(z)) without overflow; the branch is taken by the sign of the real part, so it stays analytic."""
    positive = z.real > 0
    # Both branches of np.where are computed, so each exponent must be safe on its own: it is never positive.
    return np.where(positive, z, 0) + np.log1p(np.exp(np.where(positive, -z, z)))
