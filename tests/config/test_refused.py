"""What a config may not say, and the one line that says so: where, what was expected, what was given, what to try."""

from copy import deepcopy
from typing import Annotated

import pytest
import yaml
from pydantic import Field

from seqexp import config, models, tasks
from seqexp.config import schema
from seqexp.config.compose import meant
from seqexp.system import plugins
from seqexp.system.errors import UserError


@pytest.fixture(scope="module")
def composed():
    config.register_resolvers()
    words = ["task=hello", "model=rnn", "tracking=off"]
    return config.check(config.composed(words)).settings


@pytest.fixture
def settings(composed):
    """A run's whole settings, a copy that may be changed."""
    return deepcopy(composed)


def refused(settings):
    with pytest.raises(UserError) as refusal:
        config.checked(settings)
    return str(refusal.value)


@pytest.mark.parametrize(
    "group, key, value, line",
    [
        ("training", "epochs", 0, "expected a number greater than or equal to 1; got 0"),
        ("model", "dropout", 1, "expected a number less than 1; got 1"),
        ("", "threads", 0, "expected a number greater than or equal to 1 or 'auto'; got 0"),
        ("optimizer", "learning_rate", float("nan"), "expected a finite number; got nan"),
        ("", "dtype", "float16", "expected 'float32' or 'float64'; got 'float16'"),
        ("", "seed", [1], "expected a valid integer; got [1]"),
        ("model", "hidden_size", True, "expected a number; got true"),
        ("optimizer", "weight_decay", False, "expected a number; got false"),
        ("task", "word", 2024, "expected a valid string; got 2024; if it is text, type \"task.word='2024'\""),
        ("", "resume", 3, "expected a valid string; got 3; if it is text, type \"resume='3'\""),
        ("task", "word", ["h"], "expected a valid string; got ['h']"),
        ("", "plugins", 3, "expected a valid list; got 3"),
        ("task", "margin", {"x": -1}, "expected a number greater than or equal to 0; got {'x': -1}"),
        ("model", "name", None, "expected the name of a model; got None"),
        ("model", "name", "qrnn", f"expected one of {', '.join(models.names())}; got 'qrnn'; did you mean rnn?"),
        ("model", "decoder", "qrnn", f"expected one of {', '.join(models.names('sequences'))}, or null; got 'qrnn'"),
        ("training", "checkpoint_every", "5x", "expected steps, such as 500, seconds, such as 30s, or null; got '5x'"),
    ],
)
def test_a_value_that_cannot_be_is_one_line(settings, group, key, value, line):
    (settings[group] if group else settings)[key] = value
    assert refused(settings) == f"{group}.{key}: {line}".removeprefix(".")


@pytest.mark.parametrize(
    "word, line",
    [
        ("model=nosuch", f"model: expected one of {', '.join(sorted(config.conf_files('model')))}; got 'nosuch'"),
        ("optimizer=adm", "optimizer: expected one of adam, momentum, rmsprop, sgd; got 'adm'; did you mean adam?"),
        ("task.margin={x:1}", "task.margin: expected keys that it has; another is added by +task.margin.<key>=<value>"),
    ],
)
def test_what_hydra_refuses_is_one_line_too(word, line):
    with pytest.raises(UserError) as refusal:
        config.composed([word])
    assert str(refusal.value) == line


def test_a_choice_of_a_group_without_any_is_one_line_too():
    assert config.one_line(ValueError("In 'config': Could not find 'own/thing'\n")) == "own: no such choice 'thing'"


@pytest.mark.parametrize(
    "given, keys",
    [
        ("lr", ["optimizer.learning_rate"]),  # its initials,
        ("s", []),  # which a key of one word has not
        ("units", ["model.hidden_size"]),
        ("training.step", ["training.epochs", "task.steps_per_epoch"]),  # the group that was named comes first
        ("task.step", ["task.steps_per_epoch", "training.epochs"]),
        ("seed", ["seed"]),
    ],
)
def test_the_keys_that_a_mistaken_one_may_stand_for(given, keys):
    assert meant(given, ["task=adding"])[:2] == keys


