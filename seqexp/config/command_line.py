"""A command line before Hydra reads it: commands, flags wherever they stand, free text quoted, words that are none.

Hydra wants flags before all overrides, and text in quotation marks of its own inside the shell's.
"""

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from seqexp.config.compose import all_settings, conf_files, keys_of, meant
from seqexp.system.commands import HELP
from seqexp.system.errors import UserError, did_you_mean, masked
from seqexp.system.program import program

COMMANDS = ("compare", "explain", "predict", "sync", "ui")  # modules of seqexp that `seqexp <command> …` runs
FLAGS: Mapping[
    str, tuple[str, Sequence[str] | None]
] = {  # long -> short, and the values: None for no value, () for any
    "--help": ("-h", None),
    "--hydra-help": ("", None),
    "--version": ("", None),
    "--cfg": ("-c", ("job", "hydra", "all")),
    "--resolve": ("", None),
    "--package": ("-p", ()),
    "--run": ("-r", None),
    "--multirun": ("-m", None),
    "--shell-completion": ("-sc", None),
    "--config-path": ("-cp", ()),
    "--config-name": ("-cn", ()),
    "--config-dir": ("-cd", ()),
    "--experimental-rerun": ("", ()),
    "--info": ("-i", ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")),
}
FUNCTIONS = ("choice", "range", "interval", "glob", "tag", "sort", "shuffle", "int", "float", "str", "bool")  # Hydra's
CLOSING = {"[": "]", "{": "}", "(": ")"}


def for_hydra(words: Sequence[str]) -> list[str]:
    """The words of a run or a sweep as Hydra takes them: flags first, text quoted. UserError names a word that Hydra
    would stumble over, and what to type instead."""
    flags, overrides = separated(words)
    if "--shell-completion" in flags or "-sc" in flags:
        return list(words)
    overrides = [quoted(word) if _is_override(word) else word for word in overrides]
    if {"-m", "--multirun"} & set(flags) or "hydra.mode=MULTIRUN" in overrides:
        overrides = _loosened(overrides)
    return [*flags, *overrides]


def separated(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The flags with their values (--cfg=job), and the other words. UserError where a flag does not exist."""
    flags: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            others += rest
        elif not re.match(r"[-–—]", word):  # dashes too that an editor has made of a hyphen
            others.append(word)
        else:
            flags.append(_flag(word, rest))
    return flags, others


def refuse_flags(words: Sequence[str]) -> None:
    """UserError where a command whose only flag is --help gets another one."""
    for word in words:
        if re.match(r"[-–—]", word) and word not in HELP:
            raise UserError(_no_flag(word, HELP))


# -- flags and words that are none -----------------------------------------------------------------------------------


def _flag(word: str, rest: Iterator[str]) -> str:
    """The flag, with its value, which may be the next word."""
    name, equals, value = word.partition("=")
    begun = [flag for flag in FLAGS if len(name) > 3 and flag.startswith(name)]  # as every parser allows
    known = [flag for flag, (short, _) in FLAGS.items() if name in (flag, short)] or begun
    if len(known) != 1:
        raise UserError(_no_flag(word, [*FLAGS, "-m"]))
    values = FLAGS[known[0]][1]
    if values is None:
        if equals:
            raise UserError(f"{name}: takes no value; got {value!r}")
        return word
    if not equals:
        value = "all" if known == ["--info"] else next(rest, "")
    if not value or (values and value not in values):
        raise UserError(f"{known[0]}: expected {'one of ' + ', '.join(values) if values else 'a value'}; got {value!r}")
    return f"{known[0]}={value}"


def _no_flag(word: str, legal: Sequence[str]) -> str:
    name, equals, value = re.sub("^[-–—]+", "", word).partition("=")
    close = get_close_matches(f"--{name}", legal, 1)
    if not close and legal != HELP:  # --seed 3, as other programs take it
        close = [f"{key}={value if equals else '<value>'}" for key in meant(name)[:1]]
    return f"{word}: no such flag{did_you_mean(close)}; --help says what there is"


def _is_override(word: str) -> bool:
    """Whether the word is key=value. UserError where it is neither that nor ~hydra.key, which Hydra understands."""
    key, equals, value = word.partition("=")
    if word.startswith("~"):
        if word.startswith("~hydra"):
            return False
        raise UserError(_cannot_be_left_out(key[1:]))
    if not equals:
        raise UserError(f"{word}: expected key=value{did_you_mean(_readings(word))}; --help says what there is")
    if not re.fullmatch(r"\+{0,2}[A-Za-z_$][\w$./@:-]*", key, re.ASCII):
        raise UserError(f"{key or word}: no such key{did_you_mean(meant(key))}; a word is key=value, without spaces")
    if key.lstrip("+") == "hydra.sweeper.params" and value.startswith("{"):
        raise UserError(f"hydra.sweeper.params: works in yaml files only; here type {_swept(word)}")
    return True


def _readings(word: str) -> list[str]:
    """What a word that is no key=value may stand for: a command, a key, or a choice of a group (lstm: model=lstm)."""
    close = get_close_matches(word, COMMANDS, 1, 0.75)
    if close:
        return [f"`seqexp {close[0]} …`, the command's name first"]
    groups = [key for key in keys_of("", ()) if conf_files(key)]
    if word in groups:
        return [f"{word}={choice}" for choice in sorted(conf_files(word))]
    choices = [f"{group}={word}" for group in groups if word in conf_files(group)]
    return choices or [f"{key}=<value>" for key in meant(word)[:2]]


def _cannot_be_left_out(key: str) -> str:
    choices = sorted(conf_files(key))
    variants = {choice for choice in choices for other in choices if choice.startswith(f"{other}_")}  # lstm_peephole
    instead = [f"{key}=off"] if "off" in choices else [f"{key}={name}" for name in choices if name not in variants]
    if not choices:
        settings = all_settings()
        if key not in settings:
            return f"~{key}: no such key{did_you_mean(meant(key))}"
        computed = str(settings[key]).startswith("${")
        instead = [f"{key}=<value>" if computed else word(key, settings[key])]
    return f"~{key}: a run needs every setting; give it a value, such as {' or '.join(instead)}, or leave the word out"


def _swept(text: str) -> str:
    """``{seed: "0,1"}`` as words of a sweep."""
    params = _parsed(text)
    if not isinstance(params, dict):
        return "-m key=value1,value2"
    return " ".join(["-m", *(f"{key}={value}" for key, value in params.items())])


def _loosened(words: Sequence[str]) -> list[str]:
    """A sweep's words, with the keys of a group that the sweep varies made addable.

    For ``-m model=rnn,stacked_rnn model.activation=relu`` Hydra first composes the sweep with the default model, which
    may lack the key, and refuses; ``++model.activation=relu`` passes. Each job's config is checked strictly later.
    """
    swept = {word.partition("=")[0] for word in words if re.match(r"[\w/]+=.*(,|choice|glob)", word)}
    return [f"++{word}" if word.partition(".")[0] in swept else word for word in words]


# -- values ----------------------------------------------------------------------------------------------------------


def word(key: str, value: Any) -> str:
    """A setting as Hydra's command line takes it."""
    return f"{key}={_written(value)}"


def for_shell(text: str) -> str:
    """A word as it is typed in a shell: in double quotation marks if need be, since Hydra's own are single ones."""
    return shlex.quote(text) if re.search(r'["$`!\\]', text) or shlex.quote(text) == text else f'"{text}"'


def typed(*more: str) -> str:
    """The command line that this process was started with, and ``more`` words, each in the place of one of its key."""
    keys = {word.partition("=")[0] for word in more}
    words = [masked(word) for word in sys.argv[1:] if word.partition("=")[0] not in keys]
    return " ".join([program(), *map(for_shell, [*words, *more])])


def quoted(text: str) -> str:
    """A word key=value whose value Hydra reads: as it is where Hydra can, else in Hydra's quotation marks. What is
    swept, listed or given to a function stays so. UserError where a bracket or quotation mark is left open."""
    key, _, value = text.partition("=")
    if re.fullmatch(r"[\w./:+-]*", value, re.ASCII):
        return text  # quickly, since nearly all are such
    return f"{key}={_readable(value, key)}"


def _readable(value: str, key: str) -> str:
    if _is_read(value):
        return value
    parts = _split(value)
    if len(parts) > 1:
        if not all(part.strip() for part in parts):
            said = "expected a value between every two commas"
            raise UserError(f"{key}: {said}; got {value!r}; {_as_free_text(key, value)}")
        return ",".join(_readable(part, key) for part in parts)
    listed = re.fullmatch(r"(?s)\s*\[(.*)\]\s*", value)
    if listed:
        items = ",".join(_readable(item, key) for item in _split(listed[1]))
        if _is_read(f"[{items}]"):
            return f"[{items}]"
    _refuse_open(key, value)
    if value[0] == value[-1] and value[0] in "'\"" and len(value) > 1:
        value = value[1:-1]  # 'o'brien': the outer marks were meant for Hydra
    return _as_text(value)


def _refuse_open(key: str, value: str) -> None:
    """UserError where a list, a function's arguments or a quotation are begun and not ended."""
    name = re.match(r"\s*(\w*)\(", value)
    if name and name[1] not in FUNCTIONS and (close := get_close_matches(name[1], FUNCTIONS, 1, 0.75)):
        raise UserError(f"{key}: no such function {name[1]!r}, did you mean {close[0]}?; {_as_free_text(key, value)}")
    opening = "(" if name and name[1] in FUNCTIONS else value.lstrip()[:1]
    if opening in CLOSING and value.count(opening) > value.count(CLOSING[opening]):
        raise UserError(f"{key}: expected a closing {CLOSING[opening]!r}; got {value!r}; {_as_free_text(key, value)}")
    if name and name[1] in FUNCTIONS:
        # Hydra's functions take the quotation marks off their arguments, so that no job could read them again.
        raise UserError(f"{key}: {name[1]}(…) does not take these; got {value!r}; text goes in a plain list, a,b")
    if opening in ("'", '"') and value.count(opening) == 1:
        raise UserError(f"{key}: expected a closing {opening}; got {value}; {_as_free_text(key, value)}")


def _as_free_text(key: str, value: str) -> str:
    return f"if it is text, type {for_shell(f'{key}={_as_text(value)}')}"


def _split(value: str) -> list[str]:
    """At the commas that are in no brackets and no quotation."""
    parts, depth, mark = [""], 0, ""
    for letter in value:
        if mark:
            mark = "" if letter == mark else mark
        elif letter in "'\"" and not parts[-1].strip():
            mark = letter
        elif letter in "[{(":
            depth += 1
        elif letter in "]})":
            depth -= 1
        if letter == "," and not mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _parser() -> Callable[[str], Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override


def _parsed(text: str) -> Any:
    """A word's value; None where Hydra cannot read it."""
    return _parser()(text).value() if _is_read(text.partition("=")[2]) else None


def _is_read(value: str) -> bool:
    """Whether Hydra's grammar takes the value."""
    from hydra.errors import HydraException

    try:
        _parser()(f"key={value}")
    except (HydraException, ValueError, TypeError):
        return False
    return True


def _as_text(value: str) -> str:
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(value, Quote.single).with_quotes()


def _written(value: Any) -> str:
    if isinstance(value, str):
        plain = re.fullmatch(r"[\w/][\w./-]*", value, re.ASCII) and _parsed(f"key={value}") == value
        return value if plain else _as_text(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(map(_written, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
