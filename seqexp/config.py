"""From Hydra's words to a checked experiment: where conf/ lies, what a config means, and the run's signature."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqexp.errors import UserError

UNSIGNED_TRAINING = {"checkpoint_every"}  # changes nothing about the result


@dataclass(frozen=True)
class Experiment:
    """One run's checked config. ``settings`` is what config.yaml says; ``signature`` hashes what decides the result."""

    settings: dict[str, Any]
    signature: str

    def group(self, name: str) -> dict[str, Any]:
        """A group's settings without its name."""
        return {key: value for key, value in self.settings[name].items() if key != "name"}

    def name(self, group: str) -> str:
        return str(self.settings[group]["name"])

    def flattened(self) -> dict[str, Any]:
        """{"model.hidden_size": 64, …}, as MLflow's params."""
        flat = {}
        for key, value in self.settings.items():
            if isinstance(value, Mapping):
                flat.update({f"{key}.{inner}": deeper for inner, deeper in value.items()})
            else:
                flat[key] = value
        return flat

    def as_yaml(self) -> str:
        return OmegaConf.to_yaml(OmegaConf.create(self.settings))


def conf_directory() -> Path:
    """conf/ of the installed package, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise UserError(f"conf/config.yaml: expected in {package} or beside it; is the installation complete?")


def register_resolvers() -> None:
    """``${unless:a,b}`` is b unless a is given: how hidden_size yields its default to a param_budget."""
    OmegaConf.register_new_resolver("unless", lambda given, value: value if given is None else None, replace=True)


def check(cfg: DictConfig) -> Experiment:
    """The checked experiment of a composed config (without its hydra node). UserError names the key at fault."""
    from seqexp import schema, threads  # here: they import what a --help never needs

    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    for path in _targets(config):
        raise UserError(f"{path}: _target_ is not allowed here, since it would run whatever it names; use a name")
    settings = schema.check({str(key): value for key, value in config.items()})
    settings["threads"] = threads.resolve(settings["threads"], settings["model"], settings["training"])
    return Experiment(settings, signature(settings))


def signature(settings: Mapping[str, Any]) -> str:
    """Twelve hex digits that name the result: model, task, optimizer, training, seed, dtype and threads."""
    decides = {key: settings[key] for key in ("model", "task", "optimizer", "seed", "dtype", "threads")}
    decides["training"] = {k: v for k, v in settings["training"].items() if k not in UNSIGNED_TRAINING}
    canonical = json.dumps(decides, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _targets(config: Any, path: str = "") -> list[str]:
    if not isinstance(config, dict):
        return []
    found = [path or "config"] if "_target_" in config else []
    for key, value in config.items():
        found += _targets(value, f"{path}.{key}" if path else str(key))
    return found


def one_line(error: BaseException) -> str:
    """What went wrong in one line. Hydra and OmegaConf spread it over several, and add how to debug them."""
    text = str(error)
    choice = re.search(r"Could not find '(.+?)/(.+?)'\s*(?:Available options in '.+?':\s*(.*))?", text, re.DOTALL)
    if choice:
        group, given, options = choice.groups()
        legal = ", ".join((options or "").split("Config search path")[0].split())
        return f"{group}: expected one of {legal}; got {given!r}" if legal else f"{group}: no such choice {given!r}"
    missing = re.search(r"Could not override '(.+?)'", text)
    if missing:
        return f"{missing.group(1)}: no such key; `--help` lists the groups, `--cfg job` every key with its value"
    return " ".join(line.strip() for line in text.splitlines() if line.strip() and "full_key" not in line)
