"""Which directory a run works in, and whether what lies there is the same run."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqexp.config.run_config import RunConfig, is_source, stored
from seqexp.runs.directory import fresh_directory
from seqexp.runs.result import RunResult, read_result, read_started
from seqexp.system.errors import UserError
from seqexp.system.paths import CONFIG, RUNS, TRIALS

logger = logging.getLogger("seqexp")


@dataclass(frozen=True)
class Location:
    """Where a run goes: a directory the user named, or None for ``root/<task>/<model>/<signature>``.

    A trial's is below ``root/trials``. A single run takes a fresh ``<signature>.<n>``, a sweep's run the plain one.
    """

    directory: Path | None = None
    root: Path = Path(RUNS)
    in_sweep: bool = False
    parent_run_id: str | None = None

    def base(self, run_config: RunConfig) -> Path:
        return self._below_model(run_config) / run_config.signature

    def all_of(self, run_config: RunConfig) -> list[Path]:
        """The directories that may hold the run: of every signature that it has had, the plain ones first."""
        names = run_config.signatures
        folder = self._below_model(run_config)
        return [*(folder / name for name in names), *(path for name in names for path in folder.glob(f"{name}.*"))]

    def fresh(self, run_config: RunConfig) -> Path:
        """A new directory. UserError where it cannot be created."""
        return fresh_directory(self.base(run_config))

    def _below_model(self, run_config: RunConfig) -> Path:
        root = self.root / TRIALS if run_config.is_trial else self.root
        return root / run_config.name("task") / run_config.name("model")


def choose(run_config: RunConfig, location: Location, data: Callable[[], str]) -> Path | None:
    """The directory that ``resume`` and the location lead to; None for a fresh one. Nothing is created.

    data: gives the hash of the run's data; a run on other data is another run, whatever its settings.
    UserError where a named directory holds another run, or none to resume.
    """
    resume = run_config.settings.get("resume") or ("auto" if location.in_sweep else "never")
    if resume not in ("auto", "never"):
        path = Path(resume)
        found = belongs(path)
        if found is None:
            raise UserError(f"resume: expected auto, never, or the directory of a run; {path} holds none")
        if found.signature in run_config.signatures and found.data not in (None, data()):
            raise UserError(
                f"{path}: its run had other data (another hash); set them back, or start a new run with resume=never"
            )
        return path
    if location.directory is not None:
        found = belongs(location.directory)
        is_this = found is not None and found.signature in run_config.signatures and found.data in (None, data())
        if found is not None and (resume == "never" or not is_this):
            whose = "this run" if is_this else "another run"
            raise UserError(
                f"hydra.run.dir: expected a directory without a run; {location.directory} holds {whose} "
                f"(signature {found.signature}); choose another directory"
                + (", or resume it with resume=auto" if whose == "this run" else "")
            )
        return location.directory
    if resume == "never":
        return None
    found_runs = [(path, run) for path in location.all_of(run_config) if (run := belongs(path)) is not None]
    runs = [path for path, run in found_runs if run.data in (None, data())]
    if not location.in_sweep:
        return max(runs, key=lambda path: (not _is_finished(path), path.stat().st_mtime), default=None)
    base = location.base(run_config)
    taken = any(path == base for path, _ in found_runs)
    if taken and base not in runs:
        logger.warning("%s holds a run on other data, which is left as it is", base)
    return next((path for path in runs), None if taken else base)


def belongs(path: Path) -> RunResult | None:
    """What is known of the run in a directory: its run.json while it is not wrapped up, else its result.json."""
    started = read_started(path)
    return started.result if started is not None else read_result(path)


def earlier_result(run_config: RunConfig, path: Path | None) -> RunResult | None:
    """The result of a run that need not be done again; None where there is something to do.

    UserError where the directory holds the finished run of another config.
    """
    result = read_result(path) if path is not None else None
    if result is None:
        return None
    again = run_config.settings.get("retry_failed", True)
    if run_config.is_trial and result.status == "DIVERGED":
        again = False  # it would diverge again, and to the search that is an answer
    if result.status == "KILLED" or (result.status != "FINISHED" and again):
        return None
    refuse_another(path, result, run_config)
    logger.info("%s before: %s", result.status.lower(), path)
    return result


def refuse_another(path: Path | None, found: RunResult, run_config: RunConfig) -> None:
    """UserError where what was found in a directory is another config's run; it names the keys, if they are known."""
    if found.signature in run_config.signatures or path is None:
        return
    try:
        then = stored(path / CONFIG).deciding()
    except UserError:
        then = {}
    known = {"settings": then, "data": found.files} if then else None
    refuse_differences(path, known, {"settings": run_config.deciding(), "data": run_config.files})
    raise UserError(
        f"{path}: expected the run with signature {run_config.signature}; it holds the one with {found.signature}"
    )


def refuse_differences(path: Path | None, saved: Any, about: Mapping[str, Any]) -> None:
    """UserError names the keys in which a saved run's config and data differ from this run's."""
    if not isinstance(saved, Mapping) or not isinstance(saved.get("settings"), Mapping):
        return
    then, now = saved["settings"], about["settings"]
    keys = [*now, *(key for key in then if key not in now)]
    missing = object()
    differing = [
        f"{key} (then {then.get(key, 'absent')}, now {now.get(key, 'absent')})"
        for key in keys
        if then.get(key, missing) != now.get(key, missing)
        and not (is_source(key) and "data" in about and saved.get("data") == about["data"])  # a file that was moved
    ]
    if "data" in about and saved.get("data") != about["data"]:
        differing.append("the data (another hash)")
    if differing:
        raise UserError(
            f"{path}: this run cannot be resumed with a different config or data set; these differ: "
            f"{', '.join(differing)}; set them back, or start a new run with resume=never"
        )


def _is_finished(path: Path) -> bool:
    result = read_result(path)
    return result is not None and result.status == "FINISHED"
