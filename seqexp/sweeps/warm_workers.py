"""joblib's processes, forked from one that has imported once what a run needs, and has built what all runs share.

Each would else be an interpreter of its own, which imports the same for two seconds and keeps its own copy of it. The
process that they are forked from starts early, and works while the command is being read.
"""

import atexit
import json
import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from hydra.core.utils import env_override
from joblib import cpu_count, effective_n_jobs
from threadpoolctl import threadpool_limits

from seqexp.config.run_config import RunConfig
from seqexp.runs.baselines import baselines_of
from seqexp.runs.location import Location
from seqexp.runs.parts import built_task
from seqexp.system import cache
from seqexp.system.paths import CACHE
from seqexp.tracking.mlflow_store import ENVIRONMENT

PRELOADED = "seqexp.sweeps.preloaded"
SHARED = "SEQEXP_SHARED"  # what all runs share, as JSON: task, data_dir, the hash of files, the folder of the cache
MLFLOW = ("mlflow.tracking", "mlflow.store.tracking.sqlalchemy_store")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
PATIENCE = 1.0  # seconds


def prepare(n_jobs: int, tracked: bool, like: RunConfig | None = None) -> None:
    """Have joblib fork its processes from one that is started now.

    tracked: whether runs go to MLflow. like: a run, whose task and baselines are those of all.

    Nothing is done on systems where a process that has used the BLAS may not be forked, and for Python functions: a
    process that is forked runs the main module again, and a user's script may do all its work there.
    """
    if sys.platform != "linux" or not _runs_a_command():
        return
    from joblib.externals.loky.backend.context import set_start_method

    multiprocessing.set_forkserver_preload([PRELOADED, *(MLFLOW if tracked else ())])
    threads = str(max(cpu_count() // effective_n_jobs(n_jobs), 1))  # as joblib tells the processes that it starts
    variables = ENVIRONMENT | {name: os.environ.get(name, threads) for name in THREADS} | _shared(like)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: a terminal's Ctrl-C is this process's to answer
    try:
        with env_override(variables):
            forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)
    atexit.register(_end)  # after joblib has ended its processes
    set_start_method("forkserver", force=True)


def _shared(like: RunConfig | None) -> dict[str, str]:
    """What the runs share, where they may share something."""
    if like is None or like.is_trial or not like.settings.get("cache", True):
        return {}
    about = {key: like.settings[key] for key in ("task", "data_dir")} | {"files": like.files}
    return {SHARED: json.dumps(about | {"root": str((Location.root / CACHE).absolute())})}


def build(shared: str) -> None:
    """Build the task and work out its baselines, as the first of the runs would. To be called in the process that
    others are forked from."""
    settings = json.loads(shared)
    run_config = RunConfig(settings, "", settings.pop("files"))
    with cache.keeping(Path(settings.pop("root"))), threadpool_limits(1):  # OpenMP's threads would not survive a fork
        baselines_of(run_config, built_task(run_config))


def _end() -> None:
    """Have nothing left when the command has ended, and its time counted as the command's."""
    server: Any = forkserver._forkserver
    pid = server._forkserver_pid
    if pid is None:
        return
    os.close(server._forkserver_alive_fd)  # which it notices once it has imported everything
    deadline = monotonic() + PATIENCE
    with suppress(ChildProcessError):
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            sleep(0.01)
    server._forkserver_pid = server._forkserver_alive_fd = server._forkserver_address = None


def _runs_a_command() -> bool:
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return spec.name.startswith("seqexp.") if spec is not None else Path(file or "").name == "seqexp"
