"""Hydra: where conf/ lies, the config that overrides compose, and Hydra's errors in one line."""

import os
import re
from collections.abc import Sequence
from copy import deepcopy
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from seqexp.system import extras, plugins, signals
from seqexp.system.errors import UserError, masked, one_of, unknown_key
from seqexp.system.printable import printable

if TYPE_CHECKING:
    from seqexp.config.job_configs import JobConfigs

OTHER_NAMES = {  # what other programs call these keys
    **dict.fromkeys(("step", "steps", "iterations", "max_steps"), ("training.epochs", "task.steps_per_epoch")),
    **dict.fromkeys(("units", "hidden", "hidden_dim", "width"), ("model.hidden_size",)),
    **dict.fromkeys(("layers", "depth"), ("model.num_layers",)),
    **dict.fromkeys(("clip", "grad_clip", "max_norm"), ("training.clip_norm",)),
    **dict.fromkeys(("data", "file", "path", "dataset"), ("task.source", "data_dir")),
}


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


def tracking_defaults(name: str = "mlflow") -> dict[str, Any]:
    """The tracking group's settings in its yaml. Not composed by Hydra, which takes half a second."""
    files = conf_files("tracking")
    if name not in files:
        raise UserError(one_of("tracking", sorted(files), name))
    register_resolvers()
    loaded: Any = OmegaConf.to_container(OmegaConf.load(files[name]), resolve=True)
    return {str(key): value for key, value in loaded.items()}


def register_resolvers() -> None:
    """``${unless:a,b}`` is b unless a is given: how hidden_size yields its default to a param_budget.
    ``${own:source,[names],b}`` is b unless the source is one of the names: a default for files of one's own.
    ``${one_of:source,[names]}`` is whether the source is one of the names.
    ``${where:source,[names],a,b}`` is a where the source is one of the names, else b.
    ``${environment:NAME,b}`` is the variable's value, or b where it is not set or empty."""
    OmegaConf.register_new_resolver("unless", lambda given, value: value if given is None else None, replace=True)
    OmegaConf.register_new_resolver(
        "own", lambda source, names, value: None if source in names else value, replace=True
    )
    OmegaConf.register_new_resolver("one_of", lambda source, names: source in names, replace=True)
    OmegaConf.register_new_resolver("where", lambda source, names, a, b: a if source in names else b, replace=True)
    OmegaConf.register_new_resolver("environment", lambda name, value: os.environ.get(name) or value, replace=True)


def check_choice(experiment: str | None, task: str | None) -> None:
    """UserError where an experiment has settings for some tasks, and the task is none of them."""
    files = [name for name in conf_files("experiment_task") if name.startswith(f"{experiment}_")]
    known = sorted(name.removeprefix(f"{experiment}_") for name in files)
    if known and task not in known:
        raise UserError(f"task: expected one of {', '.join(known)} for experiment={experiment}; got {task!r}")


def composed(words: Sequence[str]) -> DictConfig:
    """The config that these words compose, as a command line's would. UserError names the word at fault."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from seqexp.config import job_configs

    here = GlobalHydra.instance()
    running, here.hydra = here.hydra, None  # of a command, whose job may ask for another config
    try:
        # A Ctrl-C waits, since OmegaConf would take it for a failure of its own.
        with signals.deferred(), initialize_config_dir(str(conf_directory()), version_base="1.3"):
            return job_configs.composed(words)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(one_line(error, words)) from error
    finally:
        here.hydra = running


def for_jobs(words: Sequence[str]) -> "tuple[JobConfigs, DictConfig]":
    """What a launcher is given outside a sweep's command: Hydra's loader of configs, and the config of all jobs, whose
    hydra node the words set. UserError names the word at fault."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from hydra.types import RunMode
    from omegaconf.errors import OmegaConfBaseException

    from seqexp.config import job_configs

    try:
        with initialize_config_dir(str(conf_directory()), version_base="1.3", job_name="seqexp"):
            loader = job_configs.JobConfigs(GlobalHydra.instance().config_loader().get_search_path())
            mode = RunMode.MULTIRUN
            return loader, loader.load_configuration("config", ["hydra.mode=MULTIRUN", *words], run_mode=mode)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(one_line(error, words)) from error


def one_line(error: BaseException, words: Sequence[str] = ()) -> str:
    """What went wrong in one line. Hydra and OmegaConf spread it over several, and add how to debug them.

    ``words`` are the command line's: they tell which choice of a group the legal keys are those of.
    """
    text = masked(str(error))
    choice = re.search(
        r"Could not find '((?:hydra/)?.+?)/([^']*)'\s*(?:Available options in '.+?':\s*(.*))?", text, re.DOTALL
    )
    if choice:
        group, given, options = choice.groups()
        legal = [option.rstrip(",") for option in (options or "").split("Config search path")[0].split()]
        if not legal:
            return f"{group}: no such choice {given!r}"
        return one_of(group, legal, given) + _to_install(group)
    missing = re.search(r"Could not override '(.+?)'", text)
    if missing:
        return _no_such_key(missing.group(1), words)
    several = re.search(r"Ambiguous value for argument '(.+?)'\n", text, re.DOTALL)
    if several:
        key, _, value = several.group(1).partition("=")
        text = f"{key}: expected one value; got {value!r}; add -m for a sweep, or write [{value}] for a list"
    line = " ".join(line.strip() for line in text.splitlines() if line.strip() and "full_key" not in line)
    line = re.sub(r"\s*See https?://\S+ for details", "", line)
    return printable(
        masked(line or f"the command line could not be parsed ({type(error).__name__}): {' '.join(words)[:200]}")
    )


