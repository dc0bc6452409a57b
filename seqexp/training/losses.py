"""Losses over answers side by side, y (Y, N): means over the N scored answers, whatever the batch size and length.

Each loss has ``forward(y, target) -> loss, tape`` and ``backward(tape) -> dy``. No answers at all (N = 0) give 0 and no
gradient. All losses stay exact under complex step: they branch only on the sign of a real part.
"""

from typing import Any, Protocol

import numpy as np

from seqexp.numerics.functions import sigmoid, softplus
from seqexp.system.registry import Registry


class Loss(Protocol):
    """What every loss offers. y and dy are (Y, N); the shape of target is the loss's own."""

    def forward(self, y: np.ndarray, target: np.ndarray) -> tuple[Any, Any]: ...
    def backward(self, tape: Any) -> np.ndarray: ...


_registry: Registry[type] = Registry("loss")


def create(name: str) -> Loss:
    """A loss by name: softmax, sigmoid or squared."""
    return _registry.lookup(name)()


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
