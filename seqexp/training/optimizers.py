"""Optimizers, which change the flat vector in place; gradient clipping; learning rate schedules.

An optimizer has ``init(flat) -> state`` and ``update(flat, grad, state, rate, step)``. Its state is a dict of arrays of
flat's shape; the caller counts the steps. Updates run block by block, so that a block's numbers stay in the cache from
the first operation to the last. They overwrite grad, whose memory holds intermediate values. Only the zeros between a
table's touched rows stay zero (see ``params.Gradient``); an optimizer need not visit them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from seqexp.kernels import library, threads
from seqexp.kernels.library import Backend
from seqexp.numerics import memory
from seqexp.numerics.functions import flush
from seqexp.numerics.params import Span
from seqexp.system.registry import Registry

State = dict[str, np.ndarray]
Fraction = Annotated[float, Ge(0), Lt(1)]
Change = Callable[..., None]  # arrays, None for a gradient of zeros; then the numbers of a step
Spans = Sequence[Span]  # of a gradient; none: all of it may be nonzero
WHOLE: Spans = ()

FLUSH_EVERY = 100  # steps; a moment that decays by 0.9 a step needs 230 from the flush's floor to the subnormals
BLOCK = 32_768  # numbers: five float32 arrays of this size fit into a core's own cache together
SPLIT = 250_000  # numbers that are worth another thread, with kernels


class Optimizer(Protocol):
    """What every optimizer offers; ``rate`` is the learning rate of this step, ``step`` counts from 1."""

    learning_rate: float

    def init(self, flat: np.ndarray) -> State: ...
    def update(
        self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int, spans: Spans = WHOLE
    ) -> None: ...
    def rate(self, progress: float) -> float: ...


_registry: Registry[type] = Registry("optimizer")
_compiled: dict[str, type] = {}


def names() -> list[str]:
    """The registered optimizers."""
    return _registry.names()


def lookup(name: str) -> type:
    """The class behind ``name``. UserError lists the names there are."""
    return _registry.lookup(name)


def register_compiled(name: str) -> Callable[[type], type]:
    """Class decorator: makes the class ``create(name, backend="compiled")``."""

    def decorate(cls: type) -> type:
        _compiled[name] = cls
        return cls

    return decorate


def create(name: str, *, backend: Backend = "numpy", **settings: Any) -> Optimizer:
    """An optimizer by name: ``create("adam", learning_rate=1e-3)``; one without kernels is NumPy's either way."""
    cls = lookup(name)
    return (_compiled.get(name, cls) if backend == "compiled" else cls)(**settings)


def clip(grad: np.ndarray, clip_norm: float | None, spans: Spans = WHOLE) -> float:
    """Scale grad in place so that its Euclidean norm is at most ``clip_norm``; return the norm before.

    A gradient without a finite norm stays as it is.
    Source: Pascanu, Mikolov and Bengio 2013, algorithm 1.
    """
    stretches, tables = [] if spans else [grad], []
    for start, stop, width, rows in spans:
        if rows is None:
            stretches.append(grad[start:stop])
        else:
            table = grad[start:stop].reshape(-1, width)
            tables.append((table, rows, table[rows]))
    norm = math.sqrt(sum(np.dot(a, a) for a in stretches) + sum(np.vdot(values, values) for _, _, values in tables))
    if clip_norm is not None and clip_norm < norm < math.inf:
        for stretch in stretches:
            stretch *= clip_norm / norm
        # Fancy indexing gave copies, which have to be written back.
        for table, rows, values in tables:
            table[rows] = values * (clip_norm / norm)
    return norm


