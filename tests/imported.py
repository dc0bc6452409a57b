"""What commands and tests import sooner or later: most of a short one's time. ``tests.forked`` imports it once.

That includes seqexp's own modules, which look at no variable, folder or plug-in before they are used.
"""

import gc
import pkgutil
from importlib import import_module

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf.grammar_parser import parse

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

for found in pkgutil.walk_packages(import_module("seqexp").__path__, "seqexp."):
    # What lies in seqexp/ itself is a command, which is run; preloaded sets signals for the process it is made for.
    if found.name.count(".") > 1 and found.name != "seqexp.sweeps.preloaded":
        import_module(found.name)

# The grammars of OmegaConf and Hydra are slow where they meet a kind of word for the first time.
for reference in ("${b.c}", "${oc.env:HOME,x}/y", "${now:%Y-%m-%d_%H-%M-%S}/${e.f}", "x-${hydra.job.num}_y"):
    parse(reference)
OverridesParser.create().parse_overrides(["a=b", "a.b=0.5", "c=[1,2]", "d=1,2", "e.f=sqlite:///a.db"])

gc.collect()
gc.freeze()  # a process that is forked does not look through all this for garbage
