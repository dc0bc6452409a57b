"""Runs a test with a mistake in the code: a forked process imports the changed text, and no file is touched."""

import contextlib
import importlib.abc
import importlib.util
import os
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

from tests.forked import ROOT, processes

PATIENCE = 300  # seconds until a process that hangs is given up
PYTEST = 100  # is added to pytest's exit code: a process that fails in another way ends with 1 too
WORDS = ("-x", "-q", "--tb=native", "-p", "no:cacheprovider")  # to look up a traceback's source takes long


@dataclass(frozen=True)
class Mutant:
    """A mistake in a module, as a text that takes another one's place, and the test that has to fail with it."""

    does: str
    module: str  # "training.trainer"
    old: str
    new: str
    test: str

    @property
    def file(self) -> Path:
        return ROOT / "seqexp" / f"{self.module.replace('.', '/')}.py"

    def source(self) -> str:
        """The module's text with the mistake. ValueError where the code has changed and the mistake has no place."""
        text = self.file.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has {text.count(self.old)} times {self.old!r}: write the mistake anew")
        return text.replace(self.old, self.new)


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self.text = text

    def get_code(self, fullname: str) -> Any:
        return compile(self.text, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self.name, self.path, self.text = f"seqexp.{mutant.module}", str(mutant.file), mutant.source()

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(
            fullname, self.path, loader=_Loader(fullname, self.path, self.text)
        )


def _run(mutant: Mutant, log: Path) -> None:
    """In a process of its own: pytest's exit code on the test with the mistake."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "seqexp"]:
        del sys.modules[name]  # imported before the mistake was made
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        del os.environ[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # to import them takes longer than the test
    sys.meta_path.insert(0, _Finder(mutant))
    os.chdir(ROOT)
    import pytest

    with log.open("w") as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = pytest.main([*WORDS, "--rootdir", str(ROOT), mutant.test])
    sys.exit(PYTEST + int(code))


def exit_code(mutant: Mutant, log: Path) -> int | None:
    """pytest's exit code on the mutant's test: 1 where it fails, 0 where nothing is noticed; None: it never ended."""
    process = processes().Process(target=_run, args=(mutant, log))
    process.start()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
    ended = process.exitcode or 0
    return ended - PYTEST if ended >= PYTEST else None
