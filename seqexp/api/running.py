"""``seqexp.run``: one run from Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqexp import config
from seqexp.api import objects
from seqexp.api.arrays import Arrays
from seqexp.api.results import Result, RunFailed
from seqexp.api.words import as_words, typed
from seqexp.config.run_config import RunConfig
from seqexp.runs.directory import leave_nothing
from seqexp.runs.location import Location
from seqexp.runs.parts import Parts
from seqexp.runs.progress import configure_logging, logger
from seqexp.runs.run import run as run_here
from seqexp.sweeps.parent_run import mark_all_killed
from seqexp.system.errors import UserError
from seqexp.tracking.mlflow_store import TrackingSettings, said_by_environment

if TYPE_CHECKING:
    from seqexp.models import Core
    from seqexp.networks import Network
    from seqexp.tasks import Task

DIRECTORY = "hydra.run.dir"


def run(
    *words: str,
    task: "str | Mapping[str, Any] | Task | tuple[Any, Any] | None" = None,
    model: "str | Mapping[str, Any] | Core | Network | None" = None,
    directory: str | Path | None = None,
    **settings: Any,
) -> Result:
    """Train, test and record one run: ``seqexp.run("model=lstm", "task=adding", seed=3)``.

    words and settings are those of ``python -m seqexp``, and leave the same bytes; a group may be a dict,
    ``training={"epochs": 2}``. A task or a model may be an object of your own instead of a name, and a task a pair of
    arrays ``(X, y)``, which is short for ``seqexp.Arrays(X, y)``. ``directory`` is ``hydra.run.dir``.

    UserError where something cannot be used; RunFailed where the run diverges or fails; Stopped where it is
    interrupted.
    """
    if apart := settings.keys() & {"X", "x", "y"}:
        raise UserError(f"{min(apart)}: expected arrays as one pair, task=(X, y)")
    groups = {"task": Arrays(*task) if isinstance(task, tuple | list) and len(task) == 2 else task, "model": model}
    said = {name: value for name, value in groups.items() if isinstance(value, str | Mapping)}
    given = as_words(words, {**said, **settings})
    own = objects.Own.of(*(None if name in said else value for name, value in groups.items()))
    place = next((each.partition("=")[2] for each in given if each.startswith(f"{DIRECTORY}=")), directory)
    with typed(given) as ready:
        run_config = config.check(config.composed(ready))
        run_config, parts = own.in_place(run_config) if own else (run_config, None)
        return _run(run_config, parts, None if place is None else Path(place))


def _run(run_config: RunConfig, parts: Parts | None, directory: Path | None) -> Result:
    configure_logging()
    tracking = TrackingSettings(**run_config.settings["tracking"])
    if said := said_by_environment(tracking):
        logger.info("%s", said)
    mark_all_killed(tracking)
    try:
        done = run_here(run_config, Location(directory), parts)
    except UserError:
        if directory is not None:
            leave_nothing(directory)
        raise
    result = Result(done.result, done.directory, done.how, (run_config, parts) if parts else None)
    if result.status != "FINISHED":
        raise RunFailed(result)
    return result
