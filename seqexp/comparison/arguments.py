"""The words of ``python -m seqexp.compare``, checked: each is its own, or a setting that the runs are to have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, get_args

from omegaconf import OmegaConf

from seqexp.comparison import protocol_words
from seqexp.comparison.protocol_words import Asked
from seqexp.config.command_line import quoted, refuse_flags
from seqexp.config.compose import composed, conf_files, meant, tracking_defaults
from seqexp.config.run_config import flattened
from seqexp.system.errors import UserError, did_you_mean, one_of

Match = Literal["params", "hidden", "seconds"]

OWN = (
    *("a", "b", "task", "models", "experiment", "metric", "match", "margin", "level", "max_seeds", "run", "out"),
    *("sweep", "study", "plugins", "stop", *protocol_words.WORDS),
)
NEVER: dict[str, Any] = {"training.patience": None, "training.stop_when_solved": False}  # stop=never
TOP = ("data_seed", "dtype", "threads", "backend", "optimizer", "tracking", "data_dir")
GROUPS = ("task", "model", "optimizer", "training", "tracking")


@dataclass
class Arguments:
    """What the command line asked for. ``passed``: the words that runs are made with; ``filters``: what runs that
    are read must have, flattened; ``launcher``: Hydra's words for where runs are made."""

    tasks: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    pairs: list[tuple[str, str]] | None = None  # to compare; None: all
    experiment: str | None = None
    metric: str | None = None
    match: Match | None = None
    margin: float | None = None
    level: float = 0.95
    max_seeds: int = 20
    run: bool = False
    out: str | None = None
    sweep: str | None = None
    studies: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    filters: dict[str, Any] = field(default_factory=dict)
    tracking: dict[str, Any] = field(default_factory=dict)
    launcher: list[str] = field(default_factory=list)
    asked: Asked = field(default_factory=Asked)  # of runs to be made

    @property
    def launching(self) -> tuple[str, ...]:
        """The words that a launcher is given before any job: its own, and where runs are kept, which it may refuse."""
        return (*self.launcher, *(word for word in self.passed if word.startswith(("tracking=", "tracking."))))


def parsed(arguments: Sequence[str]) -> Arguments:
    """The checked words. UserError names the word at fault and what is legal."""
    given: dict[str, str] = {}
    refuse_flags(arguments)
    for word in arguments:
        key, equals, value = word.partition("=")
        if not equals or not value:
            raise UserError(f"{word}: expected key=value{did_you_mean(_readings(key))}; --help lists the words")
        if key in given:
            raise UserError(f"{key}: expected once; got {given[key]!r} and {value!r}")
        given[key] = value
    words = Arguments()
    for key in [key for key in given if key in OWN]:
        _take(words, key, given[key])
    _models(words, given)
    if words.experiment is not None:
        _experiment(words)
    for key in [key for key in given if key not in OWN]:
        if "stop" in given and key in NEVER:
            raise UserError(f"{key}: expected no such word beside stop=never; got {given[key]!r}")
        _setting(words, key, given[key])
    for key in words.asked.space:  # a space is no setting: what it gives is different for each trial
        words.filters.pop(key, None)
        words.passed = [word for word in words.passed if word.partition("=")[0] != key]
    alone = [*words.launcher, *(f"{key}={given[key]}" for key in given if key in protocol_words.WORDS)]
    if words.run:
        _refuse_many(words)
    elif alone:
        raise UserError(f"{alone[0]}: expected run=true beside it; without, nothing is run")
    return words


