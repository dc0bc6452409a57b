"""YAML in files that may come from a stranger: plain values, nested a few levels deep."""

from pathlib import Path
from typing import Any

from seqexp.system.regular_files import Unreadable, read_file

DEEPEST = 8  # levels of lists and mappings


def read_yaml(path: Path, limit: int) -> Any:
    """What a YAML file of at most ``limit`` bytes holds. FileNotFoundError where there is none; Unreadable where it
    cannot be used."""
    import yaml

    content = read_file(path, limit)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast
    try:
        _refuse_deep(yaml.parse(content, loader))
        return yaml.load(content, loader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise Unreadable(f"is no YAML ({type(error).__name__})") from error


def _refuse_deep(events: Any) -> None:
    """Unreadable where values are nested too deeply, or where one stands for another (an alias).

    Events come one by one, while loading is recursive: the C loader ends the process on tens of thousands of brackets.
    """
    import yaml

    depth = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise Unreadable("has an alias; expected plain values")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Unreadable(f"is nested more than {DEEPEST} levels deep")
