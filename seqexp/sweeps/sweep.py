"""A sweep as a whole: its parent run in MLflow, what its jobs came to, and the tables at its end.

Jobs may run in other processes, so they and the callback meet in files of the sweep's directory.
"""

import json
import logging
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any, Literal

from filelock import FileLock
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict

from seqexp import config as configs
from seqexp.runs.lock import locked
from seqexp.sweeps import workers
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError, masked
from seqexp.tracking.mlflow_store import TrackingSettings, connect, unmasked
from seqexp.tracking.tracker import dashboard_command, finish_parent, leaderboard_address, open_parent

logger = logging.getLogger("seqexp")

Result = dict[str, Any]

checked: configs.RunConfig | None = None  # a single run's config, once it has been checked
_uri: str | None = None  # of the sweep that this process leads, with its password


class Refused(BaseException):
    """Bad input found in a callback. Hydra turns a callback's Exceptions into warnings; this is to stop the program."""


class SweepCallback(Callback):
    """Checks a single run's config before Hydra makes its directory, and ends a sweep with its tables."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        global checked
        cfg = config.copy()
        with open_dict(cfg):
            del cfg["hydra"]
        try:
            checked = configs.check(cfg)
        except UserError as error:
            raise Refused(str(error)) from None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        choices, words = config.hydra.runtime.choices, config.hydra.overrides.task
        named = [word.partition("=")[2] for word in words if word.startswith("task=")]  # several, if they are swept
        try:
            configs.check_choice(choices.get("experiment"), named[-1] if named else choices.get("task"))
            workers.lead(Path(config.hydra.sweep.dir))
        except UserError as error:
            raise Refused(str(error)) from None
        if config.tracking.name != "off":
            global _uri
            _uri = config.tracking.uri
            Thread(target=_prepare_to_end, args=[Path(config.hydra.sweep.dir) / "parent.json"], daemon=True).start()


def parent_run(sweep_dir: Path, tracking: Mapping[str, Any]) -> str | None:
    """The id of the sweep's parent run in MLflow, which the first job that asks starts; None when tracking is off."""
    file = sweep_dir / "parent.json"
    with FileLock(sweep_dir / "parent.lock", timeout=600):
        if file.exists():
            found: str | None = json.loads(file.read_text(encoding="utf-8"))["run_id"]
            return found
        _mark_killed(sweep_dir, tracking["uri"])
        _hide_passwords(sweep_dir / "multirun.yaml")
        name = f"sweep {sweep_dir.name}"
        run_id = open_parent(TrackingSettings(**tracking), name=name, tags={"kind": "sweep"}, note=_command())
        kept = dict(tracking) | {"uri": masked(tracking["uri"] or "")}
        write_text(file, json.dumps({"run_id": run_id, "tracking": kept}))
        return run_id


def _hide_passwords(file: Path) -> None:
    """In what Hydra has written of the sweep."""
    with suppress(FileNotFoundError):
        text = file.read_text(encoding="utf-8")
        if masked(text) != text:
            write_text(file, masked(text))


def _parent_settings(parent: Mapping[str, Any], uri: str | None) -> TrackingSettings:
    return unmasked(TrackingSettings(**parent["tracking"]), uri)


def _mark_killed(sweep_dir: Path, uri: str | None) -> None:
    """Runs and sweeps that were killed before this one started are marked so."""
    from seqexp.runs.location import Location
    from seqexp.runs.recovery import mark_killed

    mark_killed(Location.root, uri)
    for file in (Location.root / "sweeps").glob("*/parent.json"):
        if file.parent.name == sweep_dir.name:
            continue
        with locked(file.parent, wait=False) as held, suppress(OSError, ValueError, KeyError, TypeError, UserError):
            if held:
                parent = json.loads(file.read_text(encoding="utf-8"))
                finish_parent(_parent_settings(parent, uri), parent["run_id"], "KILLED", {}, {}, "")
                file.unlink()


def record_job(sweep_dir: Path, number: int, record: Mapping[str, Any]) -> None:
    """Leave what a job came to where ``finish`` finds it."""
    folder = sweep_dir / "jobs"
    folder.mkdir(exist_ok=True)
    (folder / f"{number:05d}.json").write_text(json.dumps(record), encoding="utf-8")


