"""From a composed config to a checked one: what it means, which settings decide, and the run's signature."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqexp.config.compose import keys_of
from seqexp.system import plugins
from seqexp.system.errors import UserError, masked, unknown_key
from seqexp.system.regular_files import Unreadable
from seqexp.system.yaml_files import read_yaml

LONGEST_CONFIG = 100_000  # bytes of a stored config
# Groups and keys of the top level.
DECIDING = {"model", "task", "optimizer", "training", "seed", "data_seed", "dtype", "threads", "backend"}
NOT_DECIDING = {"training.checkpoint_every", "task.margin"}  # do not change the result


@dataclass(frozen=True)
class RunConfig:
    """One run's checked config.

    settings:  what config.yaml says.
    signature: hashes what decides the result.
    files:     a hash of the user's own files, of which the signature has the content and not the path.
    """

    settings: dict[str, Any]
    signature: str
    files: str | None = None

    @property
    def signatures(self) -> tuple[str, ...]:
        """The run's signature, and the one that it had while paths were signed."""
        return tuple(dict.fromkeys((self.signature, signature(self.settings))))

    def of_files(self, files: str | None) -> "RunConfig":
        """The same of own files with this hash."""
        return replace(self, signature=signature(self.settings, files), files=files)

    def group(self, name: str) -> dict[str, Any]:
        """A group's settings without its name."""
        return {key: value for key, value in self.settings[name].items() if key != "name"}

    def name(self, group: str) -> str:
        return str(self.settings[group]["name"])

    def flattened(self) -> dict[str, Any]:
        """{"model.hidden_size": 64, …}, as MLflow's params."""
        return flattened(self.settings)

    def deciding(self) -> dict[str, Any]:
        """What of ``flattened`` decides the result, in JSON's types."""
        return dict(json.loads(json.dumps(flattened(deciding(self.settings)))))

    @property
    def is_trial(self) -> bool:
        """Whether the run is scored on the validation set and never sees the test set."""
        return not self.settings.get("test", True)

    def draws(self, in_sweep: bool) -> bool:
        """Whether the run leaves figures. Nobody looks at those of each run of a sweep, and they take a third of a
        short run's time."""
        wanted = self.settings.get("figures", "auto")
        return wanted == "all" or (wanted == "auto" and not in_sweep)

    def sized(self, hidden: int) -> "RunConfig":
        """The config once the network's hidden size is known, which a ``param_budget`` leaves open: what
        ``threads=auto`` stands for depends on it, and is signed."""
        return _sized(self.settings, hidden).of_files(self.files)

    def as_yaml(self) -> str:
        """config.yaml, which is copied and shared: without the password that ``tracking.uri`` may have."""
        settings = dict(self.settings)
        if uri := settings["tracking"].get("uri"):
            settings["tracking"] = settings["tracking"] | {"uri": masked(uri)}
        return OmegaConf.to_yaml(OmegaConf.create(settings))


def check(cfg: DictConfig) -> RunConfig:
    """The checked config of a composed config (without its hydra node), whose plug-ins are loaded: the user named them.
    UserError names the key at fault."""
    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    if isinstance(named := config.get("plugins"), list):  # else it is refused below
        plugins.load(named)
    settings = {str(key): value for key, value in config.items()}
    if settings.get("backend") == "compiled":  # before it is signed: a signature says what has computed
        from seqexp.kernels import library

        settings["backend"] = library.usable("compiled")
    run_config = checked(settings)
    threads, cores = run_config.settings["threads"], os.cpu_count() or 1
    if threads != "auto" and threads > cores:  # not in a stored config: that run may be another machine's
        raise UserError(f"threads: expected at most {cores}, the cores here, or auto; got {threads}")
    task = run_config.settings["task"]
    if not any(isinstance(value, str) and is_path(f"task.{key}", value) for key, value in task.items()):
        return run_config
    from seqexp.data.files import own_files

    return run_config.of_files(own_files(task))


def checked(config: dict[str, Any], own_task: bool = False) -> RunConfig:
    """As ``check``, of a config whose references are resolved. own_task: as in ``schema.check``."""
    legal = keys_of("", ())
    for key in config:
        if key not in legal:
            raise UserError(unknown_key("", key, [name for name in legal if name != "experiment"]))
    from seqexp.config import schema  # here: it imports what a --help or a wrong key never needs

    for path in _targets(config):
        raise UserError(f"{path}: _target_ is not allowed, since it would run any code that it names; use a name")
    settings = schema.check(config, own_task)
    settings["plugins"] = list(dict.fromkeys([*settings.get("plugins", ()), *schema.owners(settings)]))
    hidden = settings["model"].get("hidden_size")
    return RunConfig(settings, signature(settings)) if hidden is None else _sized(settings, hidden)


