"""What of a run's settings is not the default: the words that make it again, and what tells it from others."""

import json
from functools import lru_cache
from typing import Any

from seqexp.config.command_line import word
from seqexp.config.compose import composed
from seqexp.config.run_config import RunConfig, check
from seqexp.system.errors import UserError

GROUPS = ("model", "task", "optimizer")
OPTIMIZER = "adam"  # that of conf/config.yaml


def words_of(run_config: RunConfig) -> list[str]:
    """The words that compose a config which decides as this one does: ``model=lstm task=adding task.length=10 seed=3``.
    Of objects of one's own only what is theirs."""
    names = {group: run_config.name(group) for group in GROUPS}
    mine = run_config.deciding()
    seed = mine.pop("seed", 0)
    usual = json.loads(_usual(*names.values()))
    usual.pop("seed", None)
    chosen = [word(group, name) for group, name in names.items() if group != "optimizer" or name != OPTIMIZER]
    own = [key for key in mine if key not in usual or usual[key] != mine[key]] if usual else []
    lacking = [key for key in usual if key not in mine]
    changed = [word(key, mine[key]) for key in own] + [word(key, None) for key in lacking]
    return [*chosen, *changed, *([word("seed", seed)] if seed else [])]


def label(run_config: RunConfig) -> str:
    """What runs share that differ by their seed alone: ``lstm``, or ``lstm, task.length=10``."""
    task, seed = word("task", run_config.name("task")), "seed="
    model, *rest = [each for each in words_of(run_config) if each != task and not each.startswith(seed)]
    return ", ".join([model.partition("=")[2], *([" ".join(rest)] if rest else [])])


@lru_cache(maxsize=64)
def _usual(model: str, task: str, optimizer: str) -> str:
    """What decides in the config of these names alone, as JSON; nothing of names that no file has."""
    try:
        usual: dict[str, Any] = check(composed([f"model={model}", f"task={task}", f"optimizer={optimizer}"])).deciding()
    except UserError:
        usual = {}
    return json.dumps(usual)
