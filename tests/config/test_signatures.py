"""A signature is a run's name for good: a new optional setting changes none of those that runs already have."""

from dataclasses import dataclass

import pytest

from seqexp import config
from seqexp.config import schema
from seqexp.system.registry import fields

# As they were before tasks had optional keys. A change here makes everybody's finished runs unfindable. That of
# sentiment was changed once, when its training came to stop once it has learned.
TASKS = {
    "adding": "ebd7ace0db10",
    "caption": "7f0e42734e59",
    "char_lm": "b2e8dce81cd7",
    "copy": "4c6a88fb4baf",
    "digits": "514438c79579",
    "hello": "2cedf17f73be",
    "melody": "132200a073e2",
    "name_origin": "4bce9b298ccf",
    "names": "623d3604afd9",
    "offensive": "a0f1c0af98ad",
    "polyphony": "1d4ce433db01",
    "sentiment": "9f3821f4d51e",
    "tagging": "eb4af22f13c1",
    "temporal_order": "6f3ce0a8d856",
    "translate": "a28244e7c8f1",
    "word_lm": "7a216c010923",
}
EXPERIMENTS = {
    "atis": "770e5f8bbc93",
    "jsb_chorales": "b0546558b67f",
    "nottingham": "9588e6207d93",
    "quick": "41444975e742",
    "rt_polarity": "931d56ac41bf",
    "tatoeba": "c045a0294143",
    "tinyshakespeare": "d8d1432e2130",
}


def composed(*words):
    config.register_resolvers()
    return config.check(config.composed(words))


@pytest.mark.parametrize("word, signature", [*TASKS.items(), *EXPERIMENTS.items()])
def test_default_configs_keep_their_signatures(word, signature):
    group = "task" if word in TASKS else "experiment"
    assert composed("model=lstm", f"{group}={word}").signature == signature


def test_training_that_stops_when_the_task_is_solved_is_another_run():
    """sentiment does by default, of its generated source; without, it is what it was."""
    before = composed("model=lstm", "task=sentiment", "training.stop_when_solved=false")
    assert before.signature == "7032e12703d8"
    own = composed("model=lstm", "task=sentiment", "task.source=rt-polarity")
    assert "stop_when_solved" not in own.settings["training"]


def test_an_optional_key_that_is_null_is_as_if_it_had_not_been_named():
    @dataclass(kw_only=True)
    class Thing:
        size: int
        needed: int | None
        extra: str | None = None

    legal = fields(Thing)
    assert schema.without_absent("task", {"size": 1, "needed": None, "extra": None}, legal) == {
        "size": 1,
        "needed": None,  # it has no default, so it was always there
    }
    assert schema.without_absent("task", {"size": 1, "extra": "x"}, legal) == {"size": 1, "extra": "x"}
    # hidden_size and param_budget are one setting in two keys, both of which the config always has.
    model = {"hidden_size": 4, "param_budget": None, "decoder": None}
    assert schema.without_absent("model", model, schema.NETWORK) == model


@pytest.mark.parametrize(
    "source, patience", [("generated", None), ("rt-polarity", None), ("my.csv", 5), ("reviews", 5)]
)
def test_texts_of_ones_own_stop_when_validation_has_not_improved(source, patience):
    settings = composed("task=sentiment", f"task.source={source}").settings
    assert settings["training"]["patience"] == patience
    assert (
        composed("task=sentiment", f"task.source={source}", "training.patience=9").settings["training"]["patience"] == 9
    )
