"""The sides as the measuring program sees them: child processes that prepare cases and run steps on request."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent

# Settings that change what a BLAS or a thread pool does; everybody is measured as installed.
INHERITED = ("OPENBLAS_", "GOTO_", "OMP_", "GOMP_", "KMP_", "MKL_", "BLIS_", "VECLIB_", "XLA_", "JAX_", "TORCH_")

# A CPU without AVX-512 on one that has it, for every side: NumPy, OpenBLAS, PyTorch with MKL and oneDNN, XLA.
AVX2 = {
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}
NARROWED = "NPY_DISABLE_CPU_FEATURES"  # NumPy's own, read when it is imported

INSTALL = {"torch": "pip install torch==2.13.0", "jax": "pip install jax"}


class SideFailed(Exception):
    """A child could not do what it was asked; the message is its own last line."""


def inherited_settings() -> dict[str, str]:
    """What the environment says to BLAS and thread pools, but for ``narrowed``."""
    ours = AVX2 if NARROWED in os.environ else {}
    settings = {name: value for name, value in os.environ.items() if name.startswith(INHERITED)}
    return {name: value for name, value in settings.items() if ours.get(name) != value}


def narrowed() -> dict[str, str]:
    """The environment of a process that computes as on a CPU without AVX-512."""
    umath: Any = importlib.import_module("numpy._core._multiarray_umath")
    wide = [name for name in umath.__cpu_dispatch__ if "AVX512" in name or name == "X86_V4"]
    there = [name for name in wide if umath.__cpu_features__.get(name)]
    return {**os.environ, **AVX2, NARROWED: " ".join(there)}


def clean_environment(threads: int) -> dict[str, str]:
    """The environment of a child: none of the inherited settings, and XLA told to stay off other threads for one."""
    environment = {name: value for name, value in os.environ.items() if name not in inherited_settings()}
    environment |= {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "PYTHONDONTWRITEBYTECODE": "1"}
    if threads == 1:
        environment["XLA_FLAGS"] = f"{environment.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    return environment


def find_interpreter(peer: str, peer_python: str | None) -> str | None:
    """This interpreter if it has the peer, else ``peer_python`` if that has it, else None."""
    for python in (sys.executable, peer_python):
        if python is None:
            continue
        probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({peer!r}) is None)"
        try:
            if subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode == 0:
                return python
        except OSError:
            continue
    return None


class Child:
    """One side with a number of threads, ready to be asked."""

    def __init__(self, side: str, python: str, threads: int, clock: str = "wall") -> None:
        self.side, self.clock = side, clock
        command = [python, "-m", "scripts.benchmark.server", side, str(threads)]
        self._process = subprocess.Popen(
            command,
            env=clean_environment(threads),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.version: str = self._answer()["version"]

    def prepare(self, case: Mapping[str, Any], wait: bool) -> tuple[str, list[float]]:
        """The variant chosen as the fastest, and the first losses; for ``wait`` see ``server.run``."""
        answer = self._ask(case=dict(case), wait=wait)
        return answer["variant"], answer["losses"]

    def seconds(self, steps: int) -> float:
        """Seconds a step, over that many."""
        return float(self._ask(steps=steps, clock=self.clock)["seconds"]) / steps

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process.terminate()
        self._process.wait()

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise SideFailed(self._last_words()) from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SideFailed(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SideFailed(f"{self.side}: {answer['error'].splitlines()[-1]}")
        return answer

    def _last_words(self) -> str:
        assert self._process.stderr is not None
        said = self._process.stderr.read().strip().splitlines()
        return f"{self.side}: ended with {self._process.wait()}: {said[-1] if said else 'without a word'}"
