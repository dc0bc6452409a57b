"""joblib's processes, forked from one that has imported once what a run needs, and has built what all runs share.

Each would else be an interpreter of its own, which imports the same for two seconds and keeps its own copy of it. The
process that they are forked from is itself forked from the command's, early, and works while that one goes on.
"""

import atexit
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from multiprocessing import forkserver, resource_tracker
from multiprocessing.util import get_temp_dir
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NoReturn

from joblib import cpu_count, effective_n_jobs
from threadpoolctl import threadpool_limits

from seqexp.config.run_config import RunConfig
from seqexp.runs.baselines import baselines_of
from seqexp.runs.location import Location
from seqexp.runs.parts import built_task
from seqexp.system import cache
from seqexp.system.paths import CACHE
from seqexp.system.signals import SIGNALS
from seqexp.tracking.mlflow_store import ENVIRONMENT

NAMES = (  # of modules that a joblib process needs for its first run
    "hydra._internal.utils",
    "hydra_plugins.hydra_joblib_launcher._core",
    "joblib.externals.loky.process_executor",
    "seqexp.runs.location",
    "seqexp.runs.run",
    "seqexp.sweeps.job",
    "seqexp.sweeps.parent_run",
)
MLFLOW = ("mlflow.tracking", "mlflow.store.tracking.sqlalchemy_store")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
PATIENCE = 1.0  # seconds


def prepare(n_jobs: int, tracked: bool, like: RunConfig | None = None) -> None:
    """Have joblib fork its processes from one that is forked from this one now: to be called before this process holds
    a lock or starts a thread.

    tracked: whether runs go to MLflow. like: a run, whose task and baselines are those of all.

    Nothing is done on systems where a process that has used the BLAS may not be forked; with a Python whose fork server
    expects more than is passed here; and for Python functions, since a user's own process may hold and run anything.
    """
    if sys.platform != "linux" or sys.version_info >= (3, 14) or not _runs_a_command():
        return
    from joblib.externals.loky.backend.context import set_start_method

    threads = str(max(cpu_count() // effective_n_jobs(n_jobs), 1))  # as joblib tells the processes that it starts
    variables = ENVIRONMENT | {name: os.environ.get(name, threads) for name in THREADS}
    _start(partial(_make_ready, variables, NAMES + MLFLOW * tracked, _shared(like)))
    atexit.register(_end)  # after joblib has ended its processes
    set_start_method("forkserver", force=True)


def _start(make_ready: Callable[[], None]) -> None:
    """As multiprocessing starts its fork server, which is another interpreter there, and imports everything again."""
    resource_tracker.ensure_running()
    with socket.socket(socket.AF_UNIX) as listener:
        address = f"{get_temp_dir()}/forks-{os.getpid()}"  # in a folder of this user alone
        listener.bind(address)
        os.chmod(address, 0o600)
        listener.listen()
        ended, alive = os.pipe()  # that can be read once every process which holds the other end is gone
        sys.stdout.flush()  # what has not been written would be twice
        sys.stderr.flush()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until each of the two hears them in its own way
        pid = os.fork()
        if pid == 0:
            os.close(alive)
            _serve(listener.fileno(), ended, make_ready)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(ended)
    server: Any = forkserver._forkserver
    server._forkserver_address, server._forkserver_alive_fd, server._forkserver_pid = address, alive, pid


def _serve(listener: int, ended: int, make_ready: Callable[[], None]) -> NoReturn:
    """Fork what is asked for, until nobody is left to ask."""
    try:
        for number in SIGNALS:  # a terminal signals the group; what is forked sets its own when a job begins
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        make_ready()
        forkserver.main(listener, ended, [])
    finally:
        os._exit(0)  # what this process was forked from is not its to clean up


def _make_ready(variables: Mapping[str, str], modules: Sequence[str], shared: Mapping[str, Any]) -> None:
    """Import and build, in the process that others are forked from."""
    os.environ.update(variables)
    threadpool_limits(int(variables["OPENBLAS_NUM_THREADS"]), user_api="blas")  # of one that has read its own before
    for name in modules:
        import_module(name)
    with suppress(Exception):  # of data that cannot be had: each run says so itself
        build(shared)
    gc.collect()
    gc.freeze()  # no process that is forked looks through all this for garbage


def _shared(like: RunConfig | None) -> dict[str, Any]:
    """What the runs share, where they may share something: task, data_dir, the hash of files, the folder of the
    cache."""
    if like is None or like.is_trial or not like.settings.get("cache", True):
        return {}
    about = {key: like.settings[key] for key in ("task", "data_dir")}
    return about | {"files": like.files, "root": (Location.root / CACHE).absolute()}


def build(shared: Mapping[str, Any]) -> None:
    """Build the task and work out its baselines, as the first of the runs would."""
    if not shared:
        return
    settings = {key: shared[key] for key in ("task", "data_dir")}
    run_config = RunConfig(settings, "", shared["files"])
    with cache.keeping(shared["root"]), threadpool_limits(1):  # OpenMP's threads would not survive a fork
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
