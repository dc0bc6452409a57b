"""What a run leaves as result.json: the one place where it is made, written, read and checked.

run.json says as much of a run that goes on, with what result.json has no need of.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Lt
from pydantic import AfterValidator, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError
from seqexp.system.json_files import read_object
from seqexp.system.paths import RESULT, STARTED
from seqexp.system.regular_files import Unreadable
from seqexp.tasks import metrics
from seqexp.tasks.metrics import Direction
from seqexp.training.stopping import Stop

SCHEMA = 1  # of result.json; a higher one is a later version's
LONGEST_NAME = 100  # characters
LARGEST = 1e100  # a score from which on counts as not finite: its square must not overflow

Status = Literal["FINISHED", "FAILED", "DIVERGED", "KILLED", "RUNNING"]  # RUNNING is never written, only found


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("it has characters that cannot be printed")
    return name


Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME), AfterValidator(_printable)]
Count = Annotated[int, Ge(0), Lt(1 << 62)]
Time = Annotated[float, Ge(0), Lt(1e11)]  # seconds since the epoch
Score = Annotated[float | None, AfterValidator(lambda score: score if score is None or abs(score) < LARGEST else None)]
RunId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One run: who it is, what it scored, and on what.

    signature:        hashes all settings that decide the result.
    params:           numbers that training sets, ``embedding_params`` of them in embedding tables; ``params_per_unit``:
                      what one hidden unit more would take.
    seconds:          of training and validation, summed over resumes.
    epochs, stop:     passes over the training data, and what ended them: their number, the task solved, ``patience`` or
                      ``max_seconds``. None of runs of earlier versions.
    metrics:          ``{"test/accuracy": 0.97, …}``; None where the value was not finite. Only a finished run's count.
    directions:       of each of them, "max" where larger is better.
    primary_metric:   a key of ``metrics``, with its ``direction``. A trial's begins with "val/".
    baseline:         the primary metric on the test split of the answers that need no memory, by name.
    solved:           whether the score solves the task; None of a task that states no such score.
    distance:         the key that says over how many steps something has to be remembered, such as "task.length".
    data:             hash of the data, or "generated".
    files:            hash of the user's own files, which the signature has in place of their paths.
    started, ended:   seconds since the epoch.
    git_sha … cpu:    the code, and what it ran on.
    """

    status: Status
    model: Name
    task: Name
    seed: Count
    signature: Name
    primary_metric: Name
    direction: Direction
    schema: int = SCHEMA
    params: Count | None = None
    embedding_params: Count = 0
    hidden_size: Count | None = None
    params_per_unit: Count | None = None
    seconds: Time = 0.0
    steps: Count | None = None
    best_step: Count | None = None
    epochs: Count | None = None
    stop: Stop | None = None
    metrics: dict[str, Score] = field(default_factory=dict)
    directions: dict[str, Direction] = field(default_factory=dict)
    baseline: dict[str, Score] = field(default_factory=dict)
    best_baseline: str | None = None
    solved: bool | None = None
    distance: str | None = None
    data: str | None = None
    files: str | None = None
    started: Time | None = None
    ended: Time | None = None
    git_sha: str = ""
    numpy: str = ""
    blas: str = ""
    cpu: str = ""
    mlflow_run_id: RunId | None = None
    parent_run_id: str | None = None
    error: str | None = None

    __pydantic_config__ = ConfigDict(strict=True, allow_inf_nan=False)

    @property
    def is_trial(self) -> bool:
        """Whether the run was scored on the validation set and never saw the test set."""
        return self.primary_metric.startswith("val/")

    @property
    def counted_params(self) -> int | None:
        """Without the embedding tables: what a budget counts."""
        return None if self.params is None else self.params - self.embedding_params

    def score(self, metric: str | None = None) -> float | None:
        """A metric, by default the primary one, where the run finished and has it."""
        return self.metrics.get(metric or self.primary_metric) if self.status == "FINISHED" else None

    @property
    def ended_improving(self) -> bool:
        """Whether its epochs ended while it was still getting better: best after the last one, and not yet perfect."""
        bounds, score = metrics.bounds(self.primary_metric), self.score()
        perfect = bounds is not None and score == bounds[self.direction == "max"]
        return self.stop == "epochs" and self.best_step == self.steps and not perfect

    def best_memoryless(self) -> tuple[str, float] | None:
        """Name and value of the best memoryless baseline; None where there is none."""
        known = {name: value for name, value in self.baseline.items() if value is not None}
        if not known:
            return None
        return (min if self.direction == "min" else max)(known.items(), key=lambda item: item[1])

    def direction_of(self, metric: str) -> Direction:
        """Which way a metric is better. UserError where neither the run nor the table of metrics says."""
        if metric in self.directions:
            return self.directions[metric]
        return self.direction if metric == self.primary_metric else metrics.lookup(metric).direction

    def but(self, **changes: Any) -> Self:
        """The same with other values for some fields."""
        return replace(self, **changes)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def write(self, directory: Path) -> None:
        """Write result.json, complete or not at all."""
        write_text(directory / RESULT, json.dumps(self.as_json(), indent=2) + "\n")

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> "RunResult":
        """A stored result, checked. Unreadable says what it lacks; what later versions add is left out.

        Earlier versions had fewer fields, and MLflow's runs of that time have no direction: the table of metrics has.
        """
        known = {one.name for one in fields(cls)}
        given = {key: value for key, value in content.items() if key in known}
        if type(given.get("schema", SCHEMA)) is int and given.get("schema", SCHEMA) > SCHEMA:
            raise Unreadable(f"is of a later version (schema {given['schema']}; this one reads {SCHEMA})")
        try:
            if "direction" not in given and isinstance(given.get("primary_metric"), str):
                given["direction"] = metrics.lookup(given["primary_metric"]).direction
            return _adapter().validate_json(json.dumps(given))  # strictly, but an object is a RunResult
        except ValidationError as error:
            keys = dict.fromkeys(str(one["loc"][0]) for one in error.errors(include_url=False, include_context=False))
            raise Unreadable(f"lacks a usable {', '.join(keys)}") from None
        except UserError as error:
            raise Unreadable(f"cannot be judged ({error})") from None


