"""Configs checked against the typed fields of what they configure: strictly, with one line an error."""

import inspect
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Ge, Le, Lt, MinLen
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from seqexp import models, tasks
from seqexp.config.command_line import for_shell, word
from seqexp.networks.convolution import MAPS
from seqexp.system import plugins
from seqexp.system.errors import UserError, unknown_key
from seqexp.system.registry import ADDED, fields
from seqexp.tracking.mlflow_store import TrackingSettings
from seqexp.training import optimizers
from seqexp.training.checkpoints import Schedule
from seqexp.training.trainer import Training

Fields = dict[str, tuple[Any, Any]]  # name -> (type, default), inspect.Parameter.empty for none
NO_DEFAULT = inspect.Parameter.empty

NETWORK: Fields = {  # what every model's group has besides the constructor's own fields
    "name": (str, NO_DEFAULT),
    "hidden_size": (Annotated[int, Ge(1)] | None, None),
    "param_budget": (Annotated[int, Ge(1)] | None, None),
    "embedding_size": (Annotated[int, Ge(0)], NO_DEFAULT),
    "dropout": (Annotated[float, Ge(0), Lt(1)], NO_DEFAULT),
    "decoder": (str | None, None),
}
PICTURES: Fields = {  # stands in the yaml of a task that has some
    "picture_encoder": (Annotated[Literal["conv", "conv_sum", "dense", "off"], ADDED], "dense"),
    "picture_maps": (Annotated[tuple[Annotated[int, Ge(1), Le(1024)], ...], MinLen(1), ADDED], MAPS),
}
TOP: Fields = {
    "seed": (Annotated[int, Ge(0)], NO_DEFAULT),
    "data_seed": (Annotated[Annotated[int, Ge(0)] | None, ADDED], None),
    "dtype": (Literal["float32", "float64"], NO_DEFAULT),
    "threads": (Annotated[int, Ge(1)] | Literal["auto"], NO_DEFAULT),
    "backend": (Annotated[models.Backend, ADDED], "numpy"),
    "plugins": (list[str], []),  # modules
    "data_dir": (str | None, None),
    "test": (bool, True),
    "resume": (str | None, None),  # auto, never, or a run's directory; None: auto in a sweep, else never
    "retry_failed": (bool, True),
    "cache": (bool, True),  # whether what many runs would work out anew is kept below runs/
    "probes": (bool | Literal["auto"], "auto"),
    "figures": (Literal["auto", "all", "none"], "auto"),  # auto: of a single run
    "predictions": (Annotated[bool, ADDED], False),
}
MARGIN: Fields = {"margin": (dict[str, Annotated[float, Ge(0)]], {})}  # of a task: metric -> units of it
NO_RUNS = {"task": "space"}  # of a group's yaml, what no run has: what a comparison searches on the task
GROUPS = ("model", "task", "optimizer", "training", "tracking")


def check(config: Mapping[str, Any], own_task: bool = False) -> dict[str, Any]:
    """The config with every value converted to its field's type. UserError names the key and what is legal.

    own_task: the task may be one that nobody knows by name, as in a stored config of a run of an object of one's own.
    """
    absent = added(TOP)
    top = check_group("", {key: config[key] for key in TOP if key in config}, TOP)
    checked = {key: value for key, value in top.items() if key not in absent or value != absent[key]}
    for group in GROUPS:
        given = config.get(group, {})
        if group == "task" and own_task and isinstance(given, Mapping) and _is_unknown(given):
            checked[group] = dict(given)
            continue
        if isinstance(given, Mapping):
            given = {key: value for key, value in given.items() if key != NO_RUNS.get(group)}
        legal = group_fields(group, given)
        checked[group] = without_absent(group, check_group(group, given, legal), legal)
    check_together(checked)
    return checked


def _is_unknown(task: Mapping[str, Any]) -> bool:
    name = task.get("name")
    return isinstance(name, str) and name not in tasks.names()


def owners(checked: Mapping[str, Any]) -> list[str]:
    """The plug-ins that the run's model, decoder, task and optimizer come from."""
    model, decoder = checked["model"]["name"], checked["model"].get("decoder")
    classes = [models.lookup(models.model_of(name)) for name in (model, decoder) if name is not None]
    classes += [] if _is_unknown(checked["task"]) else [tasks.lookup(checked["task"]["name"])]
    classes.append(optimizers.lookup(checked["optimizer"]["name"]))
    return [name for name in map(plugins.owner, classes) if name is not None]


