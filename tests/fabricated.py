"""Results of runs that nobody ran: of a few telling keys, with the rest filled in."""

from collections.abc import Mapping, Sequence
from typing import Any

from seqexp.runs.result import RunResult
from seqexp.sweeps.job_record import JobRecord

REQUIRED = {
    "status": "FINISHED",
    "model": "rnn",
    "task": "adding",
    "seed": 0,
    "signature": "0" * 12,
    "primary_metric": "test/mse",
    "direction": "min",
}


def run_result(**given: Any) -> RunResult:
    """A result with these keys of result.json."""
    return RunResult.parse(REQUIRED | given)


def job_records(jobs: Sequence[Mapping[str, Any]]) -> list[JobRecord]:
    """Records of jobs, each given by keys of result.json beside a job's own; without "metrics" no run started."""
    made = []
    for number, given in enumerate(jobs):
        own = {key: given[key] for key in ("directory", "how", "overrides") if key in given}
        own["overrides"] = {key: str(value) for key, value in own.get("overrides", {}).items()}
        if "metrics" in given and given.get("status") != "BAD_INPUT":
            result = run_result(**{key: value for key, value in given.items() if key not in own})
            made.append(JobRecord.of(result, job=number, **own))
        else:
            known: dict[str, Any] = {key: given.get(key) for key in ("model", "task", "seed", "error")}
            made.append(JobRecord(job=number, status=given.get("status", "FAILED"), **known, **own))
    return made
