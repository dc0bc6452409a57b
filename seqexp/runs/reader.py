"""Runs as a comparison reads them: found below a folder, filtered, and of one configuration a model.

What lies there may be damaged or a stranger's: it is read without trust, and what cannot be read is counted and named.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seqexp.config.run_config import completed, flattened, is_source, stored_settings, that_decide
from seqexp.runs.location import Location
from seqexp.runs.lock import locked
from seqexp.runs.result import LONGEST_NAME, RunResult, read_result, read_started
from seqexp.system.errors import UserError
from seqexp.system.paths import BESIDE_TASKS, CONFIG, RESULT, STARTED
from seqexp.system.regular_files import Unreadable

Settings = Mapping[str, Any]  # flattened: {"model.hidden_size": 64, …}

DEEPEST = 6  # folders below the root that a run's directory lies in, at most
ABSENT = "absent"  # of a setting that a model lacks


@dataclass(frozen=True)
class Run:
    """One run. ``directory`` is None for one that only MLflow has."""

    result: RunResult
    directory: Path | None = None
    settings: Settings = field(default_factory=dict)

    @property
    def where(self) -> str:
        return str(self.directory) if self.directory else f"MLflow run {self.result.mlflow_run_id}"


@dataclass
class Found:
    """The runs of a folder, and what there could not be read, a line each."""

    runs: list[Run] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def find(root: Path) -> Found:
    """Every run below ``root``, without its settings: result.json alone is read."""
    found = Found()
    for folder, files in _folders(root, DEEPEST):
        try:
            result = read_result(folder) if RESULT in files else _unfinished(folder)
        except UserError as error:
            found.broken.append(str(error))
            continue
        if result is not None:
            found.runs.append(Run(result, folder))
    return found


def _unfinished(folder: Path) -> RunResult | None:
    """The result so far of a run that has none yet."""
    started = read_started(folder)
    if started is None:
        return None
    if _is_free(folder):
        return started.result.but(status="KILLED", error="its process was killed")
    return started.result.but(status="RUNNING", error="still running")


def has_runs(task: str) -> bool:
    """Whether there are runs of a task that nobody may know by name here, as of an object of one's own."""
    return task.isidentifier() and task not in BESIDE_TASKS and (Location.root / task).is_dir()


def with_settings(runs: Sequence[Run], broken: list[str]) -> list[Run]:
    """The runs with what their config.yaml says; those whose file cannot be read are named in ``broken``."""
    read = []
    for run in runs:
        if run.directory is None:
            read.append(run)
            continue
        try:
            settings = read_settings(run.directory / CONFIG)
            _refuse_another(run.result, settings)
            read.append(Run(run.result, run.directory, settings))
        except ValueError as error:
            broken.append(f"{run.directory}: {CONFIG} {error}")
    return _of_one_spelling(read)


def _of_one_spelling(runs: Sequence[Run]) -> list[Run]:
    """The runs with one path for each file of the user's: the same content elsewhere is the same data."""
    spelled: dict[str, dict[str, Any]] = {}
    same = []
    for run in runs:
        if run.result.files is not None:
            own = {key: value for key, value in run.settings.items() if is_source(key)}
            run = replace(run, settings={**run.settings, **spelled.setdefault(run.result.files, own)})
        same.append(run)
    return same


def read_settings(path: Path) -> dict[str, Any]:
    """A stored config, flattened and completed. Two levels of plain values and short lists are all it may have;
    ValueError else."""
    try:
        flat = flattened(stored_settings(path))
    except Unreadable as error:
        raise ValueError(str(error)) from None
    for key, value in flat.items():
        if len(key) > LONGEST_NAME or not all(part.isidentifier() for part in key.split(".")):
            raise ValueError(f"has a key that is no setting's, {key[:60]!r}")
        if not _is_plain(value):
            raise ValueError(f"has no plain value for {key}")
    return completed(flat)


def _refuse_another(result: RunResult, settings: Settings) -> None:
    """ValueError where the settings are not those of the result's model and task: they would choose what is typed to
    make the run again."""
    for group, name in (("model", result.model), ("task", result.task)):
        said = settings.get(f"{group}.name")
        if said != name:
            raise ValueError(f"has {group}.name={said!r:.60}, and {RESULT} {name!r}")
    if "model.hidden_size" not in settings:  # which every model's settings have
        raise ValueError("has no model.hidden_size")


def matches(run: Run, filters: Settings) -> bool:
    """Whether the run's config has these values; a model's setting that another model lacks is no reason to refuse."""
    for key, wanted in filters.items():
        if key not in run.settings and key.startswith("model."):
            continue
        if not same(run.settings.get(key), wanted):
            return False
    return True


def same(stored: Any, wanted: Any) -> bool:
    """Equality of settings: 1 is 1.0, but true is not 1."""
    numbers = [value for value in (stored, wanted) if isinstance(value, int | float) and not isinstance(value, bool)]
    return stored == wanted if len(numbers) == 2 else type(stored) is type(wanted) and stored == wanted


def deciding(run: Run) -> dict[str, Any]:
    """The settings in which two runs of one configuration agree: all that decide the result but the seed."""
    return {key: value for key, value in that_decide(run.settings).items() if key != "seed"}


def differing(runs: Sequence[Run], prefixes: tuple[str, ...] = ("",)) -> dict[str, list[Any]]:
    """The settings in which the runs differ, with their values in order of appearance."""
    each = [deciding(run) for run in runs]
    keys = dict.fromkeys(key for settings in each for key in settings if key.startswith(prefixes))
    values = {key: [settings.get(key, ABSENT) for settings in each] for key in keys}
    distinct = {key: [v for n, v in enumerate(seen) if v not in seen[:n]] for key, seen in values.items()}
    return {key: seen for key, seen in distinct.items() if len(seen) > 1}


def newest_of_each_seed(runs: Sequence[Run]) -> tuple[dict[int, Run], int]:
    """seed -> the run that counts: finished before any other, then the newest; and how many others there were."""
    counts: dict[int, Run] = {}
    for run in sorted(runs, key=lambda run: (run.result.status == "FINISHED", run.result.started or 0.0)):
        counts[run.result.seed] = run
    return dict(sorted(counts.items())), len(runs) - len(counts)


def _folders(folder: Path, deeper: int) -> Iterator[tuple[Path, set[str]]]:
    """Folders with a result.json or a run.json, and their files."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    files = {entry.name for entry in listed}
    if files & {RESULT, STARTED}:
        yield folder, files
        return
    for entry in listed:
        top = deeper == DEEPEST and entry.name in BESIDE_TASKS
        if deeper and not top and entry.is_dir(follow_symlinks=False):
            yield from _folders(Path(entry.path), deeper - 1)


def _is_free(folder: Path) -> bool:
    """Whether no process works in a run's directory; one that cannot be asked is nobody's."""
    try:
        with locked(folder, wait=False) as held:
            return held
    except UserError:
        return True


def _is_plain(value: Any, deep: int = 0) -> bool:
    if value is None or isinstance(value, str | int | float):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is not None and deep < 1 and len(inner) <= 100 and all(_is_plain(leaf, deep + 1) for leaf in inner)
