"""A plug-in of seqexp: every module of this package is imported, and registers its models and tasks."""

import importlib
import pkgutil

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
