"""What to type next: the last lines of a run and of a sweep."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from seqexp.config.command_line import for_shell
from seqexp.system.errors import UserError
from seqexp.system.program import program
from seqexp.tracking.dashboard import dashboard_command
from seqexp.tracking.mlflow_store import TrackingSettings

if TYPE_CHECKING:
    from seqexp.runs.result import CompletedRun, RunResult

OTHER = {"lstm": "rnn", "recursive": "tree_lstm", "tree_lstm": "recursive"}  # what a model is compared with; else lstm


def after_run(run: "CompletedRun", tracking: TrackingSettings) -> str:
    """Commands with what each is for, a line each; nothing after a run that did not finish."""
    from seqexp.runs import serving

    result, directory = run.result, for_shell(str(run.directory))
    if result.status != "FINISHED":
        return ""
    steps = _looking(tracking)
    with suppress(UserError):
        if (text := serving.example(run.directory, result)) is not None:
            steps[f"{program('predict')} {directory} {for_shell(text)}"] = "ask it"
    steps[f"{program('explain')} {directory}"] = "why it scores as it does"
    other = OTHER.get(result.model, "lstm")
    typed = [for_shell(word) for word in sys.argv[1:] if word.startswith("task.")]  # else it would be on other data
    pair = " ".join([f"a={other} b={result.model} task={result.task}", *typed])
    steps[f"{program('compare')} run=true {pair}"] = "is it better, and how sure is that?"
    return _lines(steps)


def after_sweep(results: Sequence["RunResult"], tracking: TrackingSettings | None) -> str:
    """The same after a sweep."""
    steps = {} if tracking is None else _looking(tracking)
    models, tasks = (list(dict.fromkeys(getattr(each, key) for each in results)) for key in ("model", "task"))
    if len(models) > 1 and len(tasks) == 1:
        verdict = f"{program('compare')} models={','.join(models)} task={tasks[0]}"
        steps[verdict] = "who wins, and how sure is that?"
    return _lines(steps)


def _looking(tracking: TrackingSettings) -> dict[str, str]:
    line = dashboard_command(tracking)
    return {line: "leaderboard and curves in a browser"} if line and "://" not in line.partition(" ")[0] else {}


def _lines(steps: dict[str, str]) -> str:
    width = max(map(len, steps.values()), default=0)
    return "\n".join(f"  {what:{width}}  {line}" for line, what in steps.items())
