"""Commands as a user types them, each in a process and a folder of its own.

The process is forked from one that has imported what it needs, which is most of a short command's time. What
depends on more than words, environment and folder - what is imported, signals, a shell - is tested with ``fresh``
processes or the tests' own.
"""

import atexit
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
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
) -> subprocess.CompletedProcess[str]:
    """``python -m module words`` in a folder; ``isolated``: which is not on Python's path, as for an installed one."""
    variables = environment() if variables is None else variables
    if fresh:
        command = [sys.executable, *(["-P"] if isolated else []), "-m", module, *words]
        return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=180)
    with tempfile.TemporaryDirectory() as said:
        outputs = [Path(said, name) for name in ("stdout", "stderr")]
        given = (str(folder), module, words, dict(variables), isolated, [str(file) for file in outputs])
        process = processes().Process(target=_run, args=given)
        process.start()
        process.join(180)
        if process.is_alive():
            process.kill()
            raise TimeoutError(f"python -m {module} {' '.join(words)} went on for 180 seconds")
        texts = [file.read_text(encoding="utf-8") for file in outputs]
    assert process.exitcode is not None
    return subprocess.CompletedProcess([module, *words], process.exitcode, *texts)


def seqexp(folder: Path, *words: str, fresh: bool = False) -> subprocess.CompletedProcess[str]:
    """``python -m seqexp words`` in a folder."""
    return python_m(folder, "seqexp", *words, fresh=fresh)


def only_result(folder: Path) -> tuple[dict, Path]:
    """The result.json of the only run below a folder, and the run's directory."""
    (file,) = (f for f in Path(folder).glob("runs/*/*/*/result.json") if "mlartifacts" not in f.parts)
    return json.loads(file.read_text()), file.parent


def _run(
    folder: str, module: str, words: list[str], variables: dict[str, str], isolated: bool, said: list[str]
) -> None:
    """Become that command: what an interpreter sets up at its start, from what it is given."""
    for number, file in enumerate(said, start=1):
        os.dup2(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    found_in = [each for each in variables.get("PYTHONPATH", "").split(os.pathsep) if each]
    sys.path[:0] = found_in if isolated else [folder, *found_in]
    sys.argv = [module, *words]
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
