"""What a config builds, refuses, and resolves."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seqexp import config, models
from seqexp.config import build
from seqexp.config.build import build_network, build_task, count, counted_with
from seqexp.runs.location import Location
from seqexp.runs.run import run
from seqexp.system import blas
from seqexp.system.errors import UserError
from seqexp.tasks import Shape

CHAIN = Shape(inputs=2, tokens=False, outputs=1, answers="last", loss="squared")
RNN = {"name": "rnn", "hidden_size": 4, "embedding_size": 3, "dropout": 0.0}


def checked(*words):
    config.register_resolvers()
    return config.check(config.composed([*words, "task=adding", "tracking=off"]))


def test_a_setting_that_a_model_lacks_is_refused():
    """A network with the gate would be taken for one without."""
    with pytest.raises(UserError, match=r"^model\.freeze_gates: no such key; legal here: name, hidden_size"):
        build_network(RNN | {"freeze_gates": ("f",)}, CHAIN)


def test_a_decoder_takes_the_settings_it_shares_and_of_the_gates_its_own():
    pair = Shape(inputs=5, tokens=True, outputs=5, answers="steps", loss="softmax", source=6)
    lstm = RNN | {"name": "lstm", "forget_bias": 3.0, "freeze_gates": ("f",)}
    assert build_network(lstm | {"decoder": "rnn"}, pair).core == models.create("rnn", input_size=3, hidden_size=4)
    same: Any = build_network(lstm, pair).core
    assert (same.forget_bias, same.freeze_gates) == (3.0, ("f",))


@pytest.mark.parametrize("name", models.names("sequences"))
def test_a_budget_buys_the_largest_network(name):
    settings = checked(f"model={name}", "model.param_budget=1000").settings["model"]
    network = build_network(settings, CHAIN)
    units = network.core.hidden_size
    assert count(network)["counted"] <= 1000 < counted_with(settings, CHAIN, units + 1)


def test_a_budget_builds_no_network_twice(monkeypatch):
    built, make = [], build._network

    def watched(settings, shape, hidden):
        built.append(hidden)
        return make(settings, shape, hidden)

    monkeypatch.setattr(build, "_network", watched)
    build_network(RNN | {"hidden_size": None, "param_budget": 5000}, CHAIN)
    assert len(built) == len(set(built))


def test_threads_auto_asks_the_largest_product(monkeypatch):
    monkeypatch.setattr(blas, "available", lambda: 2)
    found = {}
    for name in ("rnn", "stacked_rnn", "lstm"):
        for units in (64, 80, 128, 160):
            settings = checked(f"model={name}", f"model.hidden_size={units}", "threads=auto").settings
            found[name, units] = settings["threads"]
    assert [found["lstm", units] for units in (64, 80, 128, 160)] == [1, 2, 2, 2]  # 4 gates, 2 H columns, batch 32
    assert [found["rnn", units] for units in (64, 80, 128, 160)] == [1, 1, 1, 2]
    assert [found["stacked_rnn", units] for units in (64, 80, 128, 160)] == [1, 1, 1, 2]
    monkeypatch.setattr(blas, "available", lambda: 1)
    assert checked("model=lstm", "model.hidden_size=512", "threads=auto").settings["threads"] == 1


def test_threads_auto_with_a_budget_asks_the_network_it_buys(tmp_path, monkeypatch):
    monkeypatch.setattr(blas, "available", lambda: 2)
    words = ["task.steps_per_epoch=1", "task.examples=8", "task.length=3", "training.epochs=1", "probes=false"]
    auto = checked("model=lstm", "model.param_budget=300000", "threads=auto", *words)
    assert auto.settings["threads"] == "auto"  # the task says what a unit takes
    done = run(auto, Location(root=tmp_path, in_sweep=True))
    two = checked("model=lstm", "model.param_budget=300000", "threads=2", *words)
    assert done.result.signature == two.signature
    assert config.stored(done.directory / "config.yaml").settings["threads"] == 2
    again = run(auto, Location(root=tmp_path, in_sweep=True))
    assert again.how == "skipped"
    small = checked("model=lstm", "model.param_budget=300", "threads=auto", *words)
    hidden = build_network(small.settings["model"], build_task(small.settings["task"], None).shape).core.hidden_size
    assert small.sized(hidden).settings["threads"] == 1
    one = checked("model=lstm", "model.param_budget=300", "threads=1", *words)
    assert small.sized(hidden).signature == one.signature


DIGITS = Shape(64, False, 10, "last", "softmax", picture=(1, 8, 8))
CAPTION = Shape(9, True, 9, "steps", "softmax", features=64, picture=(1, 8, 8))
FRAMES = Shape(9, True, 9, "steps", "softmax", source=64, source_tokens=False, picture=(1, 8, 8))


@pytest.mark.parametrize(
    "kind, shape, part",
    [
        ("conv", DIGITS, "convolution/W"),
        ("dense", DIGITS, "dense/W"),
        ("conv_sum", CAPTION, "convolution/W"),
        ("dense", CAPTION, "dense/W"),
        ("conv", FRAMES, "encoder/convolution/W"),
    ],
)
def test_pictures_enter_through_the_encoder_that_is_asked_for(kind, shape, part):
    network = build_network(RNN | {"picture_encoder": kind}, shape)
    assert network.init(np.random.default_rng(0))[part].shape[0] == RNN["embedding_size"]


@pytest.mark.parametrize("maps", [(3,), (2, 4, 5, 6, 7)])
def test_a_convolution_has_a_layer_for_each_of_its_numbers_of_maps(maps):
    network = build_network(RNN | {"picture_encoder": "conv_sum", "picture_maps": maps}, CAPTION)
    drawn = network.init(np.random.default_rng(0))
    assert tuple(len(drawn[f"convolution/W.{n}"]) for n in range(1, len(maps) + 1)) == maps
    assert drawn["convolution/W"].shape == (RNN["embedding_size"], maps[-1])


def test_a_picture_encoder_that_is_off_lets_no_picture_in():
    network = build_network(RNN | {"picture_encoder": "off"}, CAPTION)
    assert not [name for name in network.layout.names() if "dense" in name or "convolution" in name]


@pytest.mark.parametrize(
    "changes, shape, message",
    [
        ({"picture_encoder": "off"}, FRAMES, "expected conv, conv_sum or dense, since pictures are all there is"),
        ({"picture_encoder": "conv"}, Shape(2, False, 1, "last", "squared"), "expected dense, since no step reads"),
        ({"embedding_size": 0}, DIGITS, "model.embedding_size: expected at least 1"),
        ({"embedding_size": 0}, CAPTION, "model.embedding_size: expected at least 1"),
    ],
)
def test_a_picture_encoder_that_does_not_fit_is_refused(changes, shape, message):
    with pytest.raises(UserError, match=message):
        build_network(RNN | changes, shape)


def test_dropout_is_in_what_reads_and_in_what_says():
    pair = Shape(inputs=5, tokens=True, outputs=5, answers="steps", loss="softmax", source=6)
    network: Any = build_network(RNN | {"dropout": 0.3}, pair)
    assert (network.encoder.dropout, network.decoder.dropout) == (0.3, 0.3)
    trees = replace(CHAIN, tokens=True, loss="softmax", read="tree")
    network = build_network(RNN | {"name": "tree_lstm", "dropout": 0.3}, trees)
    assert network.dropout == 0.3
