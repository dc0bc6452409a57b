"""``python -m seqexp.compare a=rnn b=lstm task=adding``: who wins, by how much, with what certainty, and why."""

import re
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from seqexp.system.commands import ended, leave
from seqexp.system.errors import UserError, masked
from seqexp.system.exit_codes import FAILED, OK
from seqexp.system.plurals import counted

if TYPE_CHECKING:
    from seqexp.comparison.arguments import Arguments
    from seqexp.comparison.protocol import Made
    from seqexp.comparison.query import Answer, Query
    from seqexp.report.provenance import Commands
    from seqexp.report.write import Report
    from seqexp.tracking.mlflow_store import TrackingSettings


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    from seqexp.sweeps import workers
    from seqexp.system import signals

    for number in signals.SIGNALS:
        if signals.heard(number):
            signal.signal(number, workers.stop)  # with run=true, workers are to save before this process ends
    leave(exit_code(sys.argv[1:]))


def exit_code(arguments: Sequence[str]) -> int:
    """Compare as the arguments say. 0 done, 1 a run failed, 2 bad input, 130 Ctrl-C."""
    from seqexp.comparison.usage import USAGE

    return ended(_compare, arguments, USAGE, needs_words=False)


def _compare(arguments: Sequence[str]) -> int:
    if any(word.startswith(("capsule=", "verify=")) for word in arguments):
        from seqexp import config
        from seqexp.report import verification

        config.register_resolvers()
        config.load_plugins(arguments)
        verification.command(arguments)
        return OK
    if "plan=true" in arguments:
        from seqexp.comparison import protocol

        print("\n".join(protocol.plan_lines(_parsed(arguments))))
        return OK
    found = compared(arguments)
    _show(found.report)
    _attach(found.words, found.answer, found.report, found.made)
    return FAILED if found.made is not None and found.made.failed else OK


@dataclass(frozen=True)
class Compared:
    """A comparison as it was asked for, what it found and wrote, and the runs that were made for it, if any were."""

    words: "Arguments"
    answer: "Answer"
    report: "Report"
    made: "Made | None"


def compared(arguments: Sequence[str]) -> Compared:
    """Compare as the arguments say, and write the report. UserError where one is wrong."""
    from seqexp.tracking.mlflow_store import said_by_environment

    words = _parsed(arguments)
    if words.asked.plan:
        raise UserError("plan: expected on the command line, where it is printed; got it from Python")
    if (settings := _tracking(words)) and (said := said_by_environment(settings)):
        print(said, file=sys.stderr)
    made = None
    if words.run:
        from seqexp.comparison import protocol

        made = protocol.run(words, _command(arguments), _import_early)
    from seqexp.report import write

    answer = _answer(words, made)
    folder = _folder(words, answer)
    return Compared(words, answer, write.write(answer, folder, words.match, _commands(answer, arguments)), made)


def _import_early() -> None:
    """What the report needs: imports, which take longer than to write it, and what is installed."""
    for name in ("seqexp.report.write", "matplotlib.backends.backend_svg", "matplotlib.backends.backend_pdf", "pandas"):
        with suppress(Exception):  # it is told when it is missed
            import_module(name)
    with suppress(Exception):
        import_module("seqexp.report.capsule").packages()


def _parsed(arguments: Sequence[str]) -> "Arguments":
    from seqexp import config
    from seqexp.comparison.arguments import parsed

    config.register_resolvers()
    config.load_plugins(arguments)
    return parsed(arguments)


def _answer(words: "Arguments", made: "Made | None") -> "Answer":
    from seqexp.comparison import query

    asked = _query(words)
    if made is None:
        return query.gather(asked)
    from seqexp.comparison.made_answer import answered

    return answered(asked, made)


def _query(words: "Arguments") -> "Query":
    from seqexp import tasks
    from seqexp.comparison.arguments import margins
    from seqexp.comparison.query import Query
    from seqexp.runs.location import Location

    return Query(
        root=Location.root,
        tasks=words.tasks,
        models=words.models,
        pairs=words.pairs,
        metric=words.metric,
        match=words.match,
        margin=words.margin,
        level=words.level,
        filters=words.filters,
        telling=[key for key in words.filters if key.startswith("task.")],
        sweep=words.sweep,
        studies=words.studies,
        margins=margins(words.tasks or tasks.names()),
        tracking=_tracking(words),
    )


def _tracking(words: "Arguments") -> "TrackingSettings | None":
    """Where MLflow may have runs without a directory: as the arguments say, else the default place."""
    from seqexp.comparison.arguments import tracking
    from seqexp.tracking.mlflow_store import TrackingSettings

    settings = TrackingSettings(**tracking(words))
    return None if settings.name == "off" else settings


