"""A core stepped forward and backward by its equations: layers, directions and a learned start taken apart."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from seqexp.microscope.equations import NEXT, PREVIOUS, Cell, gru, lstm, rnn, value
from seqexp.models import Core
from seqexp.models.bidirectional import Bidirectional
from seqexp.models.deep import Deep
from seqexp.models.gru import GRU
from seqexp.models.learned_state import LearnedState
from seqexp.models.lstm_variants import LSTMVariant
from seqexp.models.rnn import RNN
from seqexp.models.stacked_rnn import StackedRNN
from seqexp.numerics.params import Params
from seqexp.numerics.tape import reverse


class NotByHand(Exception):
    """There are no equations of this core here; the line says of which."""


@dataclass(frozen=True)
class Where:
    """Which part of a core this is.

    start: its first row of the core's state. turned: whether it reads from the end, so that its step 0 is the text's
    last. lengths: of columns that end before the others. ids: of the tokens (P,) that are the rows of its x, where it
    reads tokens.
    """

    label: str = ""
    start: int = 0
    turned: bool = False
    lengths: np.ndarray | None = None
    ids: np.ndarray | None = None

    def at(self, label: str, start: int, turned: bool | None = None, is_bottom: bool = True) -> "Where":
        joined = ", ".join(part for part in (self.label, label) if part)
        turned = self.turned if turned is None else turned
        return Where(joined, self.start + start, turned, self.lengths, self.ids if is_bottom else None)


class Stepped(Protocol):
    """A core, or a part of one, that has been stepped forward: h (T, H, B). ``layers`` are its cells, from below."""

    h: np.ndarray
    layers: "list[Layer]"

    def back(self, dh: np.ndarray, dstate: np.ndarray) -> np.ndarray:
        """dx (T, X, B) from what arrives from above (T, H, B), and at the last step (S, B). Fills the layers' signals
        of the way back."""
        ...


@dataclass
class Layer:
    """One cell over a sequence x (T, X, B), stepped forward when it is made.

    signals: name -> (T, ·, B), of the way there, and after ``back`` of the way back. first: the state before the first
    step; last: what arrived at the last one.
    """

    cell: Cell
    parts: dict[str, np.ndarray]
    x: np.ndarray
    state0: np.ndarray
    where: Where
    signals: dict[str, np.ndarray] = field(default_factory=dict)
    first: dict[str, np.ndarray] = field(default_factory=dict)
    last: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layers = [self]
        self.first = dict(zip(self.cell.state, np.split(self.state0, len(self.cell.state)), strict=True))
        names = {name + PREVIOUS: state for name, state in self.first.items()}
        steps: dict[str, list[np.ndarray]] = {equation.out: [] for equation in self.cell.forward}
        for x_t in self.x:
            names["x"] = x_t
            for equation in self.cell.forward:
                names[equation.out] = value(equation, self.parts, self.parts | names, self.first["h"])
                steps[equation.out].append(names[equation.out])
            names |= {name + PREVIOUS: names[name] for name in self.cell.state}
        self.signals = {name: np.array(values) for name, values in steps.items()}
        self.h = self.signals["h"]

    def back(self, dh: np.ndarray, dstate: np.ndarray) -> np.ndarray:
        ends = np.split(dstate, len(self.cell.state))
        self.last = {f"d{name}": part for name, part in zip(self.cell.state, ends, strict=True)}
        names: dict[str, np.ndarray] = {name + NEXT: part for name, part in self.last.items()}
        steps: dict[str, list[np.ndarray]] = {equation.out: [] for equation in self.cell.backward}
        for t in reversed(range(len(self.x))):
            names |= {name: values[t] for name, values in self.signals.items() if name not in steps}
            before = {name: self.signals[name][t - 1] if t else self.first[name] for name in self.cell.state}
            names |= {name + PREVIOUS: values for name, values in before.items()} | {"x": self.x[t], "dh_out": dh[t]}
            for equation in self.cell.backward:
                like = self.x[t] if equation.out == "dx" else self.first["h"]
                names[equation.out] = value(equation, self.parts, self.parts | names, like)
                steps[equation.out].append(names[equation.out])
            names |= {f"d{name}{NEXT}": names[f"d{name}_back"] for name in self.cell.state}
        self.signals |= {name: np.array(values[::-1]) for name, values in steps.items()} | {"dh_out": dh}
        return self.signals["dx"]

    def values(self, name: str) -> np.ndarray:
        """What an equation's name stands for at each step, (T, ·, B)."""
        if name == "x":
            return self.x
        if not name.endswith(PREVIOUS):
            return self.signals[name]
        before = name.removesuffix(PREVIOUS)
        return np.concatenate([self.first[before][None], self.signals[before][:-1]])

    def dstate0(self) -> np.ndarray:
        """The derivative by the state before the first step (S, B), after ``back``."""
        return np.concatenate([self.signals[f"d{name}_back"][0] for name in self.cell.state])


