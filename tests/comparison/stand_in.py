"""Runs that a function stands in for, where a comparison would launch them."""

import time
from functools import cache
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException

from scripts.tables.fabricate import fabricate
from seqexp import config
from seqexp.comparison import duration, protocol
from seqexp.config.job_configs import VALUE
from seqexp.runs.description import git_sha
from seqexp.runs.location import Location
from seqexp.runs.result import CompletedRun, read_result
from seqexp.sweeps.job_record import JobRecord
from seqexp.system.errors import UserError
from seqexp.system.json_files import read_object
from seqexp.system.paths import PARENT

of_groups = cache(config.composed)


def composed(words):
    """As config.composed, and as Hydra's launcher composes a job's config: values upon what the groups are."""
    cfg = of_groups(tuple(word for word in words if not VALUE.match(word))).copy()
    values = OverridesParser.create().parse_overrides([word for word in words if VALUE.match(word)])
    try:
        ConfigLoaderImpl._apply_overrides_to_config(values, cfg)
    except ConfigCompositionException:
        return of_groups(tuple(words)).copy()  # which says what is wrong
    return cfg


def stand_in(monkeypatch, run):
    """``run(run_config, location)`` gives each CompletedRun of a comparison, in the jobs' order, one at a time."""

    class Launched:
        def __init__(self, words, folder):
            self.location = Location(in_sweep=True, parent_run_id=read_object(folder / PARENT)["run_id"])

        def run(self, jobs, enough=None):
            records = []
            for number, words in enumerate(jobs):
                record = JobRecord(job=number)
                try:
                    record = record.ended_as(run(config.check(composed(words)), self.location))
                except UserError as refusal:
                    record = JobRecord(job=number, status="BAD_INPUT", error=str(refusal))
                records.append(record)
                if enough is not None and enough(record):
                    break
            return records

    monkeypatch.setattr(protocol, "launching", Launched)
    monkeypatch.setattr(protocol, "_cores", lambda words: 2)
    monkeypatch.setattr(config, "composed", composed)
    monkeypatch.setattr(duration, "seconds_an_epoch", lambda run_config, task: 0.01)


def fabricated(run_config, score, margin=None):
    """The run of a config on adding as if it had been made; None diverges. What lies there already is taken."""
    model, seed = run_config.name("model"), run_config.settings["seed"]
    folder = Location().base(run_config)
    if not folder.exists():
        settings = {"task.margin": margin} if margin else {}
        about = {"signature": run_config.signature, "git_sha": git_sha(), "started": time.time()}
        written = fabricate(Path("scratch"), model, seed, score, settings=settings, result=about)
        folder.parent.mkdir(parents=True, exist_ok=True)
        written.rename(folder)
    result = read_result(folder)
    assert result is not None
    return CompletedRun(result, folder)