def _folder(words: "Arguments", answer: "Answer") -> Path:
    """The report's folder, which is created. UserError if it cannot be created."""
    from seqexp.runs.location import Location
    from seqexp.system.atomic_files import write_text
    from seqexp.system.paths import CLAIM, COMPARISONS, OUTCOME
    from seqexp.system.regular_files import refuse_linked

    models = list(dict.fromkeys(entry.model for contest in answer.contests for entry in contest.entries))
    name = re.sub(r"\W+", "_", "_".join([*(contest.task for contest in answer.contests), *models]))
    usual = answer.made.registration.folder if answer.made else Location.root / COMPARISONS / name[:150]
    folder = Path(words.out) if words.out else usual
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_linked(folder)
    except OSError as error:
        raise UserError(f"out: cannot write to {folder} ({error.strerror}); choose another folder") from error
    if answer.made and folder.resolve() != usual.resolve():
        for name in (CLAIM, OUTCOME):
            write_text(folder / name, (usual / name).read_text(encoding="utf-8"))
    return folder


def _show(report: "Report") -> None:
    from rich.console import Console

    from seqexp.report.write import renderables

    console = Console() if sys.stdout.isatty() else Console(width=160)
    for renderable in renderables(report):
        console.print(renderable)
    page, *others = report.files
    figures = sum(file.suffix == ".svg" for file in others)
    tables = ", ".join(file.name for file in others if file.suffix not in (".svg", ".pdf"))
    print(f"report: {page}", f"beside it: {tables} and {counted(figures, 'figure')}", sep="\n")


def _attach(words: "Arguments", answer: "Answer", report: "Report", made: "Made | None") -> None:
    """Send the report to MLflow, if one run there is the parent of all compared runs."""
    from seqexp.tracking import mlflow_reader

    runs = [run for contest in answer.contests for entry in contest.entries for run in entry.runs.values()]
    parents = {run.result.parent_run_id for run in runs}
    parent = made.parent if made else parents.pop() if len(parents) == 1 else None
    settings = made.tracking if made else _tracking(words)
    if (
        parent is not None
        and settings is not None
        and mlflow_reader.attach(settings, parent, report.files, report.markdown)
    ):
        print("the report is also in MLflow, attached to the sweep's run")


def _commands(answer: "Answer", arguments: Sequence[str]) -> "Commands":
    from seqexp.report.provenance import Commands

    # With these words the plan's configs were composed, which are kept.
    tracking = tuple(word for word in arguments if word.startswith("tracking="))
    lines = [line for contest in answer.contests for line in _sweeps(contest, tracking)]
    return Commands(lines, _command(arguments))


def _sweeps(contest: Any, tracking: tuple[str, ...]) -> list[str]:
    """The sweep that trains a contest's runs: one line, or one for each model if their settings differ; none of a task
    that is an object of one's own."""
    from seqexp import tasks

    if contest.task not in tasks.names():
        return []
    each = {entry.model: _changed(entry, contest.task, tracking) for entry in contest.entries}
    seeds = {entry.model: ",".join(map(str, entry.runs)) for entry in contest.entries}
    alike = len({(tuple(words), seeds[model]) for model, words in each.items()}) == 1
    lines, start = [",".join(each)] if alike else list(each), ["python", "-m", "seqexp", "-m"]
    return [
        shlex.join([*start, f"model={models}", f"task={contest.task}", *each[first], f"seed={seeds[first]}"])
        for models in lines
        for first in [models.partition(",")[0]]
    ]


def _changed(entry: Any, task: str, tracking: tuple[str, ...]) -> list[str]:
    """The overrides that turn a model's defaults into its runs' settings."""
    from seqexp.comparison.arguments import settings_of
    from seqexp.config.command_line import word
    from seqexp.config.run_config import decides
    from seqexp.runs.reader import same

    settings: Mapping[str, Any] = entry.any.settings
    defaults = settings_of(entry.model, task, tracking)
    skipped = {"model.name", "task.name", "seed"}
    if settings.get("model.param_budget") is not None:
        skipped.add("model.hidden_size")
    return [
        ("" if key in defaults else "++") + word(key, value)
        for key, value in settings.items()
        if (decides(key) or key == "plugins") and key not in skipped and not same(defaults.get(key), value)
    ]


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "seqexp.compare", *map(masked, arguments)])


if __name__ == "__main__":
    main()
