"""From checked settings to the objects of a run: the task, the network that fits it, the optimizer."""

import inspect
from collections.abc import Mapping
from typing import Any

from seqexp import models, optim, tasks
from seqexp.errors import UserError
from seqexp.networks import Chain, Embedding
from seqexp.registry import fields
from seqexp.tasks import Shape, Task

Settings = Mapping[str, Any]


def build_task(settings: Settings, data_dir: str | None) -> Task:
    """The task of a config group, its data read. UserError where they cannot be."""
    own = {key: value for key, value in settings.items() if key != "name"}
    takes_data = "data_dir" in inspect.signature(tasks.lookup(settings["name"])).parameters
    return tasks.create(settings["name"], **own, **({"data_dir": data_dir} if takes_data else {}))


def build_network(settings: Settings, shape: Shape) -> Chain:
    """The chain that fits the task, its hidden size as given or as ``param_budget`` allows."""
    hidden = settings.get("hidden_size")
    if hidden is None:
        hidden = hidden_size_for(settings, shape, settings["param_budget"])
    return _chain(settings, shape, hidden)


def build_optimizer(settings: Settings) -> optim.Optimizer:
    return optim.create(settings["name"], **{key: value for key, value in settings.items() if key != "name"})


def count(network: Chain) -> dict[str, int]:
    """{"counted": what a budget counts, "embedding": the embedding table}: numbers that training sets."""
    embedding = network.embedding.layout.size if network.embedding else 0
    return {"counted": network.layout.size - embedding, "embedding": embedding}


def hidden_size_for(settings: Settings, shape: Shape, budget: int) -> int:
    """The largest hidden size whose network has at most ``budget`` parameters, the embedding table not counted."""

    def size(hidden: int) -> int:
        return count(_chain(settings, shape, hidden))["counted"]

    if size(1) > budget:
        raise UserError(
            f"model.param_budget: expected at least {size(1)}, which one hidden unit takes here; got {budget}"
        )
    low, high = 1, 2
    while size(high) <= budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= budget else (low, middle)
    return low


def _chain(settings: Settings, shape: Shape, hidden: int) -> Chain:
    embedding = None
    if shape.tokens and settings["embedding_size"]:
        embedding = Embedding(shape.inputs, settings["embedding_size"])
    own = fields(models.lookup(settings["name"]), without=("input_size", "hidden_size"))
    core = models.create(
        settings["name"],
        input_size=embedding.size if embedding else shape.inputs,
        hidden_size=hidden,
        **{key: settings[key] for key in own if key in settings},
    )
    return Chain(core, shape.outputs, shape.answers, embedding, settings["dropout"])
