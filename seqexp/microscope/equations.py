"""The cells as tables of equations, which are computed from these tables and shown as they stand.

An equation is one line: products of matrices with vectors, and an expression of single units. Forward and backward are
the same kind of line, so that one small interpreter computes both, and the page needs to know no cell. Slow and plain:
the shipped cores are judged against it, and it against them.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import CodeType
from typing import Any

import numpy as np

from seqexp.models.gru import GRU
from seqexp.models.lstm_variants import LSTMVariant
from seqexp.models.rnn import RNN
from seqexp.numerics.functions import sigmoid
from seqexp.numerics.params import Params

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "step": lambda z: np.asarray(z > 0, float),
}
PREVIOUS, NEXT = "_prev", "_next"  # the same at the step before; what the step after passes back


@dataclass(frozen=True)
class Product:
    """matrix @ vector; transposed: with the matrix turned."""

    matrix: str
    vector: str
    transposed: bool = False


@dataclass(frozen=True)
class Equation:
    """out = the products + rest; rest is an expression of names, + - * ** and ``FUNCTIONS``. says: what it is."""

    out: str
    products: tuple[Product, ...] = ()
    rest: str = ""
    says: str = ""


@dataclass(frozen=True)
class Cell:
    """One kind of cell: its equations, in the order in which they are computed.

    state:  what is carried from a step to the next: h, or h and c. gates: signals between 0 and 1.
    parts:  of the parameters: the matrices (H, H) or (H, X) and columns (H, 1) that the equations name.
    """

    name: str
    forward: tuple[Equation, ...]
    backward: tuple[Equation, ...]
    parts: Callable[[Params], dict[str, np.ndarray]]
    state: tuple[str, ...] = ("h",)
    gates: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)


ABOUT = {
    "h": "what the cell says",
    "c": "the cell's memory",
    "f": "forget gate: what share of the memory stays",
    "i": "input gate: what share of the candidate is added",
    "o": "output gate: what share of the memory is said",
    "t": "candidate: what could be added",
    "z": "update gate: what share of the state stays",
    "r": "reset gate: what the candidate sees of the state",
    "n": "candidate: the new state",
    "dh": "derivative by what the cell says",
    "dc": "derivative by the memory",
}
SLOPES = {  # of g, in terms of what it gives
    "tanh": "(1 - {0}**2)",
    "sigmoid": "{0} * (1 - {0})",
    "relu": "step({0})",
    "identity": "1",
}
ARRIVES = Equation("dh", rest="dh_out + dh_next", says="from the answer or the layer above, and from the next step")


def rnn(core: RNN, W_xh: str = "W_xh", W_hh: str = "W_hh", b_h: str = "b_h") -> Cell:
    """Elman's cell; the names are those of the parameters, which a stack's layers have otherwise."""
    g = core.activation
    forward = (
        Equation("a", (Product("W_hh", "h_prev"), Product("W_xh", "x")), "b_h", "the sum that enters"),
        Equation("h", rest=f"{g}(a)", says=ABOUT["h"]),
    )
    backward = (
        ARRIVES,
        Equation("da", rest=f"dh * {SLOPES[g].format('h')}", says=f"through the {g}"),
        Equation("dh_back", (Product("W_hh", "da", True),), says="to the step before"),
        Equation("dx", (Product("W_xh", "da", True),), says="to the input"),
    )
    return Cell("rnn", forward, backward, lambda p: {"W_xh": p[W_xh], "W_hh": p[W_hh], "b_h": p[b_h]}, about=ABOUT)


def _gate_parts(p: Params, names: Sequence[str], H: int) -> dict[str, np.ndarray]:
    """W_f cut into W_fh on h and W_fx on x, and b_f; of each name."""
    found: dict[str, np.ndarray] = {}
    for name in names:
        W = p[f"W_{name}"]
        found |= {f"W_{name}h": W[:, :H], f"W_{name}x": W[:, H:], f"b_{name}": p[f"b_{name}"]}
    return found


def lstm(core: LSTMVariant) -> Cell:
    """The LSTM with its switches, but for gates that see gates."""
    A, B = core.candidate_activation, core.output_activation
    own = [gate for gate in core.gate_names if gate not in core.freeze_gates]
    sight = own if core.peepholes else []

    def gate(name: str) -> list[Equation]:
        if name not in own:
            return [Equation(name, rest="1 - f" if core.coupled and name == "i" else "1", says=ABOUT[name])]
        seen = f" + p_{name} * {'c' if name == 'o' else 'c_prev'}" if name in sight else ""
        products = (Product(f"W_{name}h", "h_prev"), Product(f"W_{name}x", "x"))
        return [
            Equation(f"a_{name}", products, f"b_{name}{seen}", f"the sum that enters gate {name}"),
            Equation(name, rest=f"sigmoid(a_{name})", says=ABOUT[name]),
        ]

    enters = (Product("W_th", "h_prev"), Product("W_tx", "x"))
    forward = (
        *gate("f"),
        *gate("i"),
        Equation("a_t", enters, "b_t", "the sum that enters the candidate"),
        Equation("t", rest="tanh(a_t)" if A == "tanh" else "a_t", says=ABOUT["t"]),
        Equation("c", rest="f * c_prev + i * t", says=ABOUT["c"]),
        *gate("o"),
        Equation("h", rest="o * tanh(c)" if B == "tanh" else "o * c", says=ABOUT["h"]),
    )

    def parts(p: Params) -> dict[str, np.ndarray]:
        return _gate_parts(p, [*own, "t"], core.hidden_size) | {f"p_{name}": p[f"p_{name}"] for name in sight}

    back = _lstm_backward(own, sight, core.coupled, A, B)
    return Cell("lstm", forward, back, parts, ("h", "c"), ("f", "i", "o"), ABOUT)


def _lstm_backward(own: Sequence[str], sight: Sequence[str], coupled: bool, A: str, B: str) -> tuple[Equation, ...]:
    of_c = "tanh(c)" if B == "tanh" else "c"
    slope_c = f" * (1 - {of_c}**2)" if B == "tanh" else ""
    of_gate = {"o": f"dh * {of_c}", "f": "dc * (c_prev - t)" if coupled else "dc * c_prev", "i": "dc * t"}

    def gate(name: str) -> list[Equation]:
        if name not in own:
            return []
        return [
            Equation(f"d{name}", rest=of_gate[name], says=f"by gate {name}"),
            Equation(f"da_{name}", rest=f"d{name} * {name} * (1 - {name})", says="through the sigmoid"),
        ]

    seen = "".join(f" + p_{name} * da_{name}" for name in sight if name != "o")
    through = [*(name for name in "fio" if name in own), "t"]
    return (
        ARRIVES,
        *gate("o"),
        Equation(
            "dc",
            rest=f"dc_next + dh * o{slope_c}" + (" + p_o * da_o" if "o" in sight else ""),
            says="by the memory: from the next step, and through what is said",
        ),
        *gate("f"),
        *gate("i"),
        Equation("dt", rest="dc * i", says="by the candidate"),
        Equation("da_t", rest="dt * (1 - t**2)" if A == "tanh" else "dt", says=f"through the {A}"),
        Equation("dc_back", rest=f"dc * f{seen}", says="to the memory of the step before"),
        Equation("dh_back", tuple(Product(f"W_{n}h", f"da_{n}", True) for n in through), says="to the step before"),
        Equation("dx", tuple(Product(f"W_{n}x", f"da_{n}", True) for n in through), says="to the input"),
    )


def gru(core: GRU) -> Cell:
    own = [gate for gate in core.gate_names if gate not in core.freeze_gates]
    after = core.reset == "after"

    def gate(name: str) -> list[Equation]:
        if name not in own:
            return [Equation(name, rest="1", says=ABOUT[name])]
        products = (Product(f"W_{name}h", "h_prev"), Product(f"W_{name}x", "x"))
        return [
            Equation(f"a_{name}", products, f"b_{name}", f"the sum that enters gate {name}"),
            Equation(name, rest=f"sigmoid(a_{name})", says=ABOUT[name]),
        ]

    seen = Product("W_hh", "h_prev" if after else "rh")
    inner = (
        (
            Equation("q", (seen,), "b_hh", "the state through its weights"),
            Equation("a_n", (Product("W_hx", "x"),), "b_h + r * q", "the sum that enters the candidate"),
        )
        if after
        else (
            Equation("rh", rest="r * h_prev", says="what the candidate sees of the state"),
            Equation("a_n", (seen, Product("W_hx", "x")), "b_h", "the sum that enters the candidate"),
        )
    )
    forward = (
        *gate("z"),
        *gate("r"),
        *inner,
        Equation("n", rest="tanh(a_n)", says=ABOUT["n"]),
        Equation("h", rest="(1 - z) * n + z * h_prev", says=ABOUT["h"]),
    )

    def parts(p: Params) -> dict[str, np.ndarray]:
        H, W = core.hidden_size, p["W_h"]
        bias = {"b_hh": p["b_hh"]} if after else {}
        return _gate_parts(p, own, H) | {"W_hh": W[:, :H], "W_hx": W[:, H:], "b_h": p["b_h"]} | bias

    name = "gru, reset after" if after else "gru"  # which has no drawing
    return Cell(name, forward, _gru_backward(own, after), parts, ("h",), ("z", "r"), ABOUT)


def _gru_backward(own: Sequence[str], after: bool) -> tuple[Equation, ...]:
    def gate(name: str, rest: str) -> list[Equation]:
        if name not in own:
            return []
        return [
            Equation(f"d{name}", rest=rest, says=f"by gate {name}"),
            Equation(f"da_{name}", rest=f"d{name} * {name} * (1 - {name})", says="through the sigmoid"),
        ]

    if after:
        inner = (Equation("dq", rest="da_n * r", says="through the reset gate"),)
        through, direct = [Product("W_hh", "dq", True)], "dh * z"
    else:
        inner = (Equation("drh", (Product("W_hh", "da_n", True),), says="by what the candidate saw of the state"),)
        through, direct = [], "dh * z + drh * r"
    through += [Product(f"W_{name}h", f"da_{name}", True) for name in own]
    into = [Product("W_hx", "da_n", True), *(Product(f"W_{name}x", f"da_{name}", True) for name in own)]
    return (
        ARRIVES,
        *gate("z", "dh * (h_prev - n)"),
        Equation("dn", rest="dh * (1 - z)", says="by the candidate"),
        Equation("da_n", rest="dn * (1 - n**2)", says="through the tanh"),
        *inner,
        *gate("r", "da_n * q" if after else "drh * h_prev"),
        Equation("dh_back", tuple(through), direct, says="to the step before"),
        Equation("dx", tuple(into), says="to the input"),
    )


@cache
def compiled(rest: str) -> tuple[CodeType, tuple[str, ...]]:
    """An expression of this module's tables as code, and the names in it."""
    tree = ast.parse(rest, mode="eval")
    names = dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return compile(tree, "<equation>", "eval"), tuple(name for name in names if name not in FUNCTIONS)


def value(equation: Equation, parts: Mapping[str, np.ndarray], names: Mapping[str, Any], like: np.ndarray) -> Any:
    """What an equation gives, of the values (·, B) that its names have."""
    total = np.zeros_like(like)
    for one in equation.products:
        matrix = parts[one.matrix]
        total = total + (matrix.T if one.transposed else matrix) @ names[one.vector]
    if equation.rest:
        code, used = compiled(equation.rest)
        # No input of anybody's: the expressions are the constants of this module.
        total = total + eval(code, {"__builtins__": {}, **FUNCTIONS}, {name: names[name] for name in used})
    return total