class Stack:
    """Layers on top of each other; with ``skip`` each from the third on reads what the one below has read, too."""

    def __init__(
        self, x: np.ndarray, made: "list[Callable[[np.ndarray], Stepped]]", sizes: list[int], skip: bool
    ) -> None:
        self.parts: list[Stepped] = []
        self.sizes, self.skip = sizes, skip
        read = x
        for number, make in enumerate(made):
            if number:
                read = self.parts[-1].h + read if skip and number > 1 else self.parts[-1].h
            self.parts.append(make(read))
        self.h = self.parts[-1].h
        self.layers = [layer for part in self.parts for layer in part.layers]

    def back(self, dh: np.ndarray, dstate: np.ndarray) -> np.ndarray:
        ends = np.split(dstate, np.cumsum(self.sizes)[:-1])
        skipped: np.ndarray | None = None
        dx = dh
        for number in reversed(range(len(self.parts))):
            dx = self.parts[number].back(dx, ends[number])
            if skipped is not None:
                dx = dx + skipped
            skipped = dx if self.skip and number > 1 else None
        return dx


class Both:
    """Two directions: the second reads each column from its own end."""

    def __init__(self, ahead: Stepped, behind: Stepped, size: int, lengths: np.ndarray | None) -> None:
        self.ahead, self.behind, self.size, self.lengths = ahead, behind, size, lengths
        self.h = np.concatenate([ahead.h, reverse(behind.h, lengths)], axis=1)
        self.layers = [*ahead.layers, *behind.layers]

    def back(self, dh: np.ndarray, dstate: np.ndarray) -> np.ndarray:
        units = self.ahead.h.shape[1]
        dx = self.ahead.back(dh[:, :units], dstate[: self.size])
        turned = self.behind.back(reverse(dh[:, units:], self.lengths), dstate[self.size :])
        return dx + reverse(turned, self.lengths)


def stepped(core: Core, p: Params, x: np.ndarray, state0: np.ndarray | None = None, where: Where = Where()) -> Stepped:
    """The core stepped over x (T, X, B) from state0 (S, B), which is what the core starts from where it is None.

    NotByHand if there are no equations for it.
    """
    if isinstance(core, LearnedState):
        if state0 is None:
            state0 = np.repeat(p["state_0"], x.shape[2], axis=1)
        return stepped(core.core, p.part("core"), x, state0, where)
    if isinstance(core, Deep):
        return _deep(core, p, x, state0, where)
    if isinstance(core, Bidirectional):
        one, other = core.cores
        S = one.state_size
        halves = (None, None) if state0 is None else (state0[:S], state0[S:])
        ahead = stepped(one, p.part("forward"), x, halves[0], where.at("forward", 0))
        turned = reverse(x, where.lengths)
        behind = stepped(other, p.part("backward"), turned, halves[1], where.at("backward", S, True))
        return Both(ahead, behind, S, where.lengths)
    if state0 is None:
        state0 = np.zeros((core.state_size, x.shape[2]), x.dtype)
    if isinstance(core, StackedRNN):
        return _stacked(core, p, x, state0, where)
    return _layer(cell_of(core), p, x, state0, where)


def cell_of(core: Core) -> Cell:
    """The equations of a plain cell. NotByHand if there are none."""
    if isinstance(core, LSTMVariant) and not core.gate_recurrence:
        return lstm(core)
    if isinstance(core, GRU):
        return gru(core)
    if isinstance(core, RNN):
        return rnn(core)
    what = "an LSTM whose gates see gates" if isinstance(core, LSTMVariant) else f"the class {type(core).__name__}"
    raise NotByHand(f"{what} has no equations here")


def _layer(cell: Cell, p: Params, x: np.ndarray, state0: np.ndarray, where: Where) -> Layer:
    """One cell; of tokens its input weights are the columns of those that occur."""
    parts = cell.parts(p)
    if where.ids is not None:
        of_x = {one.matrix for each in cell.forward for one in each.products if one.vector == "x"}
        parts |= {name: parts[name][:, where.ids] for name in of_x}
    return Layer(cell, parts, x, state0, where)


def _deep(core: Deep, p: Params, x: np.ndarray, state0: np.ndarray | None, where: Where) -> Stack:
    sizes = [layer.state_size for layer in core.layers]
    starts = [0, *np.cumsum(sizes).tolist()]

    def make(number: int) -> Callable[[np.ndarray], Stepped]:
        rows = None if state0 is None else state0[starts[number] : starts[number + 1]]
        part, at = p.part(f"layer{number + 1}"), where.at(f"layer {number + 1}", starts[number], is_bottom=number == 0)
        return lambda read: stepped(core.layers[number], part, read, rows, at)

    return Stack(x, [make(number) for number in range(len(sizes))], sizes, core.skip)


def _stacked(core: StackedRNN, p: Params, x: np.ndarray, state0: np.ndarray, where: Where) -> Stack:
    H = core.hidden_size
    like = RNN(input_size=H, hidden_size=H, activation=core.activation)

    def make(number: int) -> Callable[[np.ndarray], Stepped]:
        l = number + 1
        below = "W_xh" if l == 1 else f"W_hhd.{l}"
        cell = rnn(like, below, f"W_hht.{l}", f"b_h.{l}")
        rows, at = state0[number * H : l * H], where.at(f"layer {l}", number * H, is_bottom=number == 0)
        return lambda read: _layer(cell, p, read, rows, at)

    return Stack(x, [make(number) for number in range(core.num_layers)], [H] * core.num_layers, False)
