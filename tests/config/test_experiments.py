"""Experiments over cells: what they sweep, and that every model of theirs can be built for its task."""

import pytest

from seqexp import config, tasks
from seqexp.config.build import build_network, count
from seqexp.tasks import Shape

ONE_WAY = ["rnn", "stacked_rnn", "gru", "lstm"]
BOTH = [f"{name}_bidirectional" for name in ("rnn", "gru", "lstm")]
CELLS = {  # task -> what is asked of a network for it
    "adding": Shape(inputs=2, tokens=False, outputs=1, answers="last", loss="squared"),
    "sentiment": Shape(inputs=100, tokens=True, outputs=2, answers="last", loss="softmax"),
    "tagging": Shape(inputs=100, tokens=True, outputs=9, answers="steps", loss="softmax", causal=False),
    "caption": Shape(inputs=30, tokens=True, outputs=30, answers="steps", loss="softmax", features=64),
    "char_lm": Shape(inputs=100, tokens=True, outputs=100, answers="steps", loss="softmax"),
    "translate": Shape(inputs=60, tokens=True, outputs=60, answers="steps", loss="softmax", source=60),
}


def swept(compose, *words):
    return dict(compose("config", [*words], return_hydra_config=True).hydra.sweeper.params)


@pytest.fixture(scope="module")
def compose():
    from hydra import compose, initialize_config_dir

    config.register_resolvers()
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
        yield compose


@pytest.mark.parametrize("task", CELLS)
def test_cells_sweeps_every_cell_and_both_directions_where_a_task_allows_it(task, compose):
    assert task in tasks.names()
    params = swept(compose, "experiment=cells", f"task={task}")
    both = BOTH if CELLS[task].answers == "last" or CELLS[task].source or not CELLS[task].causal else []
    assert params == {"model": ",".join([*ONE_WAY, *both]), "seed": "0,1,2,3,4"}
    for model in params["model"].split(","):
        settings = config.check(compose("config", ["experiment=cells", f"task={task}", f"model={model}"])).settings
        budget = settings["model"]["param_budget"]
        assert 0.8 * budget < count(build_network(settings["model"], CELLS[task]))["counted"] <= budget


def test_direction_sweeps_each_cell_in_one_direction_and_in_two(compose):
    params = swept(compose, "experiment=direction")
    assert params == {"model": "rnn,rnn_bidirectional,gru,gru_bidirectional,lstm,lstm_bidirectional", "seed": "0,1,2"}
    settings = config.check(compose("config", ["experiment=direction", "model=gru_bidirectional"])).settings
    assert settings["task"]["name"] == "right_context"
