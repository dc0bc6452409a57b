"""Runs as a comparison reads them: found below a folder, filtered, and of one configuration a model.

What lies there may be damaged or a stranger's: it is read without trust, and what cannot be read is counted and named.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqexp.runs.lock import locked
from seqexp.system.errors import UserError
from seqexp.system.json_files import stored_result
from seqexp.system.paths import RESULT, STARTED

Settings = Mapping[str, Any]  # flattened: {"model.hidden_size": 64, …}

SKIPPED = {"trials", "sweeps", "tuning", "compare", "mlartifacts"}  # folders beside those of the tasks
LONGEST_CONFIG = 100_000  # bytes
LONGEST_NAME = 100  # characters
DEEPEST = 6  # folders below the root that a run's directory lies in, at most
STATUSES = ("FINISHED", "FAILED", "DIVERGED", "KILLED", "RUNNING")
DECIDING = ("model.", "task.", "optimizer.", "training.", "dtype", "threads")  # how the keys that decide begin
NOT_DECIDING = {"task.margin", "training.checkpoint_every"}
ABSENT = "absent"


@dataclass(frozen=True)
class Run:
    """One run. ``directory`` is None for one that only MLflow has."""

    result: Mapping[str, Any]
    directory: Path | None = None
    settings: Settings = field(default_factory=dict)

    @property
    def model(self) -> str:
        return str(self.result["model"])

    @property
    def task(self) -> str:
        return str(self.result["task"])

    @property
    def seed(self) -> int:
        return int(self.result["seed"])

    @property
    def status(self) -> str:
        return str(self.result["status"])

    @property
    def where(self) -> str:
        return str(self.directory) if self.directory else f"MLflow run {self.result.get('mlflow_run_id')}"

    def number(self, key: str) -> float | None:
        """A finite number of result.json, or None."""
        return finite(self.result.get(key))

    def score(self, metric: str) -> float | None:
        """The metric, where the run finished and has it."""
        return finite(self.result["metrics"].get(metric)) if self.status == "FINISHED" else None


@dataclass
class Found:
    """The runs of a folder, and what there could not be read, a line each."""

    runs: list[Run] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def find(root: Path) -> Found:
    """Every run below ``root``, without its settings: result.json alone is read."""
    found = Found()
    for folder, files in _folders(root, DEEPEST):
        started = RESULT not in files
        result = stored_result(folder, STARTED if started else RESULT)
        if started and result:
            free = _is_free(folder)
            error = "its process was killed" if free else "still running"
            result = result | {"status": "KILLED" if free else "RUNNING", "error": error}
        lacks = problem(result)
        if lacks:
            found.broken.append(f"{folder}: {lacks}")
        elif result is not None:
            found.runs.append(Run(result, folder))
    return found


def with_settings(runs: Sequence[Run], broken: list[str]) -> list[Run]:
    """The runs with what their config.yaml says; those whose file cannot be read are named in ``broken``."""
    read = []
    for run in runs:
        if run.directory is None:
            read.append(run)
            continue
        try:
            read.append(Run(run.result, run.directory, read_settings(run.directory / "config.yaml")))
        except ValueError as error:
            broken.append(f"{run.directory}: {error}")
    return read


def read_settings(path: Path) -> dict[str, Any]:
    """A stored config, flattened. Two levels of plain values and short lists are all it may have; ValueError else."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast
    try:
        with open(path, "rb") as file:
            text = file.read(LONGEST_CONFIG + 1)
        config = yaml.load(text, loader) if len(text) <= LONGEST_CONFIG else None
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"config.yaml cannot be read ({type(error).__name__})") from None
    if not isinstance(config, dict):
        raise ValueError("config.yaml is not a run's config")
    flat: dict[str, Any] = {}
    for key, value in config.items():
        inner = value.items() if isinstance(value, dict) else [(None, value)]
        flat |= {f"{key}.{name}" if name is not None else str(key): leaf for name, leaf in inner}
    bad = next((key for key, value in flat.items() if not _is_plain(value)), None)
    if bad is not None:
        raise ValueError(f"config.yaml: {bad[:60]} is not a plain value")
    return flat


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
    return {key: value for key, value in run.settings.items() if decides(key)}


def decides(key: str) -> bool:
    """Whether a setting decides the result of a seed."""
    return key.startswith(DECIDING) and key not in NOT_DECIDING


def of_one_configuration(runs: Sequence[Run], match: str | None, winners: Collection[str]) -> list[Run]:
    """The runs of one task and model that differ in the seed alone; UserError names what several differ in.

    Of several configurations the one that holds a tuning study's ``winners`` (signatures) is taken, or, where
    parameters are to ``match``, the one with a budget.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(json.dumps(deciding(run), sort_keys=True, default=str), []).append(run)
    several = list(groups.values())
    if len(several) > 1 and (tuned := [g for g in several if any(run.result["signature"] in winners for run in g)]):
        several = tuned
    if len(several) > 1 and match in ("params", "hidden"):
        chosen = "model.param_budget" if match == "params" else "model.hidden_size"
        several = [g for g in several if g[0].settings.get(chosen) is not None] or several
    if len(several) > 1:
        raise UserError(_ambiguous([group[0] for group in several]))
    return several[0] if several else []


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
    for run in sorted(runs, key=lambda run: (run.status == "FINISHED", run.number("started") or 0.0)):
        counts[run.seed] = run
    return dict(sorted(counts.items())), len(runs) - len(counts)


def finite(value: Any) -> float | None:
    """The value as a number, where it is a finite one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    return float(value) if is_number else None


def _ambiguous(examples: Sequence[Run]) -> str:
    run, keys = examples[0], differing(examples)
    listed = "; ".join(f"{key} ({', '.join(_word(value) for value in seen[:6])})" for key, seen in keys.items())
    key, seen = next(iter(keys.items()), ("seed", [0]))
    value = next((value for value in reversed(seen) if value is not None and value != ABSENT), None)
    return (
        f"{run.task}: expected runs of {run.model} that differ in the seed alone; got {len(examples)} configurations, "
        f"which differ in {listed[:600]}; choose one, such as {key}={_word(value)}"
    )


def _word(value: Any) -> str:
    """As the command line takes it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


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
        top = deeper == DEEPEST and entry.name in SKIPPED
        if deeper and not top and entry.is_dir(follow_symlinks=False):
            yield from _folders(Path(entry.path), deeper - 1)


def _is_free(folder: Path) -> bool:
    """Whether no process works in a run's directory; one that cannot be asked is nobody's."""
    try:
        with locked(folder, wait=False) as held:
            return held
    except UserError:
        return True


def problem(result: Mapping[str, Any] | None) -> str | None:
    """What a result lacks to be one."""
    if not result:
        return f"{RESULT} cannot be read"
    texts = ("model", "task", "signature", "primary_metric")
    missing = [key for key in texts if not _is_name(result.get(key))]
    if type(result.get("seed")) is not int or not 0 <= result["seed"] < 1 << 62:
        missing.append("seed")
    if result.get("status") not in STATUSES:
        missing.append("status")
    if result.get("direction") not in ("min", "max"):
        missing.append("direction")
    if not isinstance(result.get("metrics"), dict) or not isinstance(result.get("baseline"), dict):
        missing.append("metrics or baseline")
    return f"{RESULT} lacks a usable {', '.join(missing)}" if missing else None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()


def _is_plain(value: Any, deep: int = 0) -> bool:
    if value is None or isinstance(value, str | int | float):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is not None and deep < 1 and len(inner) <= 100 and all(_is_plain(leaf, deep + 1) for leaf in inner)
