"""What a sweep's runs share, for the process that joblib's are forked from (warm_workers.py): modules, the task with
its data, and its memoryless baselines, which are kept in the cache."""

import gc
import json
import os
import signal
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from seqexp.sweeps.warm_workers import SHARED
from seqexp.system.signals import SIGNALS

NAMES = (
    "hydra._internal.utils",
    "hydra_plugins.hydra_joblib_launcher._core",
    "joblib.externals.loky.process_executor",
    "seqexp.runs.location",
    "seqexp.runs.run",
    "seqexp.sweeps.job",
    "seqexp.sweeps.parent_run",
)


def build(shared: str) -> None:
    """Build the task and work out its baselines, as the first of the runs would."""
    from threadpoolctl import threadpool_limits

    from seqexp.config.run_config import RunConfig
    from seqexp.runs.baselines import baselines_of
    from seqexp.runs.parts import built_task
    from seqexp.system import cache

    settings = json.loads(shared)
    run_config = RunConfig(settings, "", settings.pop("files"))
    with cache.keeping(Path(settings.pop("root"))), threadpool_limits(1):  # OpenMP's threads would not survive a fork
        baselines_of(run_config, built_task(run_config))


for number in SIGNALS:  # a terminal signals the group; what is forked sets its own when a job begins
    signal.signal(number, signal.SIG_IGN)
for name in NAMES:
    import_module(name)
with suppress(Exception):  # of data that cannot be had: each run says so itself
    if shared := os.environ.pop(SHARED, ""):
        build(shared)
gc.collect()
gc.freeze()  # no process that is forked looks through all this for garbage