def _to_install(group: str) -> str:
    """How a line on a wrong launcher goes on: what installs those that are not."""
    commands = {name: extras.missing(name) for name in extras.LAUNCHERS} if group == "hydra/launcher" else {}
    said = [f"{name} needs `{command}`" for name, command in commands.items() if command]
    return f"; {', '.join(said)}" if said else ""


def _no_such_key(path: str, words: Sequence[str]) -> str:
    group, _, key = path.rpartition(".")
    owners = _choices_with(group, key)
    if owners:
        return f"{path}: belongs to {' and '.join(owners)}, which is not chosen; add {owners[0]}"
    legal = keys_of(group, words)
    if key in legal:  # a mapping: task.margin={auroc: 0.1}
        return f"{path}: expected keys that it has; another is added by +{path}.<key>=<value>"
    return unknown_key(group, key, legal, meant(path, words))


def _choices_with(group: str, key: str) -> list[str]:
    """Hydra's launchers and sweepers that have a key: hydra/launcher=joblib for hydra.launcher, n_jobs."""
    if not group.startswith("hydra."):
        return []
    from hydra.core.config_store import ConfigStore

    folder = group.replace(".", "/")
    found: dict[str, Any] = {}
    for name in ConfigStore.instance().list(folder) if group in ("hydra.launcher", "hydra.sweeper") else []:
        found[name.removesuffix(".yaml")] = ConfigStore.instance().load(f"{folder}/{name}").node
    for name, file in conf_files(folder).items():
        found[name] = OmegaConf.load(file)
    return sorted(f"{folder}={name}" for name, node in found.items() if key in node)


def keys_of(group: str, words: Sequence[str]) -> list[str]:
    """The keys in a group's yaml file, or of the top level, in the order of the file."""
    return list(settings_of(group, words))


def settings_of(group: str, words: Sequence[str] = ()) -> dict[str, Any]:
    """As ``keys_of``, with the values as the file has them; a group's own is None."""
    top = _content(conf_directory() / "config.yaml")
    choices = {name: choice for entry in top["defaults"] if isinstance(entry, dict) for name, choice in entry.items()}
    if group.startswith("hydra."):  # such as hydra.sweeper, where the project has a file for it
        choices = {group: None}
    if group not in choices:
        groups = [name for name in choices if "/" not in name and not name.startswith("optional ")]
        return {key: top[key] for key in top if key not in ("defaults", "hydra")} | dict.fromkeys(groups)
    folder = group.replace(".", "/")
    chosen = [word.partition("=")[2] for word in words if word.startswith(f"{folder}=")]
    choice = chosen[-1].partition(",")[0] if chosen else choices[group]
    return {key: value for key, value in _settings_in(folder, str(choice)).items() if key != "_target_"}


def _settings_in(folder: str, choice: str) -> dict[str, Any]:
    """The settings in a file of a group, on top of those in the files of the group that its ``defaults`` name."""
    file = conf_files(folder).get(choice)
    loaded = _content(file) if file is not None else {}
    found: dict[str, Any] = {}
    for name in loaded.get("defaults", []):
        if isinstance(name, str) and name != "_self_":
            found |= _settings_in(folder, name)
    own = loaded.get(folder.replace("/", "."), loaded)
    return found | {str(key): value for key, value in own.items() if key != "defaults"}


def _content(file: Path) -> dict[str, Any]:
    """What a yaml file has, read once: each config that is checked asks for several."""
    return deepcopy(_read(file, file.stat().st_mtime_ns))


@lru_cache(maxsize=256)
def _read(file: Path, changed: int) -> dict[str, Any]:  # changed: when, so that a file which has changed is read again
    content: Any = OmegaConf.to_container(OmegaConf.load(file))
    return dict(content)


def all_settings(words: Sequence[str] = ()) -> dict[str, Any]:
    """Every key that these words' config has, "model.hidden_size" or "seed", with the value in its yaml file."""
    top = settings_of("")
    groups = [key for key in top if conf_files(key) and key != "experiment"]
    return {key: value for key, value in top.items() if key not in groups} | {
        f"{group}.{key}": value for group in groups for key, value in settings_of(group, words).items()
    }


def meant(path: str, words: Sequence[str] = ()) -> list[str]:
    """The keys that a mistaken one may stand for, the likeliest first: for trainig.batch training.batch_size, for lr
    optimizer.learning_rate."""
    known = list(all_settings(words))
    if path in known:
        return [path]
    name = path.rpartition(".")[2]
    names = {key: key.rpartition(".")[2] for key in known}
    close = set(get_close_matches(name, set(names.values()), 3, 0.75))
    found = [key for key in known if names[key] == name]
    found += get_close_matches(path, known, 2, 0.8)
    found += [key for key in known if key in OTHER_NAMES.get(name, ())]
    found += [key for key in known if names[key] in close]
    found += [key for key in known if name and _initials(names[key]) == name]
    found = found or [key for key in known if len(name) > 3 and name in names[key]]
    group = path.partition(".")[0]
    return sorted(dict.fromkeys(found), key=lambda key: key.partition(".")[0] != group)[:3]


def _initials(name: str) -> str:
    return "".join(part[0] for part in name.split("_") if part) if "_" in name else ""
