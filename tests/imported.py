"""What commands and tests import sooner or later: most of a short one's time. ``tests.forked`` imports it once."""

import gc
from importlib import import_module

for name in (
    "alembic.command",
    "annotated_types",
    "filelock",
    "hydra.main",
    "matplotlib.pyplot",
    "mlflow.store.tracking.sqlalchemy_store",
    "omegaconf",
    "optuna",
    "pandas",
    "platformdirs",
    "pydantic",
    "pygments",
    "pytest",
    "rich.console",
    "scipy.special",
    "scipy.stats",
    "sklearn.linear_model",
    "sklearn.metrics",
    "yaml",
):
    import_module(name)

gc.collect()
gc.freeze()  # a process that is forked does not look through all this for garbage
