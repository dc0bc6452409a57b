"""Commands as a user types them, each in a process and a folder of its own.

The process is forked from one that has imported what it needs, which is most of a short command's time. What
depends on more than words, environment and folder - what is imported, signals, a shell - is tested with ``fresh``
processes or the tests' own.
"""

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.forked import ROOT, processes

QUICK = ["task=hello", "training.epochs=2", "task.steps_per_epoch=2", "figures=none"]


def environment(*path: Path) -> dict[str, str]:
    """The variables of a command: those of here, but what changes numbers or messages. path: to find modules in."""
    cleared = {"SEQEXP_TRACEBACK", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
    kept = {key: value for key, value in os.environ.items() if key not in cleared}
    found_in = os.pathsep.join(map(str, [ROOT, *path]))
    return kept | {"PYTHONPATH": found_in, "OPENBLAS_NUM_THREADS": "1"}


def python_m(
    folder: Path,
    module: str,
    *words: str,
    variables: Mapping[str, str] | None = None,
    fresh: bool = False,
    isolated: bool = False,
    unencoded: bool = False,
) -> subprocess.CompletedProcess[str]:
    """``python -m module words`` in a folder; ``isolated``: which is not on Python's path, as for an installed one.
    ``unencoded``: its figures are files that say nothing, since to encode them is most of a report's time."""
    variables = environment() if variables is None else variables
    if fresh:
        command = [sys.executable, *(["-P"] if isolated else []), "-m", module, *words]
        return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=180)
    with GoingOn(folder, module, *words, variables=variables, isolated=isolated, unencoded=unencoded) as begun:
        out, said = begun.communicate()
        return subprocess.CompletedProcess([module, *words], begun.wait(0), out, said)


class GoingOn:
    """``python -m module words`` in a folder, as a process in a session of its own; with what subprocess.Popen has of
    it. At the end of a block nothing of the session is left."""

    def __init__(
        self,
        folder: Path,
        module: str,
        *words: str,
        variables: Mapping[str, str] | None = None,
        isolated: bool = False,
        unencoded: bool = False,
    ) -> None:
        self._said = tempfile.TemporaryDirectory()
        self._outputs = [Path(self._said.name, name) for name in ("stdout", "stderr")]
        variables = environment() if variables is None else variables
        outputs = [str(file) for file in self._outputs]
        given = (str(folder), module, words, dict(variables), isolated, unencoded, outputs)
        self._process = processes().Process(target=_run, args=given)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def __enter__(self) -> "GoingOn":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.alive() if error[0] is not None or self.poll() is None else ():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.join()
        self._said.cleanup()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("the command", timeout)
        return self.returncode

    def communicate(self, timeout: float = 180) -> tuple[str, str]:
        self.wait(timeout)
        out, said = (file.read_text(encoding="utf-8") for file in self._outputs)
        self._said.cleanup()
        return out, said

    def alive(self) -> list[int]:
        """The processes of its session."""
        lines = subprocess.run(["ps", "-eo", "pid=,sid=,stat="], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in lines.splitlines()]
        return [int(pid) for pid, session, state in rows if int(session) == self.pid and state[0] != "Z"]


def seqexp(folder: Path, *words: str, fresh: bool = False) -> subprocess.CompletedProcess[str]:
    """``python -m seqexp words`` in a folder."""
    return python_m(folder, "seqexp", *words, fresh=fresh)


def only_result(folder: Path) -> tuple[dict, Path]:
    """The result.json of the only run below a folder, and the run's directory."""
    (file,) = (f for f in Path(folder).glob("runs/*/*/*/result.json") if "mlartifacts" not in f.parts)
    return json.loads(file.read_text()), file.parent


def _run(
    folder: str,
    module: str,
    words: list[str],
    variables: dict[str, str],
    isolated: bool,
    unencoded: bool,
    said: list[str],
) -> None:
    """Become that command: what an interpreter sets up at its start, from what it is given."""
    os.setsid()
    for number, file in enumerate(said, start=1):
        os.dup2(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    found_in = [each for each in variables.get("PYTHONPATH", "").split(os.pathsep) if each]
    sys.path[:0] = found_in if isolated else [folder, *found_in]
    sys.argv = [module, *words]
    if unencoded:
        from seqexp.plots import figure

        figure._as = lambda kind, figure: b"<svg></svg>"
    code: object = None
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    # An interpreter's own end, which processes of multiprocessing do not have: joblib's workers end by it.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)
