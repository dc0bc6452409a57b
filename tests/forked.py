"""Processes that are forked from one which has imported what they need, seqexp and the libraries."""

import multiprocessing
import multiprocessing.forkserver
import os
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
# MLflow reads these when it is imported; seqexp sets them before.
VARIABLES = {"MLFLOW_LOGGING_LEVEL": "WARNING", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": str(ROOT)}


@cache
def processes() -> ForkServerContext:
    """multiprocessing, whose processes have ``tests.imported``."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.imported"])
    with patch.dict(os.environ, VARIABLES):
        multiprocessing.forkserver.ensure_running()
    return context