@dataclass(frozen=True)
class StartedRun:
    """run.json: a run that is not wrapped up.

    identity: {"settings": …, "data": …}, what a run that goes on here has to agree in.
    token:    a tag that finds the run in MLflow when the process died before it knew the run's id.
    """

    result: RunResult
    identity: Mapping[str, Any] | None
    token: str | None

    def write(self, directory: Path) -> None:
        """Write run.json, complete or not at all."""
        content = self.result.as_json() | {"about": self.identity, "token": self.token}
        write_text(directory / STARTED, json.dumps(content, indent=2) + "\n")


@dataclass(frozen=True)
class CompletedRun:
    """What running gives back. how: "" where all of it was done here, else skipped, resumed or retried."""

    result: RunResult
    directory: Path
    how: str = ""


def read_result(directory: Path) -> RunResult | None:
    """A run directory's result.json; None where there is none. UserError where it is damaged."""
    content = _content(directory, RESULT)
    return None if content is None else _parsed(directory / RESULT, content)


def read_started(directory: Path) -> StartedRun | None:
    """A run directory's run.json; None where there is none. UserError where it is damaged."""
    content = _content(directory, STARTED)
    if content is None:
        return None
    identity, token = content.get("about"), content.get("token")
    return StartedRun(
        _parsed(directory / STARTED, content),
        identity if isinstance(identity, dict) else None,
        token if isinstance(token, str) else None,
    )


def _content(directory: Path, name: str) -> dict[str, Any] | None:
    try:
        return read_object(directory / name)
    except FileNotFoundError:
        return None
    except Unreadable as error:
        raise UserError(f"{directory / name}: expected a run's result; it {error}") from None


def _parsed(file: Path, content: Mapping[str, Any]) -> RunResult:
    try:
        return RunResult.parse(content)
    except Unreadable as error:
        raise UserError(f"{file}: expected a run's result; it {error}") from None


@cache
def _adapter() -> TypeAdapter[RunResult]:
    return TypeAdapter(RunResult)