def _sized(settings: Mapping[str, Any], hidden: int) -> RunConfig:
    from seqexp.config import build

    sized = {**settings, "threads": build.threads(settings, hidden)}
    return RunConfig(sized, signature(sized))


def stored(path: Path) -> RunConfig:
    """The checked config of a run directory's config.yaml. UserError where the file is not one's, or where it needs a
    plug-in that is not loaded.

    Nothing in it is resolved, expanded or imported: the file may be a stranger's. Its task may be an object that nobody
    knows by name here.
    """
    try:
        config = stored_settings(path)
    except Unreadable as error:
        raise UserError(f"{path}: expected a run's config; it {error}") from error
    try:
        return checked({str(key): value for key, value in config.items()}, own_task=not config.get("plugins"))
    except UserError as error:
        raise UserError(f"{path}: {error}{lacking(config.get('plugins'))}") from error


def stored_settings(path: Path) -> dict[str, Any]:
    """What a run directory's config.yaml says, which nobody has checked. Unreadable where it is no config."""
    try:
        config = read_yaml(path, LONGEST_CONFIG)
    except FileNotFoundError:
        raise Unreadable("does not exist") from None
    if not isinstance(config, dict):
        raise Unreadable(f"holds a {type(config).__name__}, not a run's settings")
    return config


def lacking(named: Any) -> str:
    """How a message about a stored config goes on, where that names plug-ins which are not loaded; else nothing."""
    listed = named if isinstance(named, list) else []
    missing = [name for name in listed if plugins.is_name(name) and name not in plugins.loaded()]
    said = ",".join(missing[:5])
    return f"; its run had a plug-in that a stored config never loads by itself: add plugins=[{said}]" if said else ""


def decides(key: str) -> bool:
    """Whether a setting, "model.hidden_size" or "seed", decides the result of a run."""
    return key.partition(".")[0] in DECIDING and key not in NOT_DECIDING


def that_decide(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Those of flattened settings that decide the result."""
    return {key: value for key, value in flat.items() if decides(key)}


def deciding(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide the result. A ``test`` that is false is one of them, as there is another score then."""
    chosen: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            value = {inner: leaf for inner, leaf in value.items() if decides(f"{key}.{inner}")}
        if decides(key):
            chosen[key] = value
    return chosen if settings.get("test", True) else chosen | {"test": False}


def is_source(key: str) -> bool:
    """Whether a setting says which data are read: task.source, or a part's."""
    return key.startswith("task.") and (key == "task.source" or key.endswith("_source"))


def is_path(key: str, value: str) -> bool:
    """Whether a setting names a file: a source without a dot and a slash is a name."""
    return is_source(key) and bool({".", "/", os.sep} & set(value))


def signature(settings: Mapping[str, Any], files: str | None = None) -> str:
    """Twelve hex digits that name the result. ``files``: a hash of the user's own files, which stands for their paths:
    the same data elsewhere are the same data."""
    chosen = deciding(settings)
    if files is not None:
        task = {key: value for key, value in chosen["task"].items() if not is_path(f"task.{key}", str(value))}
        chosen |= {"task": task | {"files": files}}
    canonical = json.dumps(chosen, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def completed(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Flattened settings of a stored run, with the added fields that stand at their defaults and are not stored."""
    absent: dict[str, Any] = {}
    for group in ("model", "task", "optimizer", "training"):
        with suppress(UserError):  # of a plug-in that is not loaded
            added = _added(group, name if isinstance(name := flat.get(f"{group}.name"), str) else None)
            absent |= {f"{group}.{key}": default for key, default in added.items()}
    return absent | dict(flat)


@cache  # a comparison asks for every run
def _added(group: str, name: str | None) -> dict[str, Any]:
    from seqexp.config import schema  # here, as in checked

    added = schema.added(schema.group_fields(group, {"name": name}))
    return dict(json.loads(json.dumps(added)))  # as a file has it: a list for a tuple


def flattened(settings: Mapping[str, Any]) -> dict[str, Any]:
    """{"model": {"hidden_size": 64}} as {"model.hidden_size": 64}; what lies deeper stays a value."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        inner = value.items() if isinstance(value, Mapping) else [(None, value)]
        flat |= {str(key) if name is None else f"{key}.{name}": leaf for name, leaf in inner}
    return flat


def _targets(config: Any, path: str = "") -> list[str]:
    if not isinstance(config, dict):
        return []
    found = [path or "config"] if "_target_" in config else []
    for key, value in config.items():
        found += _targets(value, f"{path}.{key}" if path else str(key))
    return found
