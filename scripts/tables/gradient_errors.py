"""How far each hand-written derivative is from the complex step: by cell, variant, layers and directions.

``python -m scripts.tables.gradient_errors`` prints the table of docs/models.md and exits with 1 if an error is above
1e-12. Each figure is the worst over tokens and features, full, ragged and shorter batches, and one step of one column
or four of four.
"""

import sys
from itertools import product
from typing import Any

from seqexp.testing.gradients import LENGTHS, gradient_error

BOUND = 1e-12
PEEPHOLES = {"peepholes": True}
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn, tanh": ("rnn", {}),
    "rnn, relu": ("rnn", {"activation": "relu"}),
    "rnn, sigmoid": ("rnn", {"activation": "sigmoid"}),
    "gru, reset before": ("gru", {}),
    "gru, reset after": ("gru", {"reset": "after"}),
    "gru, z frozen": ("gru", {"freeze_gates": ("z",)}),
    "gru, r frozen": ("gru", {"freeze_gates": ("r",)}),
    "lstm": ("lstm", {}),
    "lstm, f and o frozen": ("lstm", {"freeze_gates": ("f", "o")}),
    "peepholes (V)": ("lstm", PEEPHOLES),
    "no input gate (NIG)": ("lstm", PEEPHOLES | {"freeze_gates": ("i",)}),
    "no forget gate (NFG)": ("lstm", PEEPHOLES | {"freeze_gates": ("f",)}),
    "no output gate (NOG)": ("lstm", PEEPHOLES | {"freeze_gates": ("o",)}),
    "no input activation (NIAF)": ("lstm", PEEPHOLES | {"candidate_activation": "identity"}),
    "no output activation (NOAF)": ("lstm", PEEPHOLES | {"output_activation": "identity"}),
    "coupled gates (CIFG)": ("lstm", PEEPHOLES | {"coupled": True}),
    "full gate recurrence (FGR)": ("lstm", PEEPHOLES | {"gate_recurrence": True}),
    "all switches": ("lstm", PEEPHOLES | {"coupled": True, "gate_recurrence": True, "output_activation": "identity"}),
}
ARRANGEMENTS: dict[str, dict[str, Any]] = {
    "one layer": {},
    "two layers": {"num_layers": 2},
    "two directions": {"bidirectional": True},
    "two layers and directions": {"num_layers": 2, "bidirectional": True},
    "four layers, skip": {"num_layers": 4, "skip": True},
    "learned state": {"initial_state": "learned"},
}


def worst(name: str, settings: dict[str, Any]) -> float:
    cases = product(((1, 1), (4, 4)), LENGTHS.values(), (False, True))
    given = settings.get("initial_state") != "learned"  # else the first state's own derivative would not be asked for
    return max(gradient_error(name, settings, T, B, lengths, tokens, given) for (T, B), lengths, tokens in cases)


def main() -> None:
    print("| cell | " + " | ".join(ARRANGEMENTS) + " |\n|---|" + "---:|" * len(ARRANGEMENTS), flush=True)
    every = []
    for label, (name, settings) in CELLS.items():
        errors = [worst(name, settings | more) for more in ARRANGEMENTS.values()]
        print(f"| {label} | " + " | ".join(f"{error:.1e}" for error in errors) + " |", flush=True)
        every += errors
    stacked = [worst("stacked_rnn", {"num_layers": layers}) for layers in (1, 2, 4)]
    print("| stacked_rnn (of 1, 2 and 4 layers) | " + " | ".join(f"{error:.1e}" for error in stacked) + " | | | |")
    if max(every + stacked) > BOUND:
        sys.exit(f"expected at most {BOUND}")


if __name__ == "__main__":
    main()
