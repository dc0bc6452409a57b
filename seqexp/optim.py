"""Optimizers on the flat vector, in place, and what decides the size of a step.

An optimizer is ``init(flat) -> state`` and ``update(flat, grad, state, rate)``; its state is a dict of arrays of flat's
shape, and the number of steps taken lies in the caller's hands. Updates run block by block, so that a block's numbers
stay in the cache from the first operation to the last, and use up grad: its memory holds what comes in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from seqexp import aligned
from seqexp.numerics import flush
from seqexp.registry import Registry

State = dict[str, np.ndarray]
Fraction = Annotated[float, Ge(0), Lt(1)]

FLUSH_EVERY = 100  # steps
BLOCK = 32_768  # numbers: five float32 arrays of it fit a core's own cache together


class Optimizer(Protocol):
    """What every optimizer offers; ``rate`` is the learning rate of this step, ``step`` counts from 1."""

    learning_rate: float

    def init(self, flat: np.ndarray) -> State: ...
    def update(self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int) -> None: ...
    def rate(self, progress: float) -> float: ...


_registry: Registry[type] = Registry("optimizer")


def names() -> list[str]:
    """The registered optimizers."""
    return _registry.names()


def lookup(name: str) -> type:
    """The class behind ``name``. UserError lists the names there are."""
    return _registry.lookup(name)


def create(name: str, **settings: Any) -> Optimizer:
    """An optimizer by name: ``create("adam", learning_rate=1e-3)``."""
    return lookup(name)(**settings)


def clip(grad: np.ndarray, clip_norm: float | None) -> float:
    """Scale grad in place so that its Euclidean norm is at most ``clip_norm``; returns the norm it had.

    Source: Pascanu, Mikolov and Bengio 2013, algorithm 1.
    """
    norm = float(np.sqrt(np.dot(grad, grad)))
    if clip_norm is not None and norm > clip_norm:
        grad *= clip_norm / norm
    return norm


@dataclass(kw_only=True, frozen=True)
class _Scheduled:
    """What all optimizers share: the learning rate, its schedule, and decoupled weight decay.

    schedule: "constant"; "cosine", down to zero over the run (Loshchilov and Hutter 2017, eq. 5); "step", times
    ``step_factor`` after each ``step_fraction`` of the run. ``weight_decay``: flat shrinks by rate * weight_decay a
    step, apart from the gradient (Loshchilov and Hutter 2019).
    """

    learning_rate: Annotated[float, Gt(0)]
    schedule: Literal["constant", "cosine", "step"] = "constant"
    step_fraction: Annotated[float, Gt(0), Le(1)] = 0.5
    step_factor: Annotated[float, Gt(0), Le(1)] = 0.1
    weight_decay: Annotated[float, Ge(0)] = 0.0

    def rate(self, progress: float) -> float:
        """The learning rate when ``progress`` in [0, 1] of the planned steps is done."""
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1 + float(np.cos(np.pi * min(1.0, progress))))
        if self.schedule == "step":
            return self.learning_rate * self.step_factor ** int(min(1.0, progress) / self.step_fraction)
        return self.learning_rate

    def _blocks(
        self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int
    ) -> Iterator[tuple[Any, ...]]:
        """Blocks of (flat, grad, *state), after the decay."""
        arrays = (flat, grad, *state.values())
        for start in range(0, flat.size, BLOCK):
            w, g, *rest = (array[start : start + BLOCK] for array in arrays)
            if self.weight_decay:
                w *= 1 - rate * self.weight_decay
            if step % FLUSH_EVERY == 0:  # the moments of weights that get no gradient vanish
                for moment in rest:
                    flush(moment)
            yield w, g, *rest


@_registry.register("sgd")
@dataclass(kw_only=True, frozen=True)
class SGD(_Scheduled):
    """w -= rate * g. Source: Robbins and Monro 1951."""

    def init(self, flat: np.ndarray) -> State:
        return {}

    def update(self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int) -> None:
        for w, g in self._blocks(flat, grad, state, rate, step):
            g *= rate
            w -= g


@_registry.register("momentum")
@dataclass(kw_only=True, frozen=True)
class Momentum(_Scheduled):
    """u = momentum * u + g;  w -= rate * u. Source: Polyak 1964; Sutskever et al. 2013, rate inside u there."""

    momentum: Fraction = 0.9

    def init(self, flat: np.ndarray) -> State:
        return {"u": aligned.zeros_like(flat)}

    def update(self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int) -> None:
        for w, g, u in self._blocks(flat, grad, state, rate, step):
            u *= self.momentum
            u += g
            w -= np.multiply(u, rate, out=g)


@_registry.register("rmsprop")
@dataclass(kw_only=True, frozen=True)
class RMSprop(_Scheduled):
    """v = decay * v + (1 - decay) * g^2;  w -= rate * g / (sqrt(v) + epsilon). Source: Tieleman and Hinton 2012."""

    decay: Fraction = 0.99
    epsilon: Annotated[float, Gt(0)] = 1e-8

    def init(self, flat: np.ndarray) -> State:
        return {"v": aligned.zeros_like(flat)}

    def update(self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int) -> None:
        for w, g, v in self._blocks(flat, grad, state, rate, step):
            s = g * g
            s *= 1 - self.decay
            v *= self.decay
            v += s
            np.sqrt(v, out=s)
            s += self.epsilon
            g /= s
            g *= rate
            w -= g


@_registry.register("adam")
@dataclass(kw_only=True, frozen=True)
class Adam(_Scheduled):
    """m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2;
    w -= rate * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon).

    Source: Kingma and Ba 2015, algorithm 1. The state holds m / (1 - beta1) and v / (1 - beta2), which saves two
    passes over memory a step; the constants go into the step's two scalars.
    """

    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8

    def init(self, flat: np.ndarray) -> State:
        return {"m": aligned.zeros_like(flat), "v": aligned.zeros_like(flat)}

    def update(self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int) -> None:
        # v_hat = v * by_v, so sqrt(v_hat) + epsilon = sqrt(by_v) * (sqrt(v) + epsilon / sqrt(by_v)); likewise m.
        root = float(np.sqrt((1 - self.beta2) / (1 - self.beta2**step)))
        factor = rate * (1 - self.beta1) / (1 - self.beta1**step) / root
        for w, g, m, v in self._blocks(flat, grad, state, rate, step):
            m *= self.beta1
            m += g
            g *= g
            v *= self.beta2
            v += g
            np.sqrt(v, out=g)
            g += self.epsilon / root
            np.divide(m, g, out=g)
            g *= factor
            w -= g
