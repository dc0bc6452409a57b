"""One job of a sweep as it travels to another process or host, and what it does there."""

import hashlib
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from seqexp import __version__, config
from seqexp.sweeps import workers
from seqexp.sweeps.job_record import JobRecord, has_record, read_record
from seqexp.sweeps.parent_run import parent_run
from seqexp.system import plugins, signals
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError, mask_logs, masked
from seqexp.system.paths import PARENT, SWEEPS
from seqexp.tracking import sqlite_file
from seqexp.tracking.mlflow_store import program


@dataclass(frozen=True, kw_only=True)
class RemoteJob:
    """A job of a sweep. Called, it does the run and leaves its record in the sweep's folder.

    words:   the job's overrides.
    folder:  where the sweep was started: relative paths are meant from there.
    home:    a job without a shared disk: the folder that it works in on its host, else None.
    parent:  the content of the sweep's file of its parent run.
    plugins: modules to import first.
    code:    what the sweep's code is, which the job's has to be too.
    state:   Hydra's.
    """

    hydra_context: HydraContext
    task_function: TaskFunction
    config: DictConfig
    state: Mapping[Any, Any]
    sweep_dir: str
    folder: str
    home: str | None
    parent: str | None
    plugins: tuple[str, ...]
    code: str
    number: int = -1
    words: tuple[str, ...] = ()

    def numbered(self, number: int, words: list[str]) -> "RemoteJob":
        return replace(self, number=number, words=tuple(words))

    def checkpoint(self) -> Any:
        """submitit's protocol: what is queued again after a time limit. All state is on the disk, so it is the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def __call__(self) -> None:
        announced = getattr(signal, "SIGUSR2", None)
        requeue = signal.getsignal(announced) if announced else None  # submitit's
        self._enter()
        try:
            with workers.serving(Path(self.sweep_dir), {signal.SIGTERM, *signals.ANNOUNCED}):
                self._work()
        except SystemExit as end:
            if announced and end.code in [128 + each for each in signals.ANNOUNCED] and callable(requeue):
                requeue(announced, None)  # writes down ``checkpoint()``, queues the job again and exits
            raise

    def on_ray(self) -> dict[str, Any]:
        """The same as Ray's task, which is cancelled by SIGINT; gives the record, which the leader may not see."""
        self._enter()
        try:
            with workers.serving(Path(self.sweep_dir), set(signals.SIGNALS), has_disk=self.home is None):
                self._work()
        except SystemExit:  # it would end Ray's worker, and Ray would start the job again
            signals.asked = None
        return asdict(self._record())

    def _enter(self) -> None:
        """What a process of its own has to know before it can compose the config."""
        if self.home is not None:
            Path(self.home).mkdir(parents=True, exist_ok=True)
        os.chdir(self.home or self.folder)
        sys.path[:0] = [folder for folder in (self.folder,) if folder not in sys.path]  # plug-ins may lie there
        mask_logs()
        config.register_resolvers()
        if self.home is not None and self.parent is not None:
            Path(self.sweep_dir).mkdir(parents=True, exist_ok=True)
            write_text(Path(self.sweep_dir, PARENT), self.parent)

    def _work(self) -> None:
        record = JobRecord(job=self.number, overrides=_said(self.words), status="BAD_INPUT")
        if code() != self.code:
            error = f"{socket.gethostname()}: expected seqexp {self.code}, as where the sweep was started; got {code()}"
            replace(record, error=f"{error}; install the same version there").write(Path(self.sweep_dir))
            return
        try:
            plugins.load(self.plugins)
        except UserError as error:
            replace(record, error=f"{socket.gethostname()}: {error}").write(Path(self.sweep_dir))
            return
        setup_globals()
        Singleton.set_state(dict(self.state))
        composed = self.hydra_context.config_loader.load_sweep_config(self.config, list(self.words))
        with open_dict(composed):
            composed.hydra.job.id, composed.hydra.job.num = f"{self.number}", self.number
            composed.hydra.runtime.cwd = os.getcwd()
            composed.hydra.sweep.dir = self.sweep_dir
        done = run_job(
            hydra_context=self.hydra_context,
            task_function=self.task_function,
            config=composed,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        _ = done.return_value  # raises what the job could not record

    def _record(self) -> JobRecord:
        record = read_record(Path(self.sweep_dir), self.number)
        if not has_record(Path(self.sweep_dir), self.number):
            record = replace(record, status="KILLED", error=None, overrides=_said(self.words))
        return replace(record, host=socket.gethostname()) if self.home is not None else record


def prepared(
    hydra_context: HydraContext,
    task_function: TaskFunction,
    cfg: DictConfig,
    sweep_dir: Path,
    settings: Mapping[str, Any],
) -> RemoteJob:
    """What all jobs of the sweep have in common. Starts its parent run, so that no two hosts do."""
    parent_run(sweep_dir, {str(key): value for key, value in cfg.tracking.items()})
    shared = settings.get("shared_disk", True)
    home = None if shared else settings["scratch"]
    return RemoteJob(
        hydra_context=hydra_context,
        task_function=task_function,
        config=cfg,
        state=Singleton.get_state(),
        sweep_dir=str(sweep_dir.absolute()) if home is None else str(Path(home, SWEEPS, sweep_dir.name)),
        folder=os.getcwd(),
        home=home,
        parent=(sweep_dir / PARENT).read_text(encoding="utf-8"),
        plugins=tuple(plugins.loaded()),
        code=code(),
    )


SERVER = (
    "mlflow server --host <host> --backend-store-uri postgresql://<user>@<host>/<database> "
    "--artifacts-destination <folder>"
)


def check_tracking(launcher: str, tracking: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """UserError where runs would be kept in an SQLite file, which processes of several hosts cannot share; and without
    a shared disk where no MLflow server takes their files."""
    uri, shared = tracking.get("uri") or "", settings.get("shared_disk", True)
    server = SERVER.replace("mlflow", program(), 1)
    several = launcher == "submitit_slurm" or settings.get("address") is not None
    if several and tracking["name"] != "off" and sqlite_file.named_by(uri) is not None:
        raise UserError(
            f"tracking.uri: jobs on several hosts cannot share an SQLite file; got {uri}; start `{server}` and set "
            "tracking.uri=http://<host>:5000, or tracking=off"
        )
    if not shared and (tracking["name"] == "off" or not uri.startswith("http")):
        given = "tracking=off" if tracking["name"] == "off" else masked(uri)
        raise UserError(
            f"hydra.launcher.shared_disk=false: runs come home through an MLflow server; got {given}; start "
            f"`{server}` and set tracking.uri=http://<host>:5000"
        )


@cache
def code() -> str:
    """The version of this package with a hash of its modules, by which two installations are told apart."""
    package = Path(__file__).resolve().parents[1]
    said = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        said.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
    return f"{__version__} ({said.hexdigest()[:12]})"


def _said(words: tuple[str, ...]) -> dict[str, str]:
    pairs = (word.lstrip("+~").partition("=")[::2] for word in words)
    return {key: masked(value) for key, value in pairs}
