"""What a sweep's runs share, for the process that joblib's are forked from (warm_workers.py): modules, the task with
its data, and its memoryless baselines, which are kept in the cache."""

import gc
import os
import signal
from contextlib import suppress
from importlib import import_module

from seqexp.sweeps.warm_workers import SHARED, build
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


for number in SIGNALS:  # a terminal signals the group; what is forked sets its own when a job begins
    signal.signal(number, signal.SIG_IGN)
for name in NAMES:
    import_module(name)
with suppress(Exception):  # of data that cannot be had: each run says so itself
    if shared := os.environ.pop(SHARED, ""):
        build(shared)
gc.collect()
gc.freeze()  # no process that is forked looks through all this for garbage
