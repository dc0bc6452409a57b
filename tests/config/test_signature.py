"""What decides a result changes the signature, and nothing else does: every key of every group, by walking the schema.

A key that is new at the top level fails here until DECIDES or INERT says which it is.
"""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import yaml
from omegaconf import OmegaConf
from pydantic import TypeAdapter, ValidationError

from seqexp import config, models, tasks
from seqexp.config import schema
from seqexp.config.run_config import decides
from seqexp.runs import reader
from seqexp.training import optimizers
from tests.fabricated import run_result

DECIDES = {"seed", "data_seed", "dtype", "threads", "backend", "test"}
INERT = {"data_dir", "resume", "retry_failed", "probes", "figures", "predictions", "plugins", "cache"}
INERT_IN_GROUPS = {"training.checkpoint_every", "task.margin"}  # and all of tracking
CANDIDATES: list[Any] = [[50], None, True, False, 2, 3, 1, 12, 0.25, 0.75, 2.5, *models.names(), ["f"], ["z"], ["i"]]
CANDIDATES += [{"mse": 0.5}, "compiled"]


def conf(path) -> dict[str, Any]:
    return dict(yaml.safe_load((config.conf_directory() / f"{path}.yaml").read_text()))


def settings(model="lstm", task="adding", optimizer="adam") -> dict[str, Any]:
    """A config as Hydra would compose it, without Hydra."""
    top = {key: value for key, value in conf("config").items() if key not in ("defaults", "hydra")}
    of_task = OmegaConf.create(conf(f"task/{task}"))
    config.register_resolvers()
    own = OmegaConf.to_container(of_task.task, resolve=True)  # one value may follow another
    groups = {"model": conf(f"model/{model}") | {"hidden_size": 8}, "task": own}
    groups |= {"optimizer": conf(f"optimizer/{optimizer}"), "training": conf("training/default")}
    return top | {"data_dir": None} | groups | {"tracking": conf("tracking/mlflow")}


def signature(config_of: dict[str, Any]) -> str:
    return config.checked(config_of).signature


def another(kind: Any, value: Any) -> Any:
    """A legal value that is not this one."""
    adapter = TypeAdapter(kind)
    for candidate in [*literals(kind), *CANDIDATES]:
        try:
            legal = adapter.validate_python(candidate)
        except ValidationError:
            continue
        if isinstance(candidate, bool) and not isinstance(legal, bool):
            continue  # true is no number
        if legal != adapter.validate_python(value):
            return candidate
    raise AssertionError(f"no other value of {kind} among CANDIDATES")


def literals(kind: Any) -> Iterator[Any]:
    for part in get_args(kind):
        if isinstance(part, str):
            yield part
        else:
            yield from literals(part)


def changed(base: dict[str, Any], group: str, key: str, kind: Any, default: Any) -> dict[str, Any]:
    unnamed = None if default is schema.NO_DEFAULT else default
    other = {key: another(kind, base[group].get(key, unnamed))}
    if key == "param_budget":
        other["hidden_size"] = None
    elif key == "hidden_size":
        other[key] = base[group][key] + 1
    return base | {group: base[group] | other}


def walk(group: str, base: dict[str, Any]) -> None:
    before = signature(base)
    legal = schema.group_fields(group, base[group])
    assert set(base[group]) <= set(legal)
    for key, (kind, default) in legal.items():
        if key == "name":
            continue
        path = f"{group}.{key}"
        wanted = group != "tracking" and path not in INERT_IN_GROUPS
        assert (signature(changed(base, group, key, kind, default)) != before) == wanted, path
        assert decides(path) == wanted, f"{path}: the reader of runs disagrees"


@pytest.mark.parametrize("name", models.names())
def test_every_key_of_a_model(name):
    walk("model", settings(model=name))


@pytest.mark.parametrize("name", tasks.names())
def test_every_key_of_a_task(name):
    walk("task", settings(task=name))


@pytest.mark.parametrize("name", optimizers.names())
def test_every_key_of_an_optimizer(name):
    walk("optimizer", settings(optimizer=name))


@pytest.mark.parametrize("group", ["training", "tracking"])
def test_every_key_of_the_other_groups(group):
    walk(group, settings())


def test_every_key_of_the_top_level():
    base = settings()
    before = signature(base)
    for key, (kind, _) in schema.TOP.items():
        assert key in DECIDES | INERT, f"{key}: say here whether it decides the result"
        other = another(kind, base.get(key)) if key != "threads" else 2
        assert (signature(base | {key: other}) != before) == (key in DECIDES), key
    assert all(map(decides, DECIDES - {"test"}))
    assert not any(map(decides, ["test", *INERT]))


def test_every_model_task_and_optimizer_has_a_signature_of_its_own():
    every = [settings(model=name) for name in models.names()]
    every += [settings(task=name) for name in tasks.names() if name != "adding"]
    every += [settings(optimizer=name) for name in optimizers.names() if name != "adam"]
    assert len({signature(one) for one in every}) == len(every)


def test_a_number_is_the_same_however_it_is_written_and_whatever_the_order():
    base = settings()
    base["optimizer"]["learning_rate"], base["training"]["clip_norm"], base["training"]["max_seconds"] = 1, 2, 60
    floats = json.loads(json.dumps(base))
    floats["optimizer"]["learning_rate"], floats["training"]["clip_norm"] = 1.0, 2.0
    floats["training"]["max_seconds"] = 60.0
    backwards = {key: floats[key] for key in reversed(floats)}
    backwards["model"] = {key: floats["model"][key] for key in reversed(floats["model"])}
    assert signature(base) == signature(floats) == signature(backwards)


def test_what_decides_is_listed_by_key():
    checked = config.checked(settings())
    listed = checked.deciding()
    assert listed["dtype"] == "float32"
    assert listed["threads"] == 1
    assert listed["model.hidden_size"] == 8
    assert not set(listed) & (INERT | INERT_IN_GROUPS | {"test"})
    assert config.checked(settings() | {"test": False}).deciding() == listed | {"test": False}


# -- equality, where runs are chosen by a filter

VALUES = [True, False, None, 0, 1, 2, "1", "true", "", [], [1], {"a": 1}]


@pytest.mark.parametrize("stored", VALUES, ids=repr)
def test_true_is_not_one(stored):
    for wanted in VALUES:
        assert reader.same(stored, wanted) == (stored is wanted or repr(stored) == repr(wanted)), wanted


def test_one_is_one_however_it_is_written():
    assert reader.same(1, 1.0)
    assert reader.same(0.003, 3e-3)
    assert not reader.same(0.1, 0.1 + 1e-16 * 2)
    assert not reader.same(float("nan"), float("nan"))


@pytest.mark.parametrize(
    "filters, chosen",
    [
        ({"task.reverse": True}, True),
        ({"task.reverse": 1}, False),
        ({"task.size": 1}, True),
        ({"task.size": 1.0}, True),
        ({"task.size": True}, False),
        ({"task.size": "1"}, False),
        ({"task.size": 1, "task.reverse": False}, False),
        ({"task.lacks": None}, True),
        ({"task.lacks": 3}, False),
        ({"model.lacks": 3}, True),  # of another model
        ({"model.gates": 3}, False),
    ],
)
def test_a_filter_chooses_by_value_and_type(filters, chosen):
    run = reader.Run(run_result(), None, {"task.reverse": True, "task.size": 1, "model.gates": 2})
    assert reader.matches(run, filters) is chosen
