"""Losses over answers side by side, y (Y, N): means over the N scored answers, whatever the batch size and length.

Each loss has ``forward(y, target) -> loss, tape`` and ``backward(tape) -> dy``. No answers at all (N = 0) give 0 and no
gradient. All losses stay exact under complex step: they branch only on the sign of a real part.
"""

from typing import Any, Protocol

import numpy as np

from seqexp.kernels import library, threads
from seqexp.kernels.library import Backend
from seqexp.numerics.functions import sigmoid, softplus
from seqexp.system.registry import Registry


class Loss(Protocol):
    """What every loss offers. y and dy are (Y, N); the shape of target is the loss's own."""

    def forward(self, y: np.ndarray, target: np.ndarray) -> tuple[Any, Any]: ...
    def backward(self, tape: Any) -> np.ndarray: ...


_registry: Registry[type] = Registry("loss")
FEW_ANSWERS = 4_000  # numbers of y up to which NumPy's calls are no slower than a kernel's preparation
SPLIT_ANSWERS = 100_000  # that are worth another thread


def create(name: str, backend: Backend = "numpy") -> Loss:
    """A loss by name: softmax, sigmoid or squared. One without kernels is NumPy's either way."""
    loss: Loss = _registry.lookup(name)()
    return CompiledSoftmax() if backend == "compiled" and isinstance(loss, Softmax) else loss


@_registry.register("softmax")
class Softmax:
    """Cross-entropy of one class out of Y; target (N,) integer classes.

    L = mean_n( log sum_k exp y_kn - y_{target_n, n} )        dL/dy = (softmax(y) - onehot(target)) / N
    """

    def forward(self, y: np.ndarray, target: np.ndarray) -> tuple[Any, Any]:
        """The tape takes over y's memory: with a large vocabulary, y is the largest array of a step."""
        N = y.shape[1]
        columns = np.arange(N)
        y -= y.real.max(axis=0, initial=-np.inf)  # cancels in the ratio, so that exp cannot overflow
        of_target = y[target, columns]  # a copy, before exp overwrites y
        exp = np.exp(y, out=y)
        total = exp.sum(axis=0)
        loss = (np.log(total) - of_target).sum() / max(1, N)
        return loss, (exp, total, target, columns)

    def backward(self, tape: Any) -> np.ndarray:
        exp, total, target, columns = tape
        N = max(1, len(columns))
        dy = exp
        # exp / total is the softmax; one array of factors instead of two divisions of the largest array.
        dy *= 1 / (total * N)
        dy[target, columns] -= dy.dtype.type(1 / N)
        return dy


class CompiledSoftmax(Softmax):
    """``Softmax`` that reads and writes a large vocabulary's y once for loss and derivative (``kernels/rows.h``)."""

    def forward(self, y: np.ndarray, target: np.ndarray) -> tuple[Any, Any]:
        rows, N = y.T, y.shape[1]
        if rows.dtype.char not in library.LETTERS or not rows.flags.c_contiguous or rows.size <= FEW_ANSWERS:
            return super().forward(y, target)
        kernels = library.library()
        target = np.ascontiguousarray(target, np.int64)
        if target.min() < 0 or target.max() >= len(y):  # a kernel does not look where it writes
            raise IndexError(f"softmax: targets must lie in 0..{len(y) - 1}, got {target.min()}..{target.max()}")
        total, of_target = np.empty((2, N), y.dtype)
        kernel = kernels.function("softmax", y.dtype)

        def some(mine: slice) -> None:
            places = map(kernels.pointer, (rows[mine], total[mine], of_target[mine]))
            kernel(next(places), kernels.integers(target[mine]), *places, mine.stop - mine.start, len(y), 1 / N)

        threads.split(some, N, rows.size // SPLIT_ANSWERS)
        return (np.log(total) - of_target).sum() / N, y

    def backward(self, tape: Any) -> np.ndarray:
        if isinstance(tape, tuple):
            return super().backward(tape)
        dy: np.ndarray = tape
        return dy


@_registry.register("sigmoid")
class Sigmoid:
    """Cross-entropy of Y independent yes-or-no answers, summed over them; target (Y, N) in [0, 1].

    L = mean_n sum_k( log(1 + exp y) - target y )             dL/dy = (sigmoid(y) - target) / N
    """

    def forward(self, y: np.ndarray, target: np.ndarray) -> tuple[Any, Any]:
        return (softplus(y) - target * y).sum() / max(1, y.shape[1]), (y, target)

    def backward(self, tape: Any) -> np.ndarray:
        y, target = tape
        dy = sigmoid(y)
        dy -= target
        dy /= max(1, y.shape[1])
        return dy


@_registry.register("squared")
class Squared:
    """Squared error, summed over Y; target (Y, N).

    L = mean_n sum_k (y - target)^2                           dL/dy = 2 (y - target) / N
    """

    def forward(self, y: np.ndarray, target: np.ndarray) -> tuple[Any, Any]:
        difference = y - target
        return (difference * difference).sum() / max(1, y.shape[1]), difference

    def backward(self, tape: Any) -> np.ndarray:
        dy: np.ndarray = tape
        dy *= 2 / max(1, dy.shape[1])
        return dy