@dataclass(kw_only=True, frozen=True)
class _Scheduled:
    """What all optimizers have: the learning rate, its schedule, and decoupled weight decay.

    schedule: "constant"; "cosine", down to zero over the run (Loshchilov and Hutter 2017, eq. 5); "step", times
    ``step_factor`` after each ``step_fraction`` of the run. ``weight_decay``: flat shrinks by rate * weight_decay a
    step, apart from the gradient (Loshchilov and Hutter 2019).
    """

    learning_rate: Annotated[float, Gt(0)]
    schedule: Literal["constant", "cosine", "step"] = "constant"
    step_fraction: Annotated[float, Gt(0), Le(1)] = 0.5
    step_factor: Annotated[float, Gt(0), Le(1)] = 0.1
    weight_decay: Annotated[float, Ge(0)] = 0.0

    blocks_at_once: ClassVar[int] = 1

    def rate(self, progress: float) -> float:
        """The learning rate after the share ``progress`` in [0, 1] of the planned steps."""
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1 + float(np.cos(np.pi * min(1.0, progress))))
        if self.schedule == "step":
            return self.learning_rate * self.step_factor ** int(min(1.0, progress) / self.step_fraction)
        return self.learning_rate

    def _blocks(
        self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int, spans: Spans = WHOLE
    ) -> Iterator[tuple[Any, ...]]:
        """Blocks of (flat, gradient, *state), after weight decay. The gradient of a table in ``spans`` is None."""
        for first, end, _, rows in spans or ((0, flat.size, 1, None),):
            for start in range(first, end, BLOCK * self.blocks_at_once):
                block = slice(start, min(start + BLOCK * self.blocks_at_once, end))
                w, g, *moments = (array[block] for array in (flat, grad, *state.values()))
                if self.weight_decay:
                    w *= 1 - rate * self.weight_decay
                if step % FLUSH_EVERY == 0:  # moments of weights without gradient decay into the subnormal numbers
                    for moment in moments:
                        flush(moment)
                yield w, g if rows is None else None, *moments


@_registry.register("sgd")
@dataclass(kw_only=True, frozen=True)
class SGD(_Scheduled):
    """w -= rate * g. Source: Robbins and Monro 1951."""

    def init(self, flat: np.ndarray) -> State:
        return {}

    def update(
        self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int, spans: Spans = WHOLE
    ) -> None:
        for w, g in self._blocks(flat, grad, state, rate, step):
            g *= rate
            w -= g


@_registry.register("momentum")
@dataclass(kw_only=True, frozen=True)
class Momentum(_Scheduled):
    """u = momentum * u + g;  w -= rate * u. Source: Polyak 1964; Sutskever et al. 2013, rate inside u there."""

    momentum: Fraction = 0.9

    def init(self, flat: np.ndarray) -> State:
        return {"u": memory.zeros_like(flat)}

    def update(
        self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int, spans: Spans = WHOLE
    ) -> None:
        for w, g, u in self._blocks(flat, grad, state, rate, step):  # no spans: u decays in untouched rows too
            u *= self.momentum
            u += g
            w -= rate * u


