"""Tasks and models that are objects of the user's own: what their run's config says of them."""

import inspect
import json
from dataclasses import dataclass, replace
from typing import Any, Self

from seqexp.config.build import build_network
from seqexp.config.run_config import RunConfig
from seqexp.models import Core
from seqexp.networks import Chain, Network
from seqexp.runs.parts import Parts
from seqexp.system.errors import UserError
from seqexp.tasks import Task

CORE = ("init", "forward", "backward", "layout", "hidden_size", "state_size")
NETWORK = ("init", "forward", "backward", "layout", "core", "new_tape")


@dataclass(frozen=True)
class Own:
    """The objects in the place of a task's or a model's name; None for what has a name."""

    task: Task | None
    model: "Core | Network | None"

    @classmethod
    def of(cls, task: Any, model: Any) -> Self | None:
        """None where both have names. UserError where one is no such object."""
        if task is None and model is None:
            return None
        if isinstance(task, type) or isinstance(model, type):
            raise UserError("expected an object, such as MyTask(length=20); got its class")
        if task is not None and Task not in type(task).__mro__:
            expected = "a name, a pair of arrays (X, y), or a seqexp.tasks.Task"
            raise UserError(f"task: expected {expected}; got {task!r:.80}, a {type(task).__name__}")
        if model is not None and not (_has(model, CORE) or _has(model, NETWORK)):
            raise UserError(
                f"model: expected a name, a core or a network; got {model!r:.80}, which lacks "
                f"{', '.join(name for name in CORE if not hasattr(model, name))}"
            )
        return cls(task, model)

    def in_place(self, run_config: RunConfig) -> tuple[RunConfig, Parts]:
        """The config with what it says of the objects, and the run's parts. Its signature has the task's fingerprint,
        so that other data of one's own are another run."""
        settings = dict(run_config.settings)
        task = self.task
        if task is not None:
            settings["task"] = {"name": _name(task), **_fields(task)}
        if self.model is not None:
            core: Any = getattr(self.model, "core", self.model)
            settings["model"] = {"name": _name(core), "hidden_size": core.hidden_size, **_fields(core)}
        if task is None:
            from seqexp.config.build import build_task

            task = build_task(settings["task"], settings["data_dir"])
        network = self._network(task, run_config)
        files = task.fingerprint() if self.task is not None else run_config.files
        settings["threads"] = 1 if settings["threads"] == "auto" else settings["threads"]
        return replace(run_config, settings=settings).of_files(files), Parts(task, network, self.model is not None)

    def _network(self, task: Task, run_config: RunConfig) -> Network:
        if self.model is None:
            return build_network(run_config.settings["model"], task.shape, run_config.settings.get("backend", "numpy"))
        if _has(self.model, NETWORK):
            return self.model  # type: ignore[return-value]
        core, shape = self.model, task.shape
        size = getattr(core, "input_size", shape.inputs)
        if shape.source is not None or size != shape.inputs:
            raise UserError(
                f"model: expected a core with input_size={shape.inputs}, or a whole network, for this task; got {size}"
            )
        return Chain(core, shape.outputs, shape.answers)  # type: ignore[arg-type]


def _has(one: Any, names: tuple[str, ...]) -> bool:
    return all(hasattr(one, name) for name in names)


def _name(one: Any) -> str:
    return str(getattr(type(one), "name", None) or type(one).__name__)


def _fields(one: Any) -> dict[str, Any]:
    """What of an object's constructor's arguments JSON can hold, so that the signature tells objects apart."""
    found: dict[str, Any] = {}
    for name in inspect.signature(type(one)).parameters:
        value = getattr(one, name, None)
        try:
            if value is not None and name not in ("name", "hidden_size", "data_dir"):
                found[name] = json.loads(json.dumps(value))
        except (TypeError, ValueError):
            continue
    return found