@cache
def settings_of(model: str, task: str, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """The flattened defaults of a model on a task, with these words."""
    return flattened(OmegaConf.to_container(composed([f"model={model}", f"task={task}", *words]), resolve=True))  # type: ignore[arg-type]


def margins(tasks: Sequence[str]) -> dict[str, dict[str, float]]:
    """The margins in the tasks' yaml files."""
    found = {}
    for task in tasks:
        file = conf_files("task").get(task)
        loaded: Any = OmegaConf.load(file) if file else OmegaConf.create()
        found[task] = dict(loaded.get("task", {}).get("margin", {}))
    return found


def tracking(words: Arguments) -> dict[str, Any]:
    """The tracking group's settings."""
    chosen = {key.partition(".")[2]: value for key, value in words.tracking.items()}
    return tracking_defaults(chosen.pop("", "mlflow")) | chosen


def _readings(word: str) -> list[str]:
    """What a word without a value may stand for."""
    from seqexp import models, tasks

    if word in models.names():
        return [f"a={word}", f"b={word}"]
    return [f"task={word}"] if word in tasks.names() else [f"{key}=<value>" for key in _close(word)]


def _close(key: str) -> list[str]:
    """The words that a mistaken one may stand for."""
    settings = [each for each in meant(key) if each in TOP or each.partition(".")[0] in GROUPS]
    return get_close_matches(key, [*OWN, *TOP], 1) or settings


def _take(words: Arguments, key: str, text: str) -> None:
    match key:
        case "task":
            words.tasks = _known("task", text)
        case "models":
            words.models = _known("model", text)
        case "experiment":
            words.experiment = text
        case "plugins":
            words.passed.append(f"plugins={text}")  # loaded by now; a run made is to have them too
        case "study":
            words.studies = text.split(",")
        case "metric" | "out" | "sweep":
            setattr(words, key, text)
        case "stop":
            if text != "never":
                raise UserError(f"stop: expected never, which trains both models for all epochs; got {text!r}")
            words.filters |= NEVER
            words.passed += [f"{key}={'null' if value is None else 'false'}" for key, value in NEVER.items()]
        case "match":
            if text not in get_args(Match):
                raise UserError(one_of("match", get_args(Match), text))
            words.match = text  # type: ignore[assignment]
        case "margin":
            words.margin = _number(key, text, "a number of at least 0", lambda value: value >= 0)
        case "level":
            words.level = _number(key, text, "a number between 0 and 1, such as 0.95", lambda value: 0 < value < 1)
        case "max_seeds":
            expected = "a whole number of at least 2"
            words.max_seeds = int(_number(key, text, expected, lambda value: value >= 2 and value == int(value)))
        case "run":
            if text not in ("true", "false"):
                raise UserError(f"run: expected true or false; got {text!r}")
            words.run = text == "true"
        case _:
            protocol_words.take(words.asked, key, text)


def _known(group: str, text: str) -> list[str]:
    from seqexp import models, tasks
    from seqexp.runs import reader

    names = sorted({*models.names(), *conf_files("model")}) if group == "model" else tasks.names()
    listed = text.split(",")
    also = models.is_name if group == "model" else reader.has_runs  # or of an object
    wrong = next((name for name in listed if name not in names and not also(name)), None)
    if wrong is not None:
        raise UserError(one_of("models" if group == "model" else group, names, wrong))
    return list(dict.fromkeys(listed))


def _models(words: Arguments, given: Mapping[str, str]) -> None:
    named = [_known("model", given[key]) for key in ("a", "b") if key in given]
    if any(len(names) > 1 for names in named):
        raise UserError("a, b: expected one model each; for several say models=rnn,stacked_rnn,lstm")
    a, b = ((_known("model", given[key])[0] if key in given else None) for key in ("a", "b"))
    if a is not None and a == b:
        raise UserError(f"a, b: expected two models; got {a!r} twice")
    others = [name for name in words.models if name not in (a, b)]
    if a is not None and b is None and others:
        words.pairs = [(a, other) for other in others]
    elif a is not None and b is not None:
        words.pairs = [(a, b)]
    elif b is not None and len(words.models) == 2 and others:
        words.pairs = [(others[0], b)]
    elif a is not None or b is not None:
        raise UserError(f"{'b' if b is None else 'a'}: expected a model to compare {a or b} with; got none")
    elif len(words.models) == 2:
        words.pairs = [(words.models[0], words.models[1])]
    words.models = list(dict.fromkeys([*(name for pair in words.pairs or () for name in pair), *words.models]))
    if len(words.models) == 1:
        raise UserError(f"models: expected at least two; got {words.models[0]!r} alone")


def _experiment(words: Arguments) -> None:
    """Its task, and its settings of it."""
    files = conf_files("experiment")
    if words.experiment not in files:
        raise UserError(one_of("experiment", sorted(files), words.experiment))
    loaded: Any = OmegaConf.to_container(OmegaConf.load(files[words.experiment]), resolve=False)
    for entry in loaded.get("defaults", []):
        if isinstance(entry, dict) and "override /task" in entry and not words.tasks:
            words.tasks = [str(entry["override /task"])]
    own = loaded.get("task")
    if isinstance(own, dict):
        words.filters |= {f"task.{key}": value for key, value in own.items() if key not in ("name", "margin")}


def _setting(words: Arguments, key: str, text: str) -> None:
    from seqexp import models, tasks
    from seqexp.config import schema
    from seqexp.training import optimizers

    group, _, name = key.partition(".")
    if key == "hydra/launcher" or key.startswith("hydra.launcher."):
        words.launcher.append(f"{key}={text}")
        return
    if key == "cache" and words.run:  # decides nothing, so that no run is asked for it
        schema.check_group("", {key: _value(key, text)}, {key: schema.TOP[key]})
        words.passed.append(f"{key}={text}")
        return
    if key not in TOP and (group not in GROUPS or not name):
        legal = [*OWN, *TOP, *(f"{g}.<key>" for g in GROUPS)]
        raise UserError(f"{key}: no such word{did_you_mean(_close(key))}; legal here: {', '.join(legal)}")
    text = quoted(f"{key}={text}").partition("=")[2]
    if words.run and "." in key and protocol_words.search(words.asked, key, text):
        text = words.asked.space[key].at(0.5)  # which is checked as any value is
    value = _value(key, text)
    words.passed.append(f"{key}={text}")
    if key == "optimizer":
        optimizers.lookup(str(value))
        words.filters["optimizer.name"] = value
    elif key == "tracking":
        words.tracking[key] = value
    elif key in TOP:
        words.filters |= {key: schema.check_group("", {key: value}, {key: schema.TOP[key]})[key]}
        words.filters.pop("data_dir", None)
    elif group == "tracking":
        schema.check_group(group, {name: value}, {k: (kind, None) for k, (kind, _) in _legal(group, "").items()})
        words.tracking[key] = value
    else:
        known = {"task": words.tasks or tasks.names(), "model": words.models or models.names()}
        chosen = known.get(group, [str(words.filters.get("optimizer.name", "adam"))] if group == "optimizer" else [""])
        legal_fields = {k: kind for each in chosen for k, (kind, _) in _legal(group, each).items()}
        checked = schema.check_group(group, {name: value}, {k: (kind, None) for k, kind in legal_fields.items()})
        words.filters[key] = checked[name]


def _legal(group: str, name: str) -> Mapping[str, tuple[Any, Any]]:
    from seqexp.config import schema

    return schema.group_fields(group, {"name": name})


def _value(key: str, text: str) -> Any:
    """As Hydra's command line reads it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(f"{key}={text}")
        if override.is_sweep_override():
            raise UserError(f"{key}: expected one value; got {text!r}; compare one configuration at a time")
        return override.value()
    except HydraException:
        raise UserError(f"{key}: expected a value; got {text!r}") from None


def _number(key: str, text: str, expected: str, is_legal: Any) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf") or not is_legal(value):
        raise UserError(f"{key}: expected {expected}; got {text!r}")
    return value


def _refuse_many(words: Arguments) -> None:
    compared = {model for pair in words.pairs or () for model in pair} or {*words.models}
    if len(compared) < 2 or compared != {*words.models}:
        raise UserError("run: expected models to compare, as in run=true a=rnn b=lstm, or a=lstm models=rnn,gru")
    if words.sweep:
        raise UserError("run: expected no sweep= beside it, since it makes its own runs")
    if len(words.tasks) != 1:
        raise UserError("run: expected one task, as in run=true task=adding")
    if words.match == "seconds" and "training.max_seconds" not in words.filters:
        raise UserError("match=seconds: expected training.max_seconds=<seconds> beside it; got none")
    protocol_words.check(words.asked, words.match, {*words.filters}, words.studies)
