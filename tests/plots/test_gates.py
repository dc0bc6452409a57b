"""Which gate tells how long a unit keeps what it has."""

import pytest

from seqexp.plots.gates import known_constants


@pytest.mark.parametrize("gates, keeping", [("ifo", "f"), ("rz", "z"), ("o", "o")])
def test_it_is_the_forget_gate_a_grus_update_gate_or_the_only_one(gates, keeping):
    found = {"gates": {gate: {"time_constants": [2.0, None] if gate == keeping else [9.0]} for gate in gates}}
    assert known_constants(found) == [2.0]
