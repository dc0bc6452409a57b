"""The launchers ``hydra/launcher=submitit_slurm``, ``submitit_local`` and ``ray``: runs as a scheduler's jobs.

Hydra imports this module at every start, so it imports little itself. What they do is in sweeps/queues.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from seqexp.sweeps.queues import Queue


class QueueLauncher(Launcher):
    """Gives jobs to a queue and waits for them. The arguments are those of the launcher's file in conf/hydra/launcher/.

    UserError where the queue's library is not installed, or the queue takes no job.
    """

    name: str  # as in hydra/launcher=<name>

    def __init__(self, **settings: Any) -> None:
        plain: Any = OmegaConf.to_container(OmegaConf.create(settings), resolve=True)
        self.settings: dict[str, Any] = plain

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from seqexp.system.extras import need

        need(self.name)  # not before: Hydra would wrap an error of the constructor
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from seqexp.sweeps import queues, remote_job

        sweep_dir = Path(str(self.config.hydra.sweep.dir))
        sweep_dir.mkdir(parents=True, exist_ok=True)
        settings = queues.check(self.name, self.settings)
        remote_job.check_tracking(self.name, self.config.tracking, settings)
        queue = self.queue(sweep_dir, settings)
        try:
            base = remote_job.prepared(self.hydra_context, self.task_function, self.config, sweep_dir, settings)
        except BaseException:
            queue.close()
            raise
        jobs = [base.numbered(number, list(words)) for number, words in enumerate(job_overrides, initial_job_idx)]
        queues.run_all(queue, jobs, sweep_dir, settings)
        return [JobReturn(status=JobStatus.COMPLETED) for _ in jobs]  # what a job came to is in its record

    def queue(self, sweep_dir: Path, settings: Any) -> "Queue":
        raise NotImplementedError


class SlurmLauncher(QueueLauncher):
    name = "submitit_slurm"

    def queue(self, sweep_dir: Path, settings: Any) -> "Queue":
        from seqexp.sweeps.slurm_queue import SlurmQueue

        return SlurmQueue(sweep_dir, settings)


class LocalLauncher(QueueLauncher):
    name = "submitit_local"

    def queue(self, sweep_dir: Path, settings: Any) -> "Queue":
        from seqexp.sweeps.local_queue import LocalQueue

        return LocalQueue(sweep_dir, settings)


class RayLauncher(QueueLauncher):
    name = "ray"

    def queue(self, sweep_dir: Path, settings: Any) -> "Queue":
        from seqexp.sweeps.ray_queue import RayQueue

        return RayQueue(sweep_dir, settings)
