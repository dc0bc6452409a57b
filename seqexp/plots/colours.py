"""One colour and one marker for each model, the same in every figure, whichever models stand beside it.

Colours are Okabe and Ito's (2008) for the plain models, Tol's (2021, "muted") and darker ones for their variants:
colour-blind people tell them apart, and no figure depends on colour alone.
"""

from collections.abc import Iterable
from zlib import crc32

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#555555"
Style = tuple[str, str]  # colour and marker

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
MODELS: dict[str, Style] = {
    "rnn": (ORANGE, "o"),
    "rnn_bidirectional": ("#9A6A00", "o"),
    "stacked_rnn": (RED, "s"),
    "gru": (GREEN, "^"),
    "gru_bidirectional": ("#00614A", "^"),
    "lstm": (BLUE, "D"),
    "lstm_bidirectional": ("#003D60", "D"),
    "lstm_peephole": ("#56B4E9", "P"),
    "lstm_cifg": ("#CC79A7", "v"),
    "lstm_fgr": ("#882255", "X"),
    "lstm_nfg": ("#332288", "<"),
    "lstm_nig": ("#44AA99", ">"),
    "lstm_nog": ("#117733", "s"),
    "lstm_niaf": ("#999933", "o"),
    "lstm_noaf": ("#AA4499", "^"),
    "recursive": ("#8C564B", "s"),
    "tree_lstm": ("#5B3A8E", "D"),
}
OTHERS = ("#CC6677", "#6A7F10", "#7A4FBF", "#B0413E", "#1F9EAF", "#7F7F00", "#A0522D", "#4C72B0")  # plug-ins' models


def style(model: str) -> Style:
    """Colour and marker of a model; of one that is not in the table they follow from its name."""
    number = crc32(model.encode())
    return MODELS.get(model) or (OTHERS[number % len(OTHERS)], MARKERS[number // len(OTHERS) % len(MARKERS)])


def styles(models: Iterable[str]) -> dict[str, Style]:
    """Of each model; where two would look alike, the second in the alphabet has another marker."""
    found: dict[str, Style] = {}
    for model in sorted(set(models)):
        colour, marker = style(model)
        free = [one for one in (marker, *MARKERS) if (colour, one) not in found.values()]
        found[model] = colour, (free or [marker])[0]
    return found
