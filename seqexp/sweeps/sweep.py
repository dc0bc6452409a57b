"""A sweep as a whole: its parent run in MLflow, what its jobs came to, and the tables at its end.

Jobs may run in other processes, so they and the callback meet in files of the sweep's directory.
"""

import json
import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict

from seqexp import config as configs
from seqexp.config import job_configs
from seqexp.sweeps import next_steps, workers
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError
from seqexp.system.exit_codes import BAD_INPUT, FAILED, OK
from seqexp.system.paths import JOBS, LOCK, MULTIRUN
from seqexp.system.plurals import counted
from seqexp.system.printable import printable
from seqexp.tracking.dashboard import Ranked, leaderboard_address
from seqexp.tracking.mlflow_store import TrackingSettings, said_by_environment

if TYPE_CHECKING:
    from seqexp.runs.result import CompletedRun

EARLY: dict[str | None, str] = {  # what ends a run before its last epoch, in words
    "solved": "the task is solved",
    "patience": "the validation score no longer improves",
    "max_seconds": "training.max_seconds is over",
}
logger = logging.getLogger("seqexp")

checked: configs.RunConfig | None = None  # a single run's config, once it has been checked


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
        job_configs.install()
        choices, words = config.hydra.runtime.choices, config.hydra.overrides.task
        named = [word.partition("=")[2] for word in words if word.startswith("task=")]  # several, if they are swept
        try:
            configs.check_choice(choices.get("experiment"), named[-1] if named else choices.get("task"))
            workers.lead(Path(config.hydra.sweep.dir))
        except UserError as error:
            raise Refused(str(error)) from None
        if choices.get("hydra/launcher") == "joblib":
            from seqexp.sweeps import warm_workers

            warm_workers.prepare(config.hydra.launcher.n_jobs, config.tracking.name != "off")
        if config.tracking.name != "off":
            from seqexp.runs.progress import configure_logging
            from seqexp.sweeps.parent_run import prepare_to_end

            if said := said_by_environment(TrackingSettings(**config.tracking)):
                configure_logging()
                logger.info("%s", said)
            prepare_to_end(Path(config.hydra.sweep.dir), config.tracking.uri)


def finish(stopped: bool = False) -> int:
    """Print the sweep's tables, end its parent run, and give the exit code: 1 if any job failed, 2 if all were refused.

    ``stopped``: by a signal, so that jobs may be missing.

    A sweep of which no job was accepted leaves no directory.
    """
    sweep_dir = workers.leading()
    if sweep_dir is None:
        return FAILED
    try:
        return _finish(sweep_dir, stopped)
    finally:
        workers.end()


def _finish(sweep_dir: Path, stopped: bool) -> int:
    from seqexp.sweeps.parent_run import end_parent, typed_command

    if stopped:  # nobody waits for tables
        end_parent(sweep_dir, "KILLED", {}, {}, typed_command())
        print("stopped; the same command goes on where this one ended", file=sys.stderr)
        return FAILED
    from seqexp.runs import tables
    from seqexp.sweeps import study
    from seqexp.sweeps.job_record import read_records
    from seqexp.sweeps.summary import summarise

    records = read_records(sweep_dir)
    if not records:
        end_parent(sweep_dir, "FAILED", {}, {}, typed_command())
        print(f"failed: no job left a record in {sweep_dir}", file=sys.stderr)
        return FAILED
    if all(record.status == "BAD_INPUT" for record in records):
        for line in dict.fromkeys(record.error for record in records):
            print(f"error: {line}", file=sys.stderr)
        end_parent(sweep_dir, "FAILED", {}, {}, typed_command())
        _remove(sweep_dir)
        return BAD_INPUT
    studies = study.left_in(sweep_dir)
    trials, runs = study.split(records, studies)
    end = summarise(runs, studies, sweep_dir)
    for file, text in end.files.items():
        write_text(sweep_dir / file, text)
    _show(*(tables.as_rich(table, title) for title, table in reversed(end.tables.items())))
    for record in [*(trial for trial in trials if trial.status == "BAD_INPUT"), *runs]:
        if record.error:
            print(printable(f"job {record.job}: {record.error}"))
    for line in [*study.last_words(studies), *(f"figure: {figure}" for figure in end.figures)]:
        print(line)
    failed = any(record.status != "FINISHED" for record in runs) or not all(map(study.has_winner, studies))
    texts = end.files | {f"tuning_{one['task']}_{one['model']}_{one['study']}.json": _json(one) for one in studies}
    note = typed_command() + "".join(
        f"\n## {title}\n\n{tables.to_markdown(table)}" for title, table in end.tables.items()
    )
    settings = end_parent(sweep_dir, "FAILED" if failed else "FINISHED", end.metrics, texts, note, end.figures)
    if settings is not None and (address := leaderboard_address(settings)):
        print(f"leaderboard: {address}")
    if steps := next_steps.after_sweep([record.result for record in runs if record.result is not None], settings):
        print(f"\nnext:\n{steps}")
    return FAILED if failed else OK


def discard() -> None:
    """Remove the directory of a sweep that was refused before its first job, and end its parent run."""
    sweep_dir = workers.leading()
    if sweep_dir is not None and not (sweep_dir / JOBS).exists():
        from seqexp.sweeps.parent_run import end_parent, typed_command

        end_parent(sweep_dir, "FAILED", {}, {}, typed_command())
        _remove(sweep_dir)
    workers.end()  # here: as the interpreter ends, what the lock's end needs may be gone


def _remove(sweep_dir: Path) -> None:
    """Remove what a sweep has made of its directory, and the two above where only it was in them."""
    workers.forget(sweep_dir)
    (sweep_dir / MULTIRUN).unlink(missing_ok=True)
    (sweep_dir / LOCK).unlink(missing_ok=True)
    with suppress(OSError):  # the user has more in it
        for folder in (sweep_dir, *sweep_dir.parents[:2]):
            folder.rmdir()


def show_run(run: "CompletedRun", cfg: DictConfig) -> None:
    """A single run's last words: its score beside the memoryless baselines, and where everything is."""
    from seqexp.runs import tables

    if run.result.status == "FINISHED":
        _show(tables.run_table(run.result))
    else:
        print(printable(f"{run.result.status.lower()}: {run.result.error}"), file=sys.stderr)
    result = run.result
    if result.status == "FINISHED" and result.stop in EARLY:
        print(f"stopped after {counted(result.epochs or 0, 'epoch')}: {EARLY[result.stop]}")
    print(f"run: {run.directory}")
    tracking = TrackingSettings(**cfg.tracking)
    ranked = None if result.is_trial else Ranked(result.task, result.primary_metric, result.direction)
    if address := leaderboard_address(tracking, ranked):
        print(f"leaderboard: {address}")
    if steps := next_steps.after_run(run, tracking):
        print(f"\nnext:\n{steps}")


def _json(study: Any) -> str:
    return json.dumps(study, indent=2) + "\n"


def _show(*tables: Any) -> None:
    """Print to stdout; into a pipe or a file, lines need not fit a window."""
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(*tables, sep="\n")
