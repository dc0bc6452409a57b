"""A sweep's jobs as tasks of a Ray cluster, or of one that is started on this machine for them."""

import logging
import os
import socket
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqexp.sweeps.job_record import JobRecord
from seqexp.sweeps.queues import Ended
from seqexp.sweeps.remote_job import RemoteJob
from seqexp.system.errors import UserError, masked

ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}  # unless the user has set them


class RayQueue:
    """At most ``n_jobs`` at a time. Ray itself starts a job again whose process or node was lost."""

    def __init__(self, sweep_dir: Path, settings: Mapping[str, Any]) -> None:
        _refuse_silent(settings["address"])
        import ray

        self._ray, self._settings = ray, settings
        for variable, value in ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
        given: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        if settings["n_jobs"] > 0:
            given["num_cpus"] = settings["n_jobs"] * settings["cpus_per_job"]
        try:
            ray.init(
                log_to_driver=False,
                logging_level=logging.ERROR,
                **(given if settings["address"] is None else {"address": settings["address"]}),
            )
        except Exception as error:
            cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
            where = settings["address"] or "this machine"
            raise UserError(f"hydra.launcher.address: no Ray at {where} ({cause})") from None
        self._waiting: deque[RemoteJob] = deque()
        self._running: dict[Any, int] = {}  # reference -> the job's number

    def submit(self, jobs: Sequence[RemoteJob]) -> None:
        self._waiting.extend(jobs)
        self._start()

    def _start(self) -> None:
        if not self._waiting:
            return
        task = self._ray.remote(num_cpus=self._settings["cpus_per_job"], max_retries=self._settings["max_retries"])
        cpus = int(self._ray.cluster_resources().get("CPU", 1))  # nodes come and go
        most = (
            self._settings["n_jobs"] if self._settings["n_jobs"] > 0 else max(1, cpus // self._settings["cpus_per_job"])
        )
        while self._waiting and len(self._running) < most:
            job = self._waiting.popleft()
            self._running[task(_work).options(name=f"seqexp #{job.number}").remote(job)] = job.number

    def ended(self) -> list[Ended]:
        if not self._running:
            return []
        done, _ = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=0, fetch_local=False)
        found = []
        for reference in done:
            number = self._running.pop(reference)
            try:
                found.append(Ended(number, record=JobRecord.parse(self._ray.get(reference))))
            except Exception as error:  # a worker, a node or the store was lost, or the memory limit was reached
                found.append(Ended(number, _lost(error)))
        self._start()
        return found

    def waiting(self) -> str | None:
        if not self._running:
            return None
        free = self._ray.available_resources().get("CPU", 0.0)
        total = self._ray.cluster_resources().get("CPU", 0.0)
        needed = self._settings["cpus_per_job"]
        return f"no node with {needed} free cores; the cluster has {total:g}" if free == total < needed else None

    def cancel(self) -> list[int]:
        forgotten = [job.number for job in self._waiting]
        self._waiting.clear()
        for reference in self._running:
            self._ray.cancel(reference, force=False)
        return forgotten

    def close(self) -> None:
        self._ray.shutdown()


def _refuse_silent(address: str | None) -> None:
    """UserError where nobody listens at <host>:<port>, for which Ray would wait minutes."""
    host, _, port = (address or "").rpartition(":")
    if not (host and port.isdigit()) or "//" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise UserError(
            f"hydra.launcher.address: no Ray at {address} ({error.strerror or error}); `ray start --head` starts one "
            "there, and address=null one on this machine"
        ) from None


def _work(job: RemoteJob) -> dict[str, Any]:
    return job.on_ray()


def _lost(error: Exception) -> str:
    """What Ray says became of a job, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no message"]
    kind = type(error).__name__
    said = {"OutOfMemoryError": "its node ran out of memory", "WorkerCrashedError": "its process was killed"}
    return f"Ray: {said.get(kind, kind)} ({masked(lines[0])[:200]}); the same command goes on"
