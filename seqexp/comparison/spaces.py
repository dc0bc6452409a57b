"""What is searched for a model: the user's space, else the task's own, else the project's."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqexp import config, tasks
from seqexp.comparison.arguments import Arguments
from seqexp.config import schema
from seqexp.config.compose import conf_files
from seqexp.sweeps.search_space import Choice, Range, Space
from seqexp.sweeps.search_words import read
from seqexp.system.errors import UserError
from seqexp.system.registry import fields

RATE = "optimizer.learning_rate"


def of(words: Arguments, model: str, cfg: DictConfig) -> dict[str, Range | Choice]:
    """A model's space: keys that other models alone have are left to them."""
    given = dict(words.asked.space) or _of_task(words.tasks[0]) or _usual(str(cfg.optimizer.name))
    legal = schema.group_fields("model", {"name": model})
    own = {key: one for key, one in given.items() if not key.startswith("model.") or key[6:] in legal}
    if not own:
        raise UserError(f"{next(iter(given))}: expected a key that {model} has too; it has {', '.join(legal)}")
    return own


def now(cfg: DictConfig, space: Space) -> dict[str, str]:
    """The values of the space's keys in a config, as words."""
    return {key: _word(OmegaConf.select(cfg, key)) for key in space}


def check(cfg: DictConfig, space: Space) -> None:
    """UserError where a run could not be made at an end of the space."""
    for key, one in space.items():
        for word in one.probes():
            tried = cfg.copy()
            OmegaConf.update(tried, key, _value(word), force_add=True)
            tried.seed = 0
            config.check(tried)


def splits(task: str) -> bool:
    """Whether the task's data are divided by a seed, which another division takes."""
    return "split_seed" in fields(tasks.lookup(task))


def split_seed(task: str) -> int:
    """The seed of the usual division."""
    return int(_task(task).get("split_seed") or 0)


def _of_task(task: str) -> dict[str, Range | Choice]:
    """The space in the task's yaml: ``space: {optimizer.learning_rate: "tag(log, interval(1e-4, 3e-2))"}``."""
    return read_all(_task(task).get("space", {}))


def _task(task: str) -> dict[str, Any]:
    file = conf_files("task").get(task)
    loaded: Any = OmegaConf.to_container(OmegaConf.load(file)) if file else {}
    return dict(loaded.get("task", {}))


def _usual(optimizer: str) -> dict[str, Range | Choice]:
    """The space of tuned sweeps, which is meant for Adam; of another optimizer in proportion to its usual rate."""
    loaded: Any = OmegaConf.to_container(OmegaConf.load(conf_files("hydra/sweeper")["optuna"]))
    space = read_all(loaded["space"])
    usual = {name: float(OmegaConf.load(conf_files("optimizer")[name]).learning_rate) for name in ("adam", optimizer)}
    rates = space[RATE]
    if optimizer != "adam" and isinstance(rates, Range):
        factor = usual[optimizer] / usual["adam"]
        low, high = (float(f"{end * factor:.2g}") for end in (rates.low, rates.high))
        space[RATE] = Range(low, high, None, rates.log)
    return space


def read_all(space: Mapping[str, Any]) -> dict[str, Range | Choice]:
    """A space as a yaml file has it. UserError names the key that has none."""
    found = {}
    for key, text in space.items():
        one = read(str(key), str(text))
        if one is None:
            raise UserError(f"task.space: expected a range or choices of {key}; got {text!r}")
        found[str(key)] = one
    return found


def _value(word: str) -> Any:
    """As Hydra's command line reads it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(f"key={word}").value()


def _word(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
