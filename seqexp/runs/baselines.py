"""A task's memoryless baselines, worked out once for all runs on the same data."""

import functools
import hashlib
import inspect
import math
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np

from seqexp import data, tasks
from seqexp.config.run_config import RunConfig
from seqexp.system import cache
from seqexp.tasks import Metrics, Task


def baselines_of(run_config: RunConfig, task: Task) -> Metrics:
    """The task's memoryless baselines, which are the same for all runs on the same data."""
    name = run_config.name("task")
    if name not in tasks.names() or tasks.lookup(name) is not type(task):
        return task.baselines()  # an object of the user's own, of which no file may tell another apart
    own = {key: value for key, value in run_config.settings["task"].items() if key != "margin"}
    libraries = [np.__version__, version("scikit-learn")]
    about = [own, task.fingerprint(), task.primary_metric, _code_of(type(task)), libraries]
    return cache.kept("baselines", about, task.baselines, _are_scores)


@functools.cache
def _code_of(task: type) -> str:
    """A hash of the code that baselines are made by: the project's tasks and data, and the task's own file."""
    digest = hashlib.sha256()
    for file in [*sorted(path for package in (tasks, data) for path in _sources(package)), inspect.getfile(task)]:
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def _sources(package: ModuleType) -> list[str]:
    return [str(file) for folder in package.__path__ for file in Path(folder).rglob("*.py")]


def _are_scores(found: object) -> bool:
    """Whether a value is what a task's ``baselines`` gives, and every number in it finite."""
    return isinstance(found, dict) and all(type(score) is float and math.isfinite(score) for score in found.values())
