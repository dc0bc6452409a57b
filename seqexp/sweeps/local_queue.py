"""A sweep's jobs as processes of this machine, started by submitit as a cluster would."""

import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from seqexp.sweeps.queues import Ended
from seqexp.sweeps.remote_job import RemoteJob
from seqexp.sweeps.submitted import Submitted, last_line, submission, tidy
from seqexp.system.paths import SCHEDULER


class LocalQueue:
    """At most ``n_jobs`` at a time."""

    def __init__(self, sweep_dir: Path, settings: Mapping[str, Any]) -> None:
        from joblib import effective_n_jobs

        self._folder, self._settings = (sweep_dir / SCHEDULER).absolute(), settings
        self._slots = effective_n_jobs(settings["n_jobs"] or -1)
        self._waiting: deque[RemoteJob] = deque()
        self._running: list[tuple[Submitted, Any]] = []

    def submit(self, jobs: Sequence[RemoteJob]) -> None:
        self._waiting.extend(jobs)
        self._start()

    def _start(self) -> None:
        from submitit import LocalExecutor

        names = ("timeout_min", "signal_delay_s", "setup")
        given = {name: self._settings[name] for name in names if self._settings[name] is not None}
        while self._waiting and len(self._running) < self._slots:
            job = self._waiting.popleft()
            with submission(self._folder):
                executor = LocalExecutor(self._folder, max_num_timeout=self._settings["max_num_timeout"])
                executor.update_parameters(**given)
                made = executor.submit(job)
            self._running.append((Submitted(job.number, made.paths), made))

    def ended(self) -> list[Ended]:
        found, running = [], []
        for job, made in self._running:
            if not made.done():
                running.append((job, made))
            elif job.has_result():
                found.append(Ended(job.number, job.failure()))
            else:
                line = last_line(job.paths.stderr)
                found.append(Ended(job.number, f"its process was killed{f' ({line})' if line else ''}"))
        self._running = running
        self._start()
        return found

    def waiting(self) -> str | None:
        return None

    def cancel(self) -> list[int]:
        forgotten = [job.number for job in self._waiting]
        self._waiting.clear()
        for _, made in self._running:
            if not made.done():  # so that the process, which is this one's child, is still that one
                with suppress(ProcessLookupError):
                    os.kill(int(made.job_id), signal.SIGTERM)  # submitit's own way kills it after a second
        return forgotten

    def close(self) -> None:
        tidy(self._folder)
