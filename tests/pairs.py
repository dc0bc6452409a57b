"""Which tasks and models are tried together, where trying all would prove no more."""

from collections import Counter
from collections.abc import Iterable

from seqexp.config.build import models_for


def each_once(tasks: Iterable[str]) -> list[tuple[str, str]]:
    """Each task with one model that reads it, the models in turn."""
    used = Counter[str]()
    pairs = []
    for task in tasks:
        model = min(models_for(task), key=lambda name: used[name])
        used[model] += 1
        pairs.append((task, model))
    return pairs
