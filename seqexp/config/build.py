"""From checked settings to the objects of a run: the task, the network that fits it, the optimizer."""

import inspect
import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import numpy as np

from seqexp import models, tasks
from seqexp.config.schema import group_fields
from seqexp.data.shape import Picture
from seqexp.kernels import library
from seqexp.models.trees import TreeCore
from seqexp.networks import Chain, Convolution, Dense, Embedding, Encoder, EncoderDecoder, Network, TreeNetwork
from seqexp.networks.convolution import MAPS
from seqexp.system import blas
from seqexp.system.errors import UserError, unknown_key
from seqexp.tasks import Shape, Task
from seqexp.training import optimizers

Settings = Mapping[str, Any]


def models_for(task: str) -> list[str]:
    """The models that can read a task, by name: those of trees only where there are trees."""
    return models.names(None if _has_trees(task) else "sequences")


def _has_trees(task: str) -> bool:
    return bool(getattr(tasks.lookup(task), "trees", False))


def build_task(settings: Settings, data_dir: str | None) -> Task:
    """The task of a config group, its data read. UserError where they cannot be."""
    own = {key: value for key, value in settings.items() if key not in ("name", "margin")}
    takes_data = "data_dir" in inspect.signature(tasks.lookup(settings["name"])).parameters
    return tasks.create(settings["name"], **own, **({"data_dir": data_dir} if takes_data else {}))


def build_network(settings: Settings, shape: Shape, backend: models.Backend = "numpy") -> Network:
    """The network that fits the task, its hidden size as given or as ``param_budget`` allows. UserError where the model
    lacks a setting."""
    legal = group_fields("model", settings)
    for key in settings:
        if key not in legal:
            raise UserError(unknown_key("model", key, list(legal)))
    network = partial(_network, {**settings, "backend": library.usable(backend)}, shape)
    hidden = settings.get("hidden_size")
    return largest(network, settings["param_budget"]) if hidden is None else network(hidden)


def threads(settings: Settings, hidden: int) -> int:
    """The number that ``threads`` stands for with so many hidden units: of ``auto``, what a step's largest product is
    worth."""
    if settings["threads"] != "auto":
        return int(settings["threads"])
    model = settings["model"]
    rows = _core(model, model["name"], hidden, 1).layout.tallest
    work = rows * 2 * hidden * settings["training"]["batch_size"]
    return blas.threads_for(work, kernels=settings.get("backend") == "compiled")


def build_optimizer(settings: Settings, backend: models.Backend = "numpy") -> optimizers.Optimizer:
    own = {key: value for key, value in settings.items() if key != "name"}
    return optimizers.create(settings["name"], backend=library.usable(backend), **own)


def check_memory(network: Network, settings: Settings) -> None:
    """UserError where the weights, their gradient, the best ones and the optimizer's two moments exceed the memory."""
    needed = 5 * network.layout.size * np.dtype(settings["dtype"]).itemsize
    there = _memory()
    if needed > there:
        raise UserError(
            f"model.hidden_size: expected a network that fits the memory of {there / 1e9:.0f} GB; "
            f"{network.layout.size:.3g} parameters need {needed / 1e9:.3g} GB; make it smaller"
        )


def _memory() -> int:
    """Bytes of this machine's memory."""
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    import psutil  # here: Windows alone needs it

    return int(psutil.virtual_memory().total)


def count(network: Network) -> dict[str, int]:
    """{"counted": what a budget counts, "embedding": the embedding tables}: numbers that training sets."""
    return {"counted": network.layout.size - network.embedded, "embedding": network.embedded}


def counted_with(settings: Settings, shape: Shape, hidden: int) -> int:
    """What a budget counts of the network with so many hidden units, whatever size the settings name."""
    return count(_network(settings, shape, hidden))["counted"]


def largest(network: Callable[[int], Network], budget: int) -> Network:
    """Of the networks of all hidden sizes the largest with at most ``budget`` parameters, the embedding table not
    counted."""
    low = network(1)
    if (least := count(low)["counted"]) > budget:
        raise UserError(
            f"model.param_budget: expected at least {least}, the parameters of one hidden unit; got {budget}"
        )
    size, too_many = 1, 2
    while count(more := network(too_many))["counted"] <= budget:
        low, size, too_many = more, too_many, 2 * too_many
    while too_many - size > 1:
        middle = (size + too_many) // 2
        if count(more := network(middle))["counted"] <= budget:
            low, size = more, middle
        else:
            too_many = middle
    return low


