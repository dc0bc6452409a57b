"""What a run is made of: its task and the network that fits it, built from its config or given as objects."""

import json
from dataclasses import dataclass
from functools import lru_cache

from seqexp import tasks
from seqexp.config.build import build_network, build_task, check_memory
from seqexp.config.run_config import RunConfig
from seqexp.networks import Network
from seqexp.tasks import Task


@dataclass(frozen=True)
class Parts:
    """The task, its data read, and the network.

    is_own: whether the network is an object of the user's own, of which no config can build another size.
    """

    task: Task
    network: Network
    is_own: bool = False


def built(run_config: RunConfig) -> Parts:
    """The task, that of the run before where it had the same, and the network that fits it. UserError where one cannot
    be used."""
    settings = run_config.settings
    task = built_task(run_config)
    network = build_network(settings["model"], task.shape, settings.get("backend", "numpy"))
    check_memory(network, settings)
    return Parts(task, network)


def built_task(run_config: RunConfig) -> Task:
    """The task alone, that of the run before where it had the same. UserError where it cannot be used."""
    settings = run_config.settings
    if not settings.get("cache", True):
        return build_task(settings["task"], settings["data_dir"])
    cls = tasks.lookup(run_config.name("task"))
    return _task(cls, json.dumps(settings["task"]), settings["data_dir"], run_config.files)


@lru_cache(maxsize=1)
def _task(cls: type, settings: str, data_dir: str | None, files: str | None) -> Task:
    """Its batches are pure, so no run can tell that another had it before.

    cls: the class of that name, which a plug-in may register anew. files: the hash of the user's own.
    """
    return build_task(json.loads(settings), data_dir)


def fingerprint(run_config: RunConfig) -> str:
    """The hash of a config's data."""
    settings = run_config.settings
    return _fingerprint(json.dumps(settings["task"]), settings["data_dir"], run_config.files)


@lru_cache(maxsize=4)
def _fingerprint(task: str, data_dir: str | None, files: str | None) -> str:
    """A sweep that finds its runs done asks it of one task for all seeds and models.

    files: the hash of the user's own, which may change while this process runs.
    """
    return build_task(json.loads(task), data_dir).fingerprint()
