"""Plug-ins: other people's modules, which register models, tasks and metrics, and may have a conf/ beside them.

A plug-in is named by the user (``plugins=[my.module]``), or installed with an entry point of the group
``seqexp.plugins``. Loading one imports its module, and that is all: the module registers what it has.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from seqexp.system.errors import UserError

GROUP = "seqexp.plugins"

_named: list[str] = []  # modules that the user has named in this process


def is_name(name: object) -> bool:
    """Whether this can be a module's name."""
    return isinstance(name, str) and len(name) <= 200 and all(part.isidentifier() for part in name.split("."))


def load(names: Sequence[str]) -> None:
    """Import these modules, which may lie in the current folder. UserError names the one that cannot be imported."""
    for name in names:
        if name not in _named:
            _import(name, "plugins")
            _named.append(name)


def load_installed() -> None:
    """Import the modules that installed entry points name. UserError as in ``load``."""
    for name, distribution in installed().items():
        if name not in sys.modules:
            _import(name, f"plug-in of the installed package {distribution}")


def loaded() -> list[str]:
    """The plug-ins that this process has: those named, then the installed ones."""
    return [*_named, *(name for name in installed() if name not in _named)]


def owner(cls: type) -> str | None:
    """The plug-in that a registered class comes from; None of the project's own."""
    top = cls.__module__.partition(".")[0]
    return next((name for name in loaded() if name.partition(".")[0] == top), None)


def conf_folders() -> list[Path]:
    """The conf/ beside each plug-in's module, where there is one. Installed plug-ins are not imported for it."""
    beside = [_folder(name) for name in loaded()]
    return list(dict.fromkeys(folder / "conf" for folder in beside if folder and (folder / "conf").is_dir()))


def installed() -> dict[str, str]:
    """module -> distribution, of the entry points of the group."""
    return _installed(tuple(sys.path))


@cache
def _installed(path: tuple[str, ...]) -> dict[str, str]:
    if not any(map(_mentions_group, path)):
        return {}
    from importlib.metadata import entry_points  # here: it takes longer than to see that nobody needs it

    return {point.module: point.dist.name if point.dist else "?" for point in entry_points(group=GROUP)}


def _mentions_group(folder: str) -> bool:
    """Whether a package installed there has an entry point of the group."""
    try:
        with os.scandir(folder or ".") as entries:
            found = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    except OSError:
        return False
    for info in found:
        try:
            if GROUP in Path(info, "entry_points.txt").read_text(encoding="utf-8"):
                return True
        except (OSError, ValueError):
            continue
    return False


def _import(name: str, where: str) -> None:
    if not is_name(name):
        raise UserError(f"{where}: expected names of modules, such as [my.module]; got {name!r}")
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.append(str(Path.cwd()))  # as `python -m` does; an installed command has its own folder there
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise UserError(
                f"{where}: expected a module that can be imported, installed or in the current folder; "
                f"there is no {error.name!r}" + (f", of {name!r}" if error.name != name else "")
            ) from error
        raise UserError(_failed(where, name, error)) from error
    except (Exception, SystemExit) as error:
        raise UserError(_failed(where, name, error)) from error


def _failed(where: str, name: str, error: BaseException) -> str:
    said = f"{type(error).__name__}: {error}"
    return f"{where}: {name} cannot be imported ({said}); `python -c 'import {name}'` shows where"


def _folder(name: str) -> Path | None:
    """The folder that a plug-in's module, or package, lies in."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not (spec.submodule_search_locations or spec.origin):
        return None
    inside = spec.submodule_search_locations
    folder = Path(inside[0]) if inside else Path(str(spec.origin)).parent
    deeper = folder.joinpath(*rest)
    return deeper if deeper.is_dir() else deeper.parent