def _network(settings: Settings, shape: Shape, hidden: int) -> Network:
    decoder = settings.get("decoder")
    if models.reads_of(settings["name"]) == "trees":
        return _tree_network(settings, shape, hidden)
    if shape.read == "tree":
        raise UserError(
            f"task.read: expected sequence or null, since {settings['name']} reads sequences; got 'tree'; "
            f"models of trees: {', '.join(models.names('trees'))}"
        )
    if shape.source is None:
        if decoder is not None:
            raise UserError(f"model.decoder: expected null, since this task has no encoder; got {decoder!r}")
        if settings.get("bidirectional") and shape.answers == "steps" and shape.causal:
            raise UserError(
                "model.bidirectional: expected false, since what this task asks for at one step is read at the next: a "
                "network that reads from both ends has seen the answer; got true; try a task of tags or classes"
            )
        return _chain(settings, shape, hidden)
    picture = _picture_encoder(settings, None if shape.source_tokens else shape.picture)
    inputs = picture.outputs if picture else shape.source
    embedding, core = _embedded_core(settings, settings["name"], hidden, inputs, shape.source_tokens)
    ahead = {**settings, "bidirectional": False, "initial_state": "zeros"}  # it starts from what the encoder has read
    answering = _chain(ahead, shape, hidden, decoder)
    return EncoderDecoder(
        Encoder(core, embedding, settings["dropout"], picture),
        answering,
        bridge=decoder not in (None, settings["name"]) or core.state_size != answering.core.state_size,
        reverse_source=shape.reverse_source,
    )


def _tree_network(settings: Settings, shape: Shape, hidden: int) -> TreeNetwork:
    model = settings["name"]
    if shape.read is None:
        there = filter(_has_trees, tasks.names())
        raise UserError(
            f"model.name: expected a model of sequences ({', '.join(models.names('sequences'))}), since this task "
            f"has no trees; got {model!r}, which reads trees; tasks with trees: {', '.join(there)}"
        )
    if settings.get("decoder") is not None:
        raise UserError(f"model.decoder: expected null, since {model} has no encoder; got {settings['decoder']!r}")
    embedding, core = _embedded_core(settings, model, hidden, shape.inputs, True)
    return TreeNetwork(cast(TreeCore, core), shape.outputs, embedding, settings["dropout"])


def _chain(settings: Settings, shape: Shape, hidden: int, model: str | None = None) -> Chain:
    picture = None
    if shape.features is not None:
        if not settings["embedding_size"]:
            raise UserError("model.embedding_size: expected at least 1, since pictures enter beside letters; got 0")
        if settings.get("picture_encoder") != "off":
            picture = _picture_encoder(settings, shape.picture, shape.features)
    elif shape.source is None:
        picture = _picture_encoder(settings, shape.picture)
    inputs = shape.inputs if shape.tokens or picture is None else picture.outputs
    embedding, core = _embedded_core(settings, model or settings["name"], hidden, inputs, shape.tokens)
    return Chain(core, shape.outputs, shape.answers, embedding, settings["dropout"], picture)


def _picture_encoder(settings: Settings, picture: Picture | None, numbers: int = 0) -> Dense | Convolution | None:
    """The layer that pictures enter through, or so many ``numbers`` that are none; None where there is neither.
    UserError of settings that ask for another."""
    kind, size = settings.get("picture_encoder", "dense"), settings["embedding_size"]
    if picture is None:
        if kind != "dense":
            raise UserError(f"model.picture_encoder: expected dense, since no step reads a whole picture; got {kind}")
        return Dense(numbers, size) if numbers else None
    if kind == "off":
        raise UserError(
            "model.picture_encoder: expected conv, conv_sum or dense, since pictures are all there is to read"
        )
    if not size:
        raise UserError("model.embedding_size: expected at least 1, the numbers of a picture; got 0")
    if kind == "dense":
        return Dense(math.prod(picture), size)
    return Convolution(picture, size, tuple(settings.get("picture_maps", MAPS)), summed=kind == "conv_sum")


def _embedded_core(
    settings: Settings, model: str, hidden: int, inputs: int, tokens: bool
) -> tuple[Embedding | None, models.Core]:
    embedding = Embedding(inputs, settings["embedding_size"]) if tokens and settings["embedding_size"] else None
    return embedding, _core(settings, model, hidden, embedding.size if embedding else inputs)


def _core(settings: Settings, model: str, hidden: int, inputs: int) -> models.Core:
    """A core with the settings that are its own. A decoder of another name has those that it shares, and of
    ``freeze_gates`` the gates that are its own. A stack's own number of layers is no setting of another's cells."""
    cls: Any = models.lookup(models.model_of(model))
    kinds = [(models.own_fields(name), models.arrangement_fields(name)) for name in (settings["name"], model)]
    shared = [key for here, there in zip(*kinds, strict=True) for key in there if key in here]
    own: dict[str, Any] = {key: settings[key] for key in shared if key in settings}
    if model != settings["name"] and own.get("freeze_gates"):
        own["freeze_gates"] = tuple(gate for gate in own["freeze_gates"] if gate in cls.gate_names)
    own["backend"] = settings.get("backend", "numpy")
    return models.create(models.model_of(model), input_size=inputs, hidden_size=hidden, **own)
