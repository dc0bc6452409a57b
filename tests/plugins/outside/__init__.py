"""A plug-in as somebody outside the project writes it: a GRU, and a task of numbers from a CSV file."""

import importlib
import pkgutil

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
