"""Hydra's words: where conf/ lies, what a command line composes, and what Hydra says in one line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqexp.system import plugins, signals
from seqexp.system.errors import UserError, masked, unknown_key


def conf_directory() -> Path:
    """conf/ of the installed package, or beside the package in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise UserError(f"conf/config.yaml: expected in {package} or beside it; is the installation complete?")


def conf_files(group: str) -> dict[str, Path]:
    """The choices of a config group, name -> file: the project's own, and those of plug-ins."""
    folders = [folder / group for folder in (conf_directory(), *plugins.conf_folders())]
    return {file.stem: file for folder in reversed(folders) for file in sorted(folder.glob("*.yaml"))}


def load_plugins(words: Sequence[str]) -> None:
    """Load the plug-ins that a command line names, or else its experiment, or else config.yaml. UserError where one
    cannot be loaded. To be called before Hydra composes the config, since their conf/ are part of it."""
    given = {key.lstrip("+"): value for key, _, value in (word.partition("=") for word in words)}
    if "plugins" in given:
        plugins.load(_listed(given["plugins"]))
        return
    files = [conf_directory() / "config.yaml"]
    if experiment := given.get("experiment"):
        own = Path(given.get("--config-dir", ""), "experiment", f"{experiment}.yaml")
        files = [own if own.is_file() else conf_files("experiment").get(experiment, own), *files]
    plugins.load(next(filter(None, map(_named_in, files)), []))


def _named_in(file: Path) -> list[Any]:
    """The plug-ins that a yaml file names at its top level."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if not re.search(r"^plugins:(?! *\[\])", text, re.MULTILINE):
        return []  # quickly, since every start asks
    loaded: Any = OmegaConf.create(text)
    return list(loaded.get("plugins") or [])


def _listed(text: str) -> list[Any]:
    """``[a,b]`` of a command line, as Hydra reads it. UserError where it is no list."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        value = OverridesParser.create().parse_override(f"plugins={text}").value()
    except HydraException:
        value = text
    if not isinstance(value, list):
        raise UserError(f"plugins: expected a list of modules, such as plugins=[my.module]; got {text!r}")
    return value


def register_resolvers() -> None:
    """``${unless:a,b}`` is b unless a is given: how hidden_size yields its default to a param_budget."""
    OmegaConf.register_new_resolver("unless", lambda given, value: value if given is None else None, replace=True)


def check_choice(experiment: str | None, task: str | None) -> None:
    """UserError where an experiment has settings for some tasks, and the task is none of them."""
    files = [name for name in conf_files("experiment_task") if name.startswith(f"{experiment}_")]
    known = sorted(name.removeprefix(f"{experiment}_") for name in files)
    if known and task not in known:
        raise UserError(f"task: expected one of {', '.join(known)} for experiment={experiment}; got {task!r}")


def composed(words: Sequence[str]) -> DictConfig:
    """The config that these words compose, as a command line's would. UserError names the word at fault."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        # A Ctrl-C waits, since OmegaConf would take it for a failure of its own.
        with signals.deferred(), initialize_config_dir(str(conf_directory()), version_base="1.3"):
            return compose("config", list(words))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(one_line(error, words)) from error


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
        return unknown_key(group, key, keys_of(group, words))
    line = " ".join(line.strip() for line in text.splitlines() if line.strip() and "full_key" not in line)
    return masked(line or f"the command line cannot be understood ({type(error).__name__}): {' '.join(words)[:200]}")


def keys_of(group: str, words: Sequence[str]) -> list[str]:
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
    return [key for key in _keys_in(folder, str(choice)) if key != "_target_"]


def _keys_in(group: str, choice: str) -> list[str]:
    """The keys of a yaml file of a group, and of those of the group that it begins from."""
    file = conf_files(group).get(choice)
    loaded: Any = OmegaConf.load(file) if file is not None else OmegaConf.create()
    begun = [name for name in loaded.get("defaults", []) if isinstance(name, str) and name != "_self_"]
    own = [str(key) for key in loaded.get(group.replace("/", "."), loaded) if key != "defaults"]
    return list(dict.fromkeys([*(key for name in begun for key in _keys_in(group, name)), *own]))
