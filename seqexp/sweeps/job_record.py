"""What a sweep's job came to: a file in the sweep's directory, since jobs and leader may be different processes."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from seqexp.runs.result import CompletedRun, RunResult, Status
from seqexp.system.atomic_files import write_text
from seqexp.system.json_files import read_object
from seqexp.system.paths import JOBS
from seqexp.system.regular_files import Unreadable


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """One job. ``result`` is None where no run started; then ``status`` and ``error`` say what happened.

    overrides: the words that the job was started with, key -> value.
    how:       "" where all of the run was done here, else skipped, resumed or retried.
    host:      whose disk has ``directory``, where it is not the sweep's.
    """

    job: int
    overrides: Mapping[str, str] = field(default_factory=dict)
    status: Status | Literal["BAD_INPUT"] = "KILLED"
    model: str | None = None
    task: str | None = None
    seed: int | None = None
    error: str | None = None
    directory: str | None = None
    how: str = ""
    host: str = ""
    result: RunResult | None = None

    def ended_as(self, run: CompletedRun) -> "JobRecord":
        """The record with the run that the job made, or found."""
        return self.of(run.result, job=self.job, overrides=self.overrides, directory=str(run.directory), how=run.how)

    @classmethod
    def of(cls, result: RunResult, *, job: int, **others: Any) -> "JobRecord":
        """The record of a job with this result."""
        return cls(
            job=job,
            status=result.status,
            model=result.model,
            task=result.task,
            seed=result.seed,
            error=result.error,
            result=result,
            **others,
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> "JobRecord":
        """The record of what asdict gave. KeyError, TypeError or Unreadable where it is something else."""
        others = dict(content)
        result = others.pop("result")
        return cls(**others, result=None if result is None else RunResult.parse(result))

    @property
    def score(self) -> float | None:
        """The primary metric, where the run finished."""
        return None if self.result is None else self.result.score()

    def write(self, sweep_dir: Path) -> None:
        folder = sweep_dir / JOBS
        folder.mkdir(exist_ok=True)
        write_text(_file(sweep_dir, self.job), json.dumps(asdict(self)))


def read_record(sweep_dir: Path, job: int) -> JobRecord:
    """What a job left; of one that left nothing usable, that it failed."""
    try:
        return JobRecord.parse(read_object(_file(sweep_dir, job)))
    except (FileNotFoundError, Unreadable, KeyError, TypeError):
        return JobRecord(job=job, status="FAILED", error="the job left no record")


def has_record(sweep_dir: Path, job: int) -> bool:
    """Whether the job has ended."""
    return _file(sweep_dir, job).is_file()


def find_record(sweep_dir: Path, job: int) -> JobRecord | None:
    """As ``read_record``; None of a job that has not ended."""
    return read_record(sweep_dir, job) if has_record(sweep_dir, job) else None


def read_records(sweep_dir: Path) -> list[JobRecord]:
    """Those of all jobs that have ended, by number."""
    files = sorted((sweep_dir / JOBS).glob("*.json"))
    return [read_record(sweep_dir, int(file.stem)) for file in files if re.fullmatch("[0-9]{1,9}", file.stem)]


def _file(sweep_dir: Path, job: int) -> Path:
    return sweep_dir / JOBS / f"{job:05d}.json"
