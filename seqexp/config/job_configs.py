"""The configs of jobs and comparisons: composed once for each combination of group choices, and copied for every value.

Hydra composes each job's config twice, once to see whether that is possible and once for the job, which is most of a
short run's time. It lays values upon a config after the groups have been chosen, so a copy with other values is what it
would have composed.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from hydra import compose
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.hydra import Hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

MOST = 16  # composed configs that a process keeps
VALUE = re.compile(
    r"\+{0,2}(?!hydra\.)((data_)?seed|\w+\.[\w.]+)=", re.ASCII
)  # no choice of a group, whatever groups there are
MODELESS = re.compile(r"(?!experiment=|hydra\.)[\w.]+=", re.ASCII)  # words that choose nothing with a hydra.mode

_composed: OrderedDict[tuple[str, ...], DictConfig] = OrderedDict()  # of this process: a worker gets a loader per job


class JobConfigs(ConfigLoaderImpl):
    """Hydra's loader, which remembers what it has composed for jobs."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._name = uuid4().hex  # the same in every process that this loader is sent to

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        values = [word for word in sweep_overrides if VALUE.match(word)]
        groups = [word for word in sweep_overrides if not VALUE.match(word)]
        cfg = self._of_groups(master_config, groups).copy()
        ConfigLoaderImpl._apply_overrides_to_config([_parsed(word) for word in values], cfg)
        task = [word for word in sweep_overrides if not _parsed(word).is_hydra_override()]
        cfg.hydra.overrides.task = task
        own = cfg.hydra.job.config.override_dirname
        cfg.hydra.job.override_dirname = get_overrides_dirname(
            overrides=[_parsed(word) for word in task],
            kv_sep=own.kv_sep,
            item_sep=own.item_sep,
            exclude_keys=own.exclude_keys,
        )
        OmegaConf.copy_cache(from_config=master_config, to_config=cfg)  # the same ${now:…} as the sweep
        return cfg

    def _of_groups(self, master_config: DictConfig, words: list[str]) -> DictConfig:
        key = (self._name, *master_config.hydra.overrides.hydra, *words)
        return _kept(key, lambda: super(JobConfigs, self).load_sweep_config(master_config, words))


def composed(words: Sequence[str]) -> DictConfig:
    """What ``hydra.compose`` gives for these words, where Hydra is initialized."""
    values = [word for word in words if VALUE.match(word) and not _parsed(word).is_sweep_override()]
    groups = [word for word in words if word not in values]
    cfg = _kept((*_files(), *groups), lambda: compose("config", groups)).copy()
    ConfigLoaderImpl._apply_overrides_to_config([_parsed(word) for word in values], cfg)
    return cfg


def _files() -> list[str]:
    """The yaml files that may take part, each with the time when it was written: a notebook's user edits them."""
    elements = GlobalHydra.instance().config_loader().get_search_path().get_path()
    folders = [Path(element.path) for element in elements if element.path and "://" not in element.path]
    found = [file for folder in folders for file in folder.glob("**/*.yaml")]
    return [f"{file}:{file.stat().st_mtime_ns}" for file in found]


def _kept(key: tuple[str, ...], made: Callable[[], DictConfig]) -> DictConfig:
    if key not in _composed:
        _composed[key] = made()
        while len(_composed) > MOST:
            _composed.popitem(last=False)
    _composed.move_to_end(key)
    return _composed[key]


def install() -> None:
    """Have the Hydra that this process runs in use it, for all jobs of its sweep."""
    hydra: Any = GlobalHydra.instance().hydra
    hydra.config_loader = JobConfigs(hydra.config_loader.get_search_path())


def ask_seldom_for_the_mode() -> None:
    """Spare most commands Hydra's first composition, which is half of a short one's: it only looks for a hydra.mode,
    and of all that is chosen here an experiment alone may have one."""
    composed = Hydra.get_mode

    def get_mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        if config_name == "config" and all(MODELESS.match(word) for word in overrides):
            return None
        return composed(self, config_name, overrides)

    Hydra.get_mode = get_mode  # type: ignore[method-assign]


@lru_cache(maxsize=256)
def _parsed(word: str) -> Override:
    return OverridesParser.create().parse_overrides([word])[0]  # which also says where the grammar is explained
