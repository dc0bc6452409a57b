"""The recurrent cores, by name.

A core is a class with typed keyword-only fields (its config schema), registered by its module:

    layout                                                    where its parameters lie in one flat vector
    init(rng, dtype) -> Params                                starting values
    forward(p, x, state0, lengths, tape, keep, masks) -> h, state, tape
    backward(p, grad, dh, dstate, tape, need_dx) -> dx, dstate0      adds into grad

``Celled`` and ``Gated`` say what a core may have besides. A core with ``reads = "trees"`` has the two verbs over the
nodes of trees (``models.trees``). Every module of this folder is imported when the first name is looked up, and
registers itself.
"""

import re
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from seqexp.kernels.library import Backend
from seqexp.models.arrangement import Arrangement
from seqexp.models.core import Bidirected, Celled, Core, Gated, Rows, is_bidirectional, output_size
from seqexp.system.registry import Registry, fields

__all__ = [
    "Arrangement",
    "Backend",
    "Bidirected",
    "Celled",
    "Core",
    "Gated",
    "Rows",
    "Reads",
    "arrangement_fields",
    "create",
    "is_name",
    "is_bidirectional",
    "lookup",
    "model_of",
    "names",
    "output_size",
    "own_fields",
    "reads_of",
    "register",
    "register_compiled",
]


Reads = Literal["sequences", "trees"]
C = TypeVar("C", bound=type)
Fields = dict[str, tuple[Any, Any]]  # name -> (type, default)
_registry: Registry[type] = Registry("model", __name__)
_compiled: dict[str, type] = {}  # what backend=compiled makes of a registered model


def register(name: str) -> Callable[[C], C]:
    """Class decorator: makes the class ``models.create(name)``."""
    return _registry.register(name)


def register_compiled(name: str) -> Callable[[C], C]:
    """Class decorator: makes the class ``models.create(name, backend="compiled")``."""

    def decorate(cls: C) -> C:
        _compiled[name] = cls
        return cls

    return decorate


def names(reads: Reads | None = None) -> list[str]:
    """The registered models; ``reads``: those that read sequences, or trees."""
    return [name for name in _registry.names() if reads in (None, _reads(lookup(name)))]


def reads_of(name: str) -> Reads:
    """What a model reads: the attribute ``reads`` of its class, sequences where there is none."""
    return _reads(lookup(model_of(name)))


def _reads(cls: type) -> Reads:
    found: Reads = getattr(cls, "reads", "sequences")
    return found


def lookup(name: str) -> type:
    """The class behind ``name``. UserError lists the names there are."""
    return _registry.lookup(name)


def is_name(name: str) -> bool:
    """Whether a run's model may have this name: a registered one, or one that goes on with _…, as lstm_peephole."""
    return name in names() or bool(_begun_by(name))


def model_of(name: str) -> str:
    """The registered model of a run's name for it: itself, or lstm of lstm_peephole, which is lstm with settings that
    deserve a name. UserError if there is none."""
    begun = _begun_by(name)
    if name in names() or not begun:
        lookup(name)
        return name
    return max(begun, key=len)


def _begun_by(name: str) -> list[str]:
    return [each for each in names() if name.startswith(f"{each}_") and re.fullmatch(r"\w+", name)]


def own_fields(name: str) -> Fields:
    """The settings of a model's own cell: its constructor's fields but the sizes."""
    return fields(lookup(model_of(name)), without=("input_size", "hidden_size"))


def arrangement_fields(name: str) -> Fields:
    """The settings of ``Arrangement`` that the model has: all but those of its cell. One that is a stack itself is not
    stacked, and one of trees has none."""
    if reads_of(name) == "trees":
        return {}
    own = own_fields(name)
    without = {*own, "skip"} if "num_layers" in own else own
    return {key: field for key, field in fields(Arrangement).items() if key not in without}


def create(name: str, *, input_size: int, hidden_size: int, backend: Backend = "numpy", **settings: Any) -> Core:
    """A core by name: ``create("lstm", input_size=X, hidden_size=H, num_layers=2, forget_bias=0)``.

    Without layers, directions or a learned state it is the plain cell, else what ``Arrangement`` makes of it.
    ``backend``: a model without kernels runs in NumPy either way.
    """
    cls = lookup(name)
    if backend == "compiled":
        cls = _compiled.get(name, cls)
    arrangement = Arrangement(**{key: settings.pop(key) for key in arrangement_fields(name) if key in settings})
    return arrangement.of(lambda inputs: cls(input_size=inputs, hidden_size=hidden_size, **settings), input_size)
