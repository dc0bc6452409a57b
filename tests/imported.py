"""What a command imports sooner or later. Imported once, for the processes that ``tests.command`` forks."""

from importlib import import_module

from seqexp.tracking.mlflow_store import _import_mlflow

_import_mlflow()  # first, as it sets MLflow's own variables
for name in ("alembic.command", "hydra.main", "matplotlib.pyplot", "mlflow.store.tracking.sqlalchemy_store", "optuna"):
    import_module(name)
for name in ("pandas", "scipy.stats", "sklearn.linear_model"):
    import_module(name)
for name in ("compare", "explain", "runs.run", "sweeps.sweep", "sync"):
    import_module(f"seqexp.{name}")