@pytest.mark.parametrize("name", ["", " "])
def test_a_run_that_is_tracked_has_a_named_experiment(settings, name):
    settings["tracking"]["experiment_name"] = name
    assert config.checked(settings).settings["tracking"]["name"] == "off"
    settings["tracking"]["name"] = "mlflow"
    expected = f"tracking.experiment_name: expected a name; got {name!r}; leave it out for the usual one"
    assert refused(settings) == expected


@pytest.mark.parametrize(
    "group, key",
    [("", "seed"), ("model", "dropout"), ("task", "word"), ("optimizer", "learning_rate"), ("training", "epochs")],
)
def test_a_key_that_is_missing_is_named(settings, group, key):
    del (settings[group] if group else settings)[key]
    assert refused(settings) == f"{group}.{key}: expected a value; got nothing".removeprefix(".")


def test_a_group_that_is_none_is_refused(settings):
    settings["training"] = 3
    assert refused(settings).startswith("training: expected a group of keys; got 3; try one of epochs, batch_size")


@pytest.mark.parametrize("name", tasks.names())
def test_the_folder_of_the_data_is_no_key_of_a_task(name):
    """It is one for all, at the top level, since it decides no result."""
    assert "data_dir" not in schema.group_fields("task", {"name": name})


@pytest.mark.parametrize("path", ["model", "task.margin", "plugins.deep.down"])
def test_a_config_never_names_code_to_run(settings, path):
    *parents, last = path.split(".")
    group = settings
    for name in parents:
        group[name] = group = group.get(name) or {}
    group[last] = {"_target_": "os.system"}
    assert refused(settings).startswith(f"{path}: _target_ is not allowed, since it would run any code that it names")


# -- what a stored config lacks


@pytest.mark.parametrize(
    "named, ends",
    [
        (["theirs", "seqexp", "no name"], "that a stored config never loads by itself: add plugins=[theirs,seqexp]"),
        ([], "got 'qrnn'; did you mean rnn?"),
    ],
)
def test_a_stored_config_names_the_plug_ins_it_lacks(settings, tmp_path, named, ends):
    path = tmp_path / "config.yaml"
    settings["plugins"], settings["model"]["name"] = named, "qrnn"
    path.write_text(yaml.safe_dump(settings))
    with pytest.raises(UserError) as refusal:
        config.stored(path)
    assert str(refusal.value).startswith(f"{path}: model.name: expected one of ")
    assert str(refusal.value).endswith(ends)


def test_a_plug_in_that_is_loaded_is_not_lacking(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "loaded", lambda: ["theirs"])
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings | {"plugins": ["theirs"], "seed": -1}))
    with pytest.raises(UserError, match=r"got -1$"):
        config.stored(path)


# -- what may be left out


def test_a_config_from_before_test_could_be_false_is_a_run_that_was_tested(settings):
    before = {key: value for key, value in settings.items() if key != "test"}
    assert config.checked(before).signature == config.checked(settings).signature
    assert not config.checked(before).is_trial
    assert config.checked(settings | {"test": False}).is_trial


@pytest.mark.parametrize("group", ["task", "model", "optimizer", "training"])
def test_an_optional_key_of_any_group_that_decides_is_left_out_where_it_is_null(group):
    legal: schema.Fields = {"size": (int, schema.NO_DEFAULT), "extra": (str | None, None)}
    assert schema.without_absent(group, {"size": 1, "extra": None}, legal) == {"size": 1}
    assert schema.without_absent("tracking", {"size": 1, "extra": None}, legal) == {"size": 1, "extra": None}


def test_a_plug_ins_type_may_hold_what_has_no_hash():
    legal = {"size": (Annotated[int, Field(gt=0)], schema.NO_DEFAULT)}
    assert schema.check_group("model", {"size": 3}, legal) == {"size": 3}
    with pytest.raises(UserError, match=r"^model.size: expected a number greater than 0; got 0$"):
        schema.check_group("model", {"size": 0}, legal)
