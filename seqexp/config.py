"""From Hydra's words to a checked experiment: where conf/ lies, what a config means, and the run's signature."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqexp import stopping
from seqexp.errors import UserError, masked, unknown_key

LONGEST_YAML = 1_000_000  # bytes of a stored config worth reading
UNSIGNED = {"training": {"checkpoint_every"}, "task": {"margin"}}  # change nothing about the result


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
        return _flattened(self.settings)

    def deciding(self) -> dict[str, Any]:
        """What of ``flattened`` decides the result, in JSON's types."""
        return dict(json.loads(json.dumps(_flattened(deciding(self.settings)))))

    @property
    def is_trial(self) -> bool:
        """Whether the run is scored on the validation set and never sees the test set."""
        return not self.settings.get("test", True)

    def as_yaml(self) -> str:
        """config.yaml, which is copied and shared: without the password that ``tracking.uri`` may have."""
        settings = dict(self.settings)
        if uri := settings["tracking"].get("uri"):
            settings["tracking"] = settings["tracking"] | {"uri": masked(uri)}
        return OmegaConf.to_yaml(OmegaConf.create(settings))


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


def check_choice(experiment: str | None, task: str | None) -> None:
    """UserError where an experiment has settings for some tasks, and the task is none of them."""
    files = sorted((conf_directory() / "experiment_task").glob(f"{experiment}_*.yaml"))
    known = [file.stem.removeprefix(f"{experiment}_") for file in files]
    if known and task not in known:
        raise UserError(f"task: expected one of {', '.join(known)} for experiment={experiment}; got {task!r}")


def composed(words: Sequence[str]) -> DictConfig:
    """The config that these words compose, as a command line's would. UserError names the word at fault."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        # A Ctrl-C waits, since OmegaConf would take it for a failure of its own.
        with stopping.deferred(), initialize_config_dir(str(conf_directory()), version_base="1.3"):
            return compose("config", list(words))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(one_line(error, words)) from error


def check(cfg: DictConfig) -> Experiment:
    """The checked experiment of a composed config (without its hydra node). UserError names the key at fault."""
    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    return checked({str(key): value for key, value in config.items()})


def checked(config: dict[str, Any]) -> Experiment:
    """As ``check``, of a config whose references are resolved."""
    legal = _keys_of("", ())
    for key in config:
        if key not in legal:
            raise UserError(unknown_key("", key, [name for name in legal if name != "experiment"]))
    from seqexp import schema, threads  # here: they import what a --help or a wrong key never needs

    for path in _targets(config):
        raise UserError(f"{path}: _target_ is not allowed here, since it would run whatever it names; use a name")
    settings = schema.check(config)
    settings["threads"] = threads.resolve(settings["threads"], settings["model"], settings["training"])
    return Experiment(settings, signature(settings))


def stored(path: Path) -> Experiment:
    """The experiment of a run directory's config.yaml. UserError where the file is not one's.

    Nothing in it is resolved or expanded: the file may be a stranger's.
    """
    import yaml

    try:
        if path.stat().st_size > LONGEST_YAML:
            raise UserError(f"{path}: expected at most {LONGEST_YAML:,} bytes")
        text = path.read_text(encoding="utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise UserError(f"{path}: expected plain values; got an alias")
        config = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{path}: expected a run's config ({one_line(error)[:200]})") from error
    if not isinstance(config, dict):
        raise UserError(f"{path}: expected a run's config; got {type(config).__name__}")
    try:
        return checked({str(key): value for key, value in config.items()})
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def deciding(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide the result: model, task, optimizer, training, seed, dtype, threads; a false test."""
    decides = {key: settings[key] for key in ("model", "task", "optimizer", "training", "seed", "dtype", "threads")}
    for group, unsigned in UNSIGNED.items():
        decides[group] = {key: value for key, value in settings[group].items() if key not in unsigned}
    if not settings.get("test", True):
        decides["test"] = False
    return decides


def signature(settings: Mapping[str, Any]) -> str:
    """Twelve hex digits that name the result."""
    canonical = json.dumps(deciding(settings), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _flattened(settings: Mapping[str, Any]) -> dict[str, Any]:
    flat = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat.update({f"{key}.{inner}": deeper for inner, deeper in value.items()})
        else:
            flat[key] = value
    return flat


def _targets(config: Any, path: str = "") -> list[str]:
    if not isinstance(config, dict):
        return []
    found = [path or "config"] if "_target_" in config else []
    for key, value in config.items():
        found += _targets(value, f"{path}.{key}" if path else str(key))
    return found


def loosened(words: Sequence[str]) -> list[str]:
    """The command line's words, with the keys of a group that a sweep varies made addable.

    For ``-m model=rnn,stacked_rnn model.activation=relu`` Hydra first composes the sweep with the default model, which
    may lack the key, and refuses; ``++model.activation=relu`` passes. Each job's config is checked strictly later.
    """
    if not {"-m", "--multirun"} & set(words):
        return list(words)
    swept = {word.partition("=")[0] for word in words if re.match(r"[\w/]+=.*(,|choice|glob)", word)}
    return [f"++{word}" if word.partition(".")[0] in swept else word for word in words]


def one_line(error: BaseException, words: Sequence[str] = ()) -> str:
    """What went wrong in one line. Hydra and OmegaConf spread it over several, and add how to debug them.

    ``words`` are the command line's: they tell which choice of a group the legal keys are those of.
    """
    text = masked(str(error))
    choice = re.search(r"Could not find '(.+?)/([^']*)'\s*(?:Available options in '.+?':\s*(.*))?", text, re.DOTALL)
    if choice:
        group, given, options = choice.groups()
        legal = ", ".join((options or "").split("Config search path")[0].split())
        return f"{group}: expected one of {legal}; got {given!r}" if legal else f"{group}: no such choice {given!r}"
    missing = re.search(r"Could not override '(.+?)'", text)
    if missing:
        group, _, key = missing.group(1).rpartition(".")
        return unknown_key(group, key, _keys_of(group, words))
    line = " ".join(line.strip() for line in text.splitlines() if line.strip() and "full_key" not in line)
    return masked(line or f"the command line cannot be understood ({type(error).__name__}): {' '.join(words)[:200]}")


def _keys_of(group: str, words: Sequence[str]) -> list[str]:
    """The keys in a group's yaml file, or of the top level, in the order of the file."""
    top: Any = OmegaConf.to_container(OmegaConf.load(conf_directory() / "config.yaml"))
    choices = {name: choice for entry in top["defaults"] if isinstance(entry, dict) for name, choice in entry.items()}
    if group.startswith("hydra."):  # such as hydra.sweeper, where the project has a file for it
        choices = {group: None}
    if group not in choices:
        groups = [name for name in choices if "/" not in name and not name.startswith("optional ")]
        return [key for key in top if key not in ("defaults", "hydra")] + groups
    folder = group.replace(".", "/")
    chosen = [word.partition("=")[2] for word in words if word.startswith(f"{folder}=")]
    choice = chosen[-1].partition(",")[0] if chosen else choices[group]
    file = conf_directory() / folder / f"{choice}.yaml"
    loaded: Any = OmegaConf.load(file) if file.is_file() else OmegaConf.create()
    return [str(key) for key in loaded.get(group, loaded) if key != "_target_"]