def job_record(sweep_dir: Path, number: int) -> Result:
    """What ``record_job`` left; of a job that left nothing, that it failed."""
    try:
        return dict(json.loads((sweep_dir / "jobs" / f"{number:05d}.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {"job": number, "overrides": {}, "status": "FAILED", "error": "the job left no record"}


def finish(stopped: bool = False) -> int:
    """Print the sweep's tables, end its parent run, and give the exit code: 1 if any job failed, 2 if all were refused.

    ``stopped``: by a signal, so that jobs may be missing.

    A sweep of which no job was accepted leaves no directory.
    """
    sweep_dir = workers.leading()
    if sweep_dir is None:
        return 1
    try:
        return _finish(sweep_dir, stopped)
    finally:
        workers.end()


def _finish(sweep_dir: Path, stopped: bool) -> int:
    if stopped:  # nobody waits for tables
        _end_parent(sweep_dir, "KILLED", {}, {}, _command())
        print("stopped; the same command goes on where this one ended", file=sys.stderr)
        return 1
    from seqexp.runs import tables
    from seqexp.sweeps import study
    from seqexp.sweeps.summary import summarise

    files = sorted((sweep_dir / "jobs").glob("*.json"))
    results: list[Result] = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    if all(result["status"] == "BAD_INPUT" for result in results):
        for line in dict.fromkeys(result["error"] for result in results):
            print(f"error: {line}", file=sys.stderr)
        _end_parent(sweep_dir, "FAILED", {}, {}, _command())
        _remove(sweep_dir)
        return 2
    studies = study.left_in(sweep_dir)
    trials, runs = study.split(results, studies)
    end = summarise(runs, studies, sweep_dir)
    for file, text in end.files.items():
        write_text(sweep_dir / file, text)
    _show(*(tables.as_rich(table, title) for title, table in reversed(end.tables.items())))
    for result in [*(trial for trial in trials if trial["status"] == "BAD_INPUT"), *runs]:
        if result.get("error"):
            print(f"job {result['job']}: {result['error']}")
    for line in [*study.last_words(studies), *(f"figure: {figure}" for figure in end.figures)]:
        print(line)
    failed = any(result["status"] != "FINISHED" for result in runs) or not all(map(study.has_winner, studies))
    texts = end.files | {f"tuning_{one['task']}_{one['model']}_{one['study']}.json": _json(one) for one in studies}
    note = _command() + "".join(f"\n## {title}\n\n{tables.to_markdown(table)}" for title, table in end.tables.items())
    settings = _end_parent(sweep_dir, "FAILED" if failed else "FINISHED", end.metrics, texts, note, end.figures)
    if settings is not None:
        _show_addresses(settings)
    return 1 if failed else 0


def discard() -> None:
    """Remove the directory of a sweep that was refused before its first job."""
    sweep_dir = workers.leading()
    if sweep_dir is not None and not (sweep_dir / "jobs").exists():
        _remove(sweep_dir)


def _remove(sweep_dir: Path) -> None:
    """Remove a sweep's directory, and the two above where only it was in them."""
    shutil.rmtree(sweep_dir, ignore_errors=True)
    with suppress(OSError):
        for folder in sweep_dir.parents[:2]:
            folder.rmdir()


def show_run(result: Result, cfg: DictConfig) -> None:
    """A single run's last words: the metric beside the scores that need no memory, and where everything is."""
    from seqexp.runs import tables

    if result["status"] == "FINISHED":
        _show(tables.run_table(result))
    else:
        print(f"{result['status'].lower()}: {result.get('error')}", file=sys.stderr)
    print(f"run: {result['directory']}")
    _show_addresses(TrackingSettings(**cfg.tracking))


def _end_parent(
    sweep_dir: Path,
    status: Literal["FINISHED", "FAILED", "KILLED"],
    metrics: Mapping[str, float],
    texts: Mapping[str, str],
    note: str,
    figures: Sequence[Path] = (),
) -> TrackingSettings | None:
    """End the sweep's parent run; gives where it is kept, if there is one."""
    file = sweep_dir / "parent.json"
    if not file.exists():
        return None
    parent = json.loads(file.read_text(encoding="utf-8"))
    try:
        settings = _parent_settings(parent, _uri)
    except UserError as error:
        logger.warning("tracking: could not finish the sweep's parent run (%s)", error)
        return None
    finish_parent(settings, parent["run_id"], status, metrics, texts, note, figures)
    file.unlink()
    return settings


def _prepare_to_end(parent: Path) -> None:
    """Import MLflow while the leader waits for its workers: once it is told to stop there is no time for that."""
    while not parent.exists():  # which a job creates that MLflow is to keep
        sleep(0.2)
    with suppress(Exception):
        connect(_parent_settings(json.loads(parent.read_text(encoding="utf-8")), _uri))


def _command() -> str:
    """The command line, as Markdown."""
    return f"```sh\n{shlex.join(['python', '-m', 'seqexp', *map(masked, sys.argv[1:])])}\n```\n"


def _json(study: Any) -> str:
    return json.dumps(study, indent=2) + "\n"


def _show(*tables: Any) -> None:
    """Print to stdout, which a pipe or a file may catch and whose lines then need not fit a window."""
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(*tables, sep="\n")


def _show_addresses(settings: TrackingSettings) -> None:
    """Print how to look at the runs; nothing when tracking is off."""
    for name, address in (("dashboard", dashboard_command(settings)), ("leaderboard", leaderboard_address(settings))):
        if address:
            print(f"{name}: {address}")
