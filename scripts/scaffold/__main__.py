"""``scripts/new_model NAME`` and ``scripts/new_task NAME``: a model or task that works, its yaml and its test."""

import argparse
import keyword
import re
import sys
from pathlib import Path

from seqexp import models, tasks
from seqexp.system.errors import UserError
from seqexp.system.exit_codes import BAD_INPUT, OK

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).resolve().parent / "templates"
GROUPS = {"model": models, "task": tasks}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/new_<kind>", description=__doc__)
    parser.add_argument("kind", choices=list(GROUPS), help=argparse.SUPPRESS)
    parser.add_argument("name", help="of the new one, such as gru: model=gru")
    parser.add_argument("--plugin", type=Path, metavar="FOLDER", help="a plug-in package; made where there is none yet")
    options = parser.parse_args()
    try:
        written = write(options.kind, options.name, ROOT, options.plugin)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    print("\n".join(f"written: {path}" for path in written))
    print("\n".join(f"try: {command}" for command in commands(options.kind, options.name, options.plugin)))
    sys.exit(OK)


def write(kind: str, name: str, root: Path, plugin: Path | None = None) -> list[Path]:
    """Write the files, none of which may exist; where they lie. UserError where the name is taken or is none."""
    _check(kind, name)
    files = _in_plugin(kind, name, plugin) if plugin is not None else _in_project(kind, name, root)
    taken = next((path for path in files if path.exists()), None)
    if taken is not None:
        raise UserError(f"name: expected a new one; {taken} exists")
    if plugin is not None:
        files = {path: text for path, text in _package(plugin).items() if not path.exists()} | files
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


def commands(kind: str, name: str, plugin: Path | None) -> list[str]:
    """What to type next."""
    if plugin is None:
        return [f"scripts/test -k {name}", f"scripts/seqexp {kind}={name}"]
    return [
        f"cd {plugin} && {sys.executable} -m pytest",
        f"cd {plugin} && {sys.executable} -m seqexp plugins=[{package(plugin)}] {kind}={name}",
        f"{sys.executable} -m pip install -e {plugin}   # from then on without plugins=",
    ]


def package(plugin: Path) -> str:
    """The name of a plug-in's Python package: its folder's. UserError where that cannot be one."""
    name = plugin.resolve().name
    if not _is_word(name.replace("-", "_")):
        raise UserError(f"--plugin: expected a folder whose name a Python package can have; got {name!r}")
    return name.replace("-", "_")


def _check(kind: str, name: str) -> None:
    if not _is_word(name):
        raise UserError(f"name: expected small letters, digits and underscores, such as my_{kind}; got {name!r}")
    group = GROUPS[kind]
    if name in group.names() or hasattr(group, name):
        raise UserError(f"name: expected a new one; {name!r} is taken ({', '.join(group.names())} are)")


def _is_word(name: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None and not keyword.iskeyword(name)


def _in_project(kind: str, name: str, root: Path) -> dict[Path, str]:
    return {
        root / "seqexp" / f"{kind}s" / f"{name}.py": _filled(f"{kind}.py", kind, name),
        root / "conf" / kind / f"{name}.yaml": _filled(f"{kind}.yaml", kind, name),
        root / "tests" / f"{kind}s" / f"test_{name}.py": _filled(f"test_{kind}.py", kind, name),
    }


def _in_plugin(kind: str, name: str, plugin: Path) -> dict[Path, str]:
    inside = plugin / package(plugin)
    return {
        inside / f"{name}.py": _filled(f"{kind}.py", kind, name),
        inside / "conf" / kind / f"{name}.yaml": _filled(f"{kind}.yaml", kind, name),
        plugin / "tests" / f"test_{name}.py": _loading(_filled(f"test_{kind}.py", kind, name), package(plugin)),
    }


def _loading(test: str, plugin: str) -> str:
    """A test that loads its plug-in, whether or not it is installed."""
    imports, end, rest = test.partition("\n\n\n")
    first, *own = re.split(r"^(?=from seqexp)", imports + "\n", flags=re.MULTILINE)
    lines = sorted([*own, "from seqexp.system import plugins\n"])
    return f'{first}{"".join(lines)}\nplugins.load(["{plugin}"]){end}{rest}'


def _package(plugin: Path) -> dict[Path, str]:
    """What makes a folder a plug-in: it can be imported, installed and tested."""
    name = package(plugin)
    project = (TEMPLATES / "pyproject.toml").read_text(encoding="utf-8")
    return {
        plugin / name / "__init__.py": (TEMPLATES / "plugin" / "__init__.py").read_text(encoding="utf-8"),
        plugin / "pyproject.toml": project.replace("new_plugin", name),
    }


def _filled(template: str, kind: str, name: str) -> str:
    """A template's text with the new name for its own."""
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return text.replace(f"new_{kind}", name).replace(f"New{kind.title()}", name.title().replace("_", ""))


if __name__ == "__main__":
    main()
