"""A run's task and network; what the run before had too is not built again."""

import json
from functools import lru_cache

from seqexp import tasks
from seqexp.config.build import build_network, build_task, check_memory
from seqexp.config.run_config import RunConfig
from seqexp.networks import Network
from seqexp.tasks import Task


@lru_cache(maxsize=4)
def fingerprint(task: str, data_dir: str | None, files: str | None) -> str:
    """The hash of a task's data. A sweep that finds its runs done asks it of one task for all seeds and models.

    files: the hash of the user's own, which may change while this process runs.
    """
    return build_task(json.loads(task), data_dir).fingerprint()


def built_for(run_config: RunConfig) -> tuple[Task, Network]:
    """The task and the network that fits it. UserError where one cannot be used."""
    settings = run_config.settings
    if settings.get("cache", True):
        cls = tasks.lookup(run_config.name("task"))
        task = _task(cls, json.dumps(settings["task"]), settings["data_dir"], run_config.files)
    else:
        task = build_task(settings["task"], settings["data_dir"])
    network = build_network(settings["model"], task.shape)
    check_memory(network, settings)
    return task, network


@lru_cache(maxsize=1)
def _task(cls: type, settings: str, data_dir: str | None, files: str | None) -> Task:
    """The task of the run before where this one has the same. Its batches are pure, so no run can tell."""
    return build_task(json.loads(settings), data_dir)