@_registry.register("rmsprop")
@dataclass(kw_only=True, frozen=True)
class RMSprop(_Scheduled):
    """v = decay * v + (1 - decay) * g^2;  w -= rate * g / (sqrt(v) + epsilon). Source: Tieleman and Hinton 2012."""

    decay: Fraction = 0.99
    epsilon: Annotated[float, Gt(0)] = 1e-8

    def init(self, flat: np.ndarray) -> State:
        return {"v": memory.zeros_like(flat)}

    def update(
        self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int, spans: Spans = WHOLE
    ) -> None:
        for w, g, v in self._blocks(flat, grad, state, rate, step):  # no spans: v decays in untouched rows too
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

    Source: Kingma and Ba 2015, algorithm 1. The state is M and V. The moments are m = (1 - beta1) beta1^k M and
    v = (1 - beta2) beta2^k V, k steps after the last settling. The decay is only in the step's scalars, so M and V
    change only where there is a gradient. Every ``settle_every`` steps the powers go into M and V, and k is 0 again.
    """

    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8

    change: ClassVar[Change | None] = None  # compiled: all of a block's operations in one pass,
    enter_rows: ClassVar[Change | None] = None  # and of a table's rows, where they lie

    def init(self, flat: np.ndarray) -> State:
        return {"M": memory.zeros_like(flat), "V": memory.zeros_like(flat)}

    @cached_property
    def settle_every(self) -> int:
        """The steps, at most 100, in which beta^-k stays below 1e6: gradients are multiplied by it when they enter."""
        decay = min(self.beta1, self.beta2)
        return max(1, min(100, int(math.log(1e-6) / math.log(decay)))) if decay > 0 else 1

    def update(
        self, flat: np.ndarray, grad: np.ndarray, state: State, rate: float, step: int, spans: Spans = WHOLE
    ) -> None:
        M, V = state["M"], state["V"]
        k = (step - 1) % self.settle_every  # from the step alone, so that a resumed run settles at the same steps
        if k == 0:
            M *= self.beta1**self.settle_every
            V *= self.beta2**self.settle_every
        power1, power2 = self.beta1**k, self.beta2**k
        # v_hat = root^2 V, so sqrt(v_hat) + epsilon = root (sqrt(V) + epsilon / root); likewise m_hat.
        root = math.sqrt((1 - self.beta2) * power2 / (1 - self.beta2**step))
        factor = rate * (1 - self.beta1) * power1 / (1 - self.beta1**step) / root
        of_square = power1**2 / power2  # g is divided by power1 first; V wants g^2 / power2

        def enter(g: np.ndarray, M: np.ndarray, V: np.ndarray) -> None:
            g *= 1 / power1
            M += g
            g *= g
            g *= of_square
            V += g

        for start, stop, width, rows in spans:
            if rows is not None:
                table_g, table_M, table_V = (a[start:stop].reshape(-1, width) for a in (grad, M, V))
                if self.enter_rows is not None:
                    self.enter_rows(table_g, table_M, table_V, rows, 1 / power1, of_square)
                    continue
                M_rows, V_rows = table_M[rows], table_V[rows]
                enter(table_g[rows], M_rows, V_rows)
                table_M[rows], table_V[rows] = M_rows, V_rows
        blocks = self._blocks(flat, grad, state, rate, step, spans)
        if self.change is not None:
            every = list(blocks)

            def some(mine: slice) -> None:
                for block in every[mine]:
                    self.change(*block, 1 / power1, of_square, factor, self.epsilon / root)  # type: ignore[misc]

            threads.split(some, len(every), flat.size // SPLIT)
            return
        scratch = np.empty(BLOCK, flat.dtype) if spans else grad  # zeros between a table's rows have to stay zero
        for w, g, m, v in blocks:
            if g is not None:
                enter(g, m, v)
            s = scratch[: w.size] if g is None else g
            np.sqrt(v, out=s)
            s += self.epsilon / root
            np.divide(m, s, out=s)
            s *= factor
            w -= s


@register_compiled("adam")
@dataclass(kw_only=True, frozen=True)
class CompiledAdam(Adam):
    """``Adam`` in one pass over a block instead of ten (``kernels/rows.h``)."""

    blocks_at_once: ClassVar[int] = 4  # one pass needs no cache

    @staticmethod
    def change(w: np.ndarray, g: np.ndarray | None, M: np.ndarray, V: np.ndarray, *numbers: float) -> None:
        kernels = library.library()
        kernels.function("adam", w.dtype)(*map(kernels.pointer, (w, g, M, V)), w.size, *numbers)

    @staticmethod
    def enter_rows(g: np.ndarray, M: np.ndarray, V: np.ndarray, rows: np.ndarray, *numbers: float) -> None:
        kernels = library.library()
        rows = np.ascontiguousarray(rows, np.int64)
        places = (*map(kernels.pointer, (g, M, V)), kernels.integers(rows))
        kernels.function("adam_rows", g.dtype)(*places, len(rows), g.shape[1], *numbers)
