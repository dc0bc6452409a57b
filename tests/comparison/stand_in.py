"""Runs that a function stands in for, where a comparison would launch them."""

from functools import cache
from pathlib import Path

from scripts.tables.fabricate import fabricate
from seqexp import config
from seqexp.comparison import duration, protocol
from seqexp.runs.location import Location
from seqexp.runs.result import CompletedRun, read_result
from seqexp.sweeps.job_record import JobRecord
from seqexp.system.errors import UserError
from seqexp.system.json_files import read_object
from seqexp.system.paths import PARENT


def stand_in(monkeypatch, run):
    """``run(run_config, location)`` gives each CompletedRun of a comparison, in the jobs' order, one at a time."""
    composed = cache(config.composed)

    class Launched:
        def __init__(self, words, folder):
            self.location = Location(in_sweep=True, parent_run_id=read_object(folder / PARENT)["run_id"])

        def run(self, jobs, enough=None):
            records = []
            for number, words in enumerate(jobs):
                record = JobRecord(job=number)
                try:
                    *same, seed = words
                    cfg = composed(tuple(same)).copy()
                    cfg.seed = int(seed.removeprefix("seed="))
                    record = record.ended_as(run(config.check(cfg), self.location))
                except UserError as refusal:
                    record = JobRecord(job=number, status="BAD_INPUT", error=str(refusal))
                records.append(record)
                if enough is not None and enough(record):
                    break
            return records

    monkeypatch.setattr(protocol, "launching", Launched)
    monkeypatch.setattr(duration, "seconds_an_epoch", lambda run_config, task: 0.01)


def fabricated(run_config, score, margin=None):
    """The run of a config on adding as if it had been made; None diverges. What lies there already is taken."""
    model, seed = run_config.name("model"), run_config.settings["seed"]
    folder = Location().base(run_config)
    if not folder.exists():
        settings = {"task.margin": margin} if margin else {}
        about = {"signature": run_config.signature}
        written = fabricate(Path("scratch"), model, seed, score, settings=settings, result=about)
        folder.parent.mkdir(parents=True, exist_ok=True)
        written.rename(folder)
    result = read_result(folder)
    assert result is not None
    return CompletedRun(result, folder)
