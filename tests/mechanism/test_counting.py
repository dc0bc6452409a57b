"""Units that count: found where they are, and told by how much."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data.generated.counts import counts
from seqexp.data.generated.languages import LANGUAGES
from seqexp.mechanism import counted
from seqexp.models import create
from seqexp.networks import Chain


def read(language, text):
    return np.array([LANGUAGES[language].symbols.index(symbol) for symbol in text])


@pytest.mark.parametrize(
    ("language", "text", "quantity", "values"),
    [
        ("dyck1", "S(())()", "open brackets", [0, 1, 2, 1, 0, 1, 0]),
        ("dyck2", "S([])[", "open brackets", [0, 1, 2, 1, 0, 1]),
        ("anbn", "Saabb", "a less b", [0, 1, 2, 1, 0]),
        ("anbncn", "Sabc", "b less c", [0, 0, 1, 0]),
        ("parity", "0110", "ones modulo two", [0, 1, 0, 0]),
    ],
)
def test_what_is_to_be_kept_after_each_symbol(language, text, quantity, values):
    assert counts(language, read(language, text))[quantity].tolist() == values


@pytest.fixture
def brackets(task_settings):
    settings = task_settings("formal") | {
        "language": "dyck1",
        "train_length": 12,
        "test_lengths": [14, 20],
        "examples": 9,
    }
    return tasks.create(**settings)


def test_a_cell_that_adds_half_for_a_bracket_is_found(brackets):
    """Gates that are open, and a candidate of 0.5 for ( and -0.5 for ): c is half the depth, by hand."""
    network = Chain(create("lstm", input_size=4, hidden_size=3), 4, "steps")
    p = network.init(np.random.default_rng(0), np.float64)
    core = p.part("core")
    core["W_t"][1] = [0, 0, 0, 0, np.arctanh(0.5), -np.arctanh(0.5), 0]  # symbols S ( ) T
    core["b_t"][1] = 0
    for gate in ("f", "i"):
        core[f"W_{gate}"][1] = 0
        core[f"b_{gate}"][1] = 40
    found = counted(network, p, brackets)
    assert found is not None
    assert (found["kind"], found["unit"], found["quantity"]) == ("c", 1, "open brackets")
    assert found["correlation"] == pytest.approx(1)
    assert found["a_count"] == pytest.approx(0.5)
    assert max(abs(r) for n, r in enumerate(found["correlations"]) if n != 1) < 1
    np.testing.assert_allclose(found["value"], np.array(found["count"]) / 2, atol=1e-5)
    assert len(found["read"]) == 21


def test_a_plain_network_has_only_h_to_count_with(brackets):
    network = Chain(create("rnn", input_size=4, hidden_size=3), 4, "steps")
    found = counted(network, network.init(np.random.default_rng(0), np.float64), brackets)
    assert found is not None
    assert found["kind"] == "h"


def test_where_nothing_is_counted_nothing_is_found(task_settings):
    task = tasks.create(**task_settings("formal") | {"language": "reber", "examples": 5})
    network = Chain(create("rnn", input_size=7, hidden_size=3), 7, "steps")
    assert counted(network, network.init(np.random.default_rng(0)), task) is None
