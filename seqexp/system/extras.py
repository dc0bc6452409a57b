"""Libraries that only some need, and what installs them."""

from importlib.util import find_spec

from seqexp.system.errors import UserError

LAUNCHERS = {"submitit_slurm": "submitit", "submitit_local": "submitit", "ray": "ray"}  # what each needs


def missing(launcher: str) -> str:
    """How to install what the launcher needs; empty where it is installed, or needs nothing."""
    module = LAUNCHERS.get(launcher)
    return f"pip install {module}" if module is not None and find_spec(module) is None else ""


def need(launcher: str) -> None:
    """UserError where the launcher's library is not installed."""
    command = missing(launcher)
    if command:
        raise UserError(f"hydra/launcher={launcher}: {LAUNCHERS[launcher]} is not installed; type `{command}`")
