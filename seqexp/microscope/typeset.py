"""A cell's equations as mathematics: LaTeX that Matplotlib reads too."""

import re

from seqexp.microscope.equations import Equation, Product

FUNCTIONS = {"sigmoid": r"\sigma", "tanh": r"\tanh", "relu": r"\mathrm{relu}", "step": r"\mathbf{1}_{>0}"}
TIMES = {"_prev": "t-1", "_next": "t", "_back": "t-1", "_out": "t"}  # the step that a signal is of
MARKS = {"_next": "(t+1)", "_back": "(t)", "_out": r"\mathrm{out}"}  # the step, or the layer, that it comes from
PIECES = re.compile(r"[A-Za-z_]\w*|\*\*|\d+|\S")


def maths(equation: Equation) -> str:
    """One line: c_t = f_t \\odot c_{t-1} + …, without dollar signs."""
    terms = [_product(one) for one in equation.products]
    if equation.rest:
        terms.append(_expression(equation.rest))
    return f"{symbol(equation.out)} = {' + '.join(terms)}"


def symbol(name: str) -> str:
    """A signal with its step, or a parameter: ``h_prev`` is h_{t-1}, ``da_f`` is d a_{f,t}, ``W_fh`` is W_{fh}.

    What flows back bears above it where it comes from: ``dh_next`` is what step t+1 passes to h_t.
    """
    if name[0] in "Wbp" and "_" in name:
        return f"{name[0]}_{{{name[2:]}}}"
    end = next((end for end in TIMES if name.endswith(end)), "")
    bare = name.removesuffix(end)
    is_derivative = len(bare) > 1 and bare[0] == "d"
    base, _, below = bare[is_derivative:].partition("_")
    base = f"({base})" if len(base) > 1 else base  # rh is r times h
    time = ",".join(part for part in (below, TIMES.get(end, "t")) if part)
    mark = f"^{{{MARKS[end]}}}" if end in MARKS else ""
    d = r"\mathrm{d}" if is_derivative else ""
    return f"{d}{base}_{{{time}}}{mark}"


def _product(one: Product) -> str:
    turned = r"^{\mathsf{T}}" if one.transposed else ""
    return f"{symbol(one.matrix)}{turned} {symbol(one.vector)}"


def _expression(rest: str) -> str:
    written: list[str] = []
    for piece in PIECES.findall(rest):
        if piece in FUNCTIONS:
            written.append(FUNCTIONS[piece])
        elif piece[0].isalpha():
            written.append(symbol(piece))
        elif piece == "*":
            written.append(r"\odot")
        elif piece == "**":
            written.append("^")
        else:
            written.append(piece)
    return " ".join(written).replace(" ^ ", "^")
