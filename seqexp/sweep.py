"""A sweep as a whole: its parent run in MLflow, what its jobs came to, and the tables at its end.

Jobs may run in other processes, so they and the callback meet in files of the sweep's directory.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict

from seqexp import config as configs
from seqexp.errors import UserError

Result = dict[str, Any]


class Refused(BaseException):
    """Bad input found in a callback. Hydra turns a callback's Exceptions into warnings; this is to stop the program."""


class SweepCallback(Callback):
    """Checks a single run's config before Hydra makes its directory, and ends a sweep with its tables."""

    sweep_dir: Path | None = None  # of the sweep that this process leads

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        cfg = config.copy()
        with open_dict(cfg):
            del cfg["hydra"]
        try:
            configs.check(cfg)
        except UserError as error:
            raise Refused(str(error)) from None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        SweepCallback.sweep_dir = Path(config.hydra.sweep.dir)


def parent_run(sweep_dir: Path, tracking: Mapping[str, Any]) -> str | None:
    """The id of the sweep's parent run in MLflow, which the first job that asks starts; None when tracking is off."""
    from seqexp.tracking import TrackingSettings, open_parent

    file = sweep_dir / "parent.json"
    with FileLock(sweep_dir / "parent.lock", timeout=600):
        if file.exists():
            found: str | None = json.loads(file.read_text(encoding="utf-8"))["run_id"]
            return found
        command = f"python -m seqexp {' '.join(sys.argv[1:])}" if len(sys.argv) > 1 else "a sweep"
        name = f"sweep {sweep_dir.name}"
        run_id = open_parent(TrackingSettings(**tracking), name=name, tags={"kind": "sweep"}, note=f"`{command}`")
        file.write_text(json.dumps({"run_id": run_id, "tracking": dict(tracking)}), encoding="utf-8")
        return run_id


def record_job(sweep_dir: Path, number: int, record: Mapping[str, Any]) -> None:
    """Leave what a job came to where ``finish`` finds it."""
    folder = sweep_dir / "jobs"
    folder.mkdir(exist_ok=True)
    (folder / f"{number:05d}.json").write_text(json.dumps(record), encoding="utf-8")


def finish(interrupted: bool = False) -> int:
    """Print the sweep's tables, end its parent run, and give the exit code: 1 if any job failed, 2 if all were refused.

    A sweep of which no job was accepted leaves no directory.
    """
    from seqexp.analysis import tables

    sweep_dir = SweepCallback.sweep_dir
    if sweep_dir is None:
        return 1
    files = sorted((sweep_dir / "jobs").glob("*.json")) if sweep_dir.exists() else []
    results: list[Result] = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    refused = [result for result in results if result["status"] == "BAD_INPUT"]
    if len(refused) == len(results):
        for line in dict.fromkeys(result["error"] for result in refused):
            print(f"error: {line}", file=sys.stderr)
        shutil.rmtree(sweep_dir, ignore_errors=True)
        return 2
    jobs, summary = tables.sweep_tables(results)
    _show(console_out(), jobs, summary, results, sweep_dir)
    failed = [result for result in results if result["status"] != "FINISHED"]
    _finish_parent(sweep_dir, jobs, summary, "KILLED" if interrupted else "FAILED" if failed else "FINISHED")
    return 1 if failed else 0


def discard() -> None:
    """Remove the directory of a sweep that was refused before its first job."""
    if SweepCallback.sweep_dir is not None and not (SweepCallback.sweep_dir / "jobs").exists():
        shutil.rmtree(SweepCallback.sweep_dir, ignore_errors=True)


def _finish_parent(sweep_dir: Path, jobs: Any, summary: Any, status: Any) -> None:
    from seqexp.analysis import tables
    from seqexp.tracking import TrackingSettings, finish_parent

    file = sweep_dir / "parent.json"
    if not file.exists():
        return
    parent = json.loads(file.read_text(encoding="utf-8"))
    texts = {"jobs.csv": jobs.to_csv(index=False), "summary.csv": summary.to_csv(index=False)}
    note = tables.to_markdown(summary)
    finish_parent(TrackingSettings(**parent["tracking"]), parent["run_id"], status, {}, texts, note)


def console_out() -> Any:
    """Where results go: stdout, which a pipe or a file may catch and whose lines then need not fit a window."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=160)


def _show(console: Any, jobs: Any, summary: Any, results: list[Result], sweep_dir: Path) -> None:
    from seqexp.analysis import tables

    console.print(tables.as_rich(jobs.drop(columns=["directory", "metric"]), "Jobs"))
    console.print(tables.as_rich(summary, "Mean and standard deviation over seeds"))
    for result in results:
        if result.get("error"):
            console.print(f"job {result['job']}: {result['error']}", highlight=False, markup=False)
    file = sweep_dir / "parent.json"
    if file.exists():
        _show_dashboard(console, json.loads(file.read_text(encoding="utf-8"))["tracking"])


def _show_dashboard(console: Any, tracking: Mapping[str, Any]) -> None:
    from seqexp.tracking import TrackingSettings, dashboard_command

    command = dashboard_command(TrackingSettings(**tracking))
    if command:
        console.print(f"dashboard: {command}", highlight=False, markup=False, soft_wrap=True)


def show_run(result: Result, cfg: DictConfig) -> None:
    """A single run's last words: the metric beside the scores that need no memory, and where everything is."""
    from seqexp.analysis import tables

    console = console_out()
    if result["status"] == "FINISHED":
        console.print(tables.run_table(result))
    else:
        print(f"{result['status'].lower()}: {result.get('error')}", file=sys.stderr)
    console.print(f"run: {result['directory']}", highlight=False, markup=False, soft_wrap=True)
    _show_dashboard(console, dict(cfg.tracking))