def without_absent(group: str, settings: dict[str, Any], legal: Fields) -> dict[str, Any]:
    """The settings of a group without those keys that stand at the default of their class, where that is None or the
    field is marked ``ADDED``.

    So a class can get a new key, and no config.yaml, signature or comparison of runs that do without it changes: the
    default is as if the key had not been named.
    """
    absent = added(legal)
    if group in ("task", "model", "optimizer", "training"):
        absent |= {key: None for key, (_, default) in legal.items() if default is None and key not in NETWORK}
    return {key: value for key, value in settings.items() if key not in absent or value != absent[key]}


def added(legal: Fields) -> dict[str, Any]:
    """The fields that are marked ``ADDED``, with their defaults."""
    return {key: default for key, (kind, default) in legal.items() if ADDED in getattr(kind, "__metadata__", ())}


def group_fields(group: str, config: Mapping[str, Any]) -> Fields:
    """The legal fields of a config group, given which model, task or optimizer it names."""
    if group == "training":
        return fields(Training)
    if group == "tracking":
        return fields(TrackingSettings)
    if not isinstance(config, Mapping):
        raise UserError(f"{group}: expected a group of keys; got {config!r:.200}")
    name = config.get("name")
    if not isinstance(name, str):
        raise UserError(f"{group}.name: expected the name of a {group}; got {name!r}")
    named = {"name": (str, NO_DEFAULT)}
    if group == "model":
        return NETWORK | PICTURES | models.arrangement_fields(name) | models.own_fields(name)
    if group == "task":
        return named | fields(tasks.lookup(name), without=("data_dir",)) | MARGIN
    return named | fields(optimizers.lookup(name))


def check_group(group: str, config: Any, legal: Fields) -> dict[str, Any]:
    """One group against its fields."""
    if not isinstance(config, Mapping):
        raise UserError(f"{group}: expected a group of keys; got {config!r}; try one of {', '.join(legal)}")
    for key in config:
        if key not in legal:
            raise UserError(unknown_key(group, key, list(legal)))
    prefix = f"{group}." if group else ""
    types = tuple((key, kind, default is NO_DEFAULT) for key, (kind, default) in legal.items())
    try:
        checked = dict(_adapter_of(types).validate_python(dict(config)))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        key = str(problems[0]["loc"][0])
        said = [_expected(problem["msg"]) for problem in problems if problem["loc"][0] == key]
        given = "nothing" if problems[0]["type"] == "missing" else repr(config.get(key))
        line = f"{prefix}{key}: expected {' or '.join(dict.fromkeys(said))}; got {given}"
        if problems[0]["type"] == "string_type" and isinstance(config.get(key), int | float):
            line += f"; if it is text, type {for_shell(word(prefix + key, str(config[key])))}"
        raise UserError(line) from None
    for key, value in checked.items():
        if isinstance(config[key], bool) and not isinstance(value, bool):  # which pydantic takes for 0 or 1
            raise UserError(f"{prefix}{key}: expected a number; got {str(config[key]).lower()}")
    return checked


def _adapter_of(types: tuple[tuple[str, Any, bool], ...]) -> TypeAdapter[Any]:
    try:
        return _adapter(types)
    except TypeError:  # a plug-in's type may hold something that has no hash, such as pydantic's Field
        return _adapter.__wrapped__(types)


@lru_cache(maxsize=256)  # each job of a sweep asks for the same
def _adapter(types: tuple[tuple[str, Any, bool], ...]) -> TypeAdapter[Any]:
    """pydantic's check of keys, each with its type and whether it is required."""
    kinds = {key: kind if required else NotRequired[kind] for key, kind, required in types}
    schema = TypedDict("schema", kinds)  # type: ignore[misc]
    schema.__pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)  # type: ignore[attr-defined]
    return TypeAdapter(schema)


def check_together(checked: Mapping[str, Any]) -> None:
    """Rules that involve several fields."""
    Schedule(checked["training"].get("checkpoint_every"))
    model = checked["model"]
    hidden, budget = model.get("hidden_size"), model.get("param_budget")
    if (hidden is None) == (budget is None):
        raise UserError(
            "model: expected one of hidden_size and param_budget; "
            f"got hidden_size={hidden} and param_budget={budget}; leave one out, or set it to null"
        )
    name = checked["tracking"]["experiment_name"]
    if checked["tracking"]["name"] != "off" and not name.strip():
        raise UserError(f"tracking.experiment_name: expected a name; got {name!r}; leave it out for the usual one")
    if (decoder := model.get("decoder")) is not None and decoder not in (legal := models.names("sequences")):
        raise UserError(f"model.decoder: expected one of {', '.join(legal)}, or null; got {decoder!r}")


def _expected(message: str) -> str:
    """pydantic's "Input should be a valid integer, unable to …" as the end of "expected …"."""
    text = message.removeprefix("Input should be ").removeprefix("Input should ").rstrip(".")
    if text == "Field required":
        return "a value"
    return f"a number {text}" if text.startswith(("greater", "less")) else text
