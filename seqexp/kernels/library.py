"""The compiled kernels, loaded; compiled before, where that has not been done on this machine."""

import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seqexp.kernels.build import FLAGS, FUNCTIONS, SOURCES

Backend = Literal["numpy", "compiled"]
logger = logging.getLogger("seqexp")
INSTALL = "pip install 'seqexp[fast]', and a C compiler (cc)"
LETTERS = {"f": "f", "d": "d"}  # of NumPy's number types -> the ending of their kernels
LONGEST = 300  # seconds that a compiler may take


class Unavailable(Exception):
    """There are no kernels here; the message says why, in one line."""


class Library:
    """The kernels, by name and number type, and what their arguments need."""

    def __init__(self, module: Any) -> None:
        self.ffi, self._lib = module.ffi, module.lib

    def function(self, name: str, dtype: np.dtype[Any]) -> Any:
        return getattr(self._lib, f"{name}_{LETTERS[dtype.char]}")

    def pointer(self, array: np.ndarray | None) -> Any:
        """The array's memory, which the caller keeps; NULL for None."""
        if array is None:
            return self.ffi.NULL
        if array.flags.c_contiguous:  # then it takes a sixth of the time
            return self.ffi.from_buffer(array)
        return self.ffi.cast("void *", array.ctypes.data)

    def integers(self, array: np.ndarray) -> Any:
        """The same of int64 that follow each other."""
        return self.ffi.cast("int64_t *", self.ffi.from_buffer(array))


def library() -> Library:
    """Unavailable where the kernels cannot be had."""
    found = _library()
    if isinstance(found, str):
        raise Unavailable(found)
    return found


def missing() -> str | None:
    """Why there are no kernels here, in one line with what to do; None where there are."""
    found = _library()
    return found if isinstance(found, str) else None


def usable(backend: Backend) -> Backend:
    """The backend, or numpy where it is compiled and there are no kernels, which is said once."""
    if backend == "compiled" and (why := missing()) is not None:
        _say(f"backend=compiled: {why}; NumPy computes")
        return "numpy"
    return backend


@cache
def _say(line: str) -> None:
    logger.warning("%s", line)


@cache
def vector_bits() -> int:
    """The widest vectors that this CPU has and the kernels use; 128 stands for any CPU."""
    umath: Any = importlib.import_module("numpy._core._multiarray_umath")  # has what NumPy itself chooses by
    has = umath.__cpu_features__

    if has.get("X86_V4", has.get("AVX512_SKX")):  # the newer name, and the older one
        return 512
    return 256 if has.get("X86_V3", has.get("AVX2") and has.get("FMA3")) else 128


@cache
def _library() -> Library | str:
    """One attempt a process, whatever comes of it."""
    if importlib.util.find_spec("cffi") is None:
        return f"cffi is not installed: {INSTALL}"
    name = f"_seqexp_kernels_{_fingerprint()}"
    for folder in (_cache_folder(), None):
        try:
            return Library(_load(name, _built(name, folder)))
        except OSError as error:  # a home that cannot be written to: for this process alone
            logger.debug("kernels cannot be kept in %s: %s", folder, error)
            problem = str(error)
        except (ImportError, subprocess.SubprocessError) as error:
            output = getattr(error, "stderr", None) or str(error)
            logger.debug("%s", output)
            lines = [line for line in output.splitlines() if "error" in line.lower()] or output.splitlines() or ["?"]
            return f"they do not compile here ({lines[0].strip()[:150]}): {INSTALL}"
    return f"they cannot be stored ({problem}); free some space"


def _fingerprint() -> str:
    """Of all that decides what is compiled."""
    what = [sys.implementation.cache_tag, str(vector_bits()), os.uname().machine, FUNCTIONS, *FLAGS]
    what += [path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.[ch]"))]
    return hashlib.sha256("\0".join(what).encode()).hexdigest()[:16]


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("seqexp") / "kernels"


def _built(name: str, folder: Path | None) -> Path:
    """The module's file, compiled if it is not there. Without a folder in one that goes with the process."""
    from filelock import FileLock

    if folder is None:
        import atexit

        folder = Path(tempfile.mkdtemp(prefix="seqexp-kernels-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name + EXTENSION_SUFFIXES[0])
    if path.exists():
        return path
    with FileLock(folder / "lock"), tempfile.TemporaryDirectory(dir=folder) as beside:
        if not path.exists():  # another process may just have done it
            logger.info("compiling kernels for this CPU, once: some seconds")
            command = [sys.executable, "-m", "seqexp.kernels.build", name, beside, str(vector_bits())]
            root = SOURCES.parent.parent
            paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
            environment = {**os.environ, "PYTHONPATH": paths}
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=LONGEST, env=environment)
            made = next(Path(beside).rglob(f"{name}*{EXTENSION_SUFFIXES[0].rpartition('.')[2]}"))
            os.replace(made, path)
    return path


def _load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018 - a file with an extension module's ending
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
