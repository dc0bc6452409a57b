"""What a string of a formal language asks a reader to keep: numbers after each of its symbols."""

import numpy as np

from seqexp.data.generated.languages import LANGUAGES

RISES = {  # language -> quantity -> the symbols with which it rises by one, and with which it falls
    "anbn": {"a less b": ("a", "b")},
    "anbncn": {"a less b": ("a", "b"), "b less c": ("b", "c"), "a less c": ("a", "c")},
    "dyck1": {"open brackets": ("(", ")")},
    "dyck2": {"open brackets": ("([", ")]")},
}


def counts(name: str, read: np.ndarray) -> dict[str, np.ndarray]:
    """Quantity -> (T,), its value after each of the symbols read (T,); empty of a language where nothing is counted."""
    symbols = LANGUAGES[name].symbols
    found = {}
    for quantity, (up, down) in RISES.get(name, {}).items():
        change = np.array([(symbol in up) - (symbol in down) for symbol in symbols] + [0])  # the last: no input, -1
        found[quantity] = np.cumsum(change[read])
    if name == "parity":
        found["ones modulo two"] = np.cumsum(read == symbols.index("1")) % 2
    return found
