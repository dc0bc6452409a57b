"""A comparison written down: the same words, tables and figures on the terminal, in HTML, Markdown, CSV and PNG."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqexp.comparison.contest import Claim, Contest
from seqexp.comparison.floors import beside_floor
from seqexp.comparison.query import Answer
from seqexp.comparison.warnings import warnings
from seqexp.comparison.wording import advice, answers, headline, number, percent, sentence
from seqexp.report import across_tasks, figures, mechanism, tables
from seqexp.report.render import Box, Section, as_html, as_markdown
from seqexp.runs.reader import deciding
from seqexp.runs.tables import as_rich, to_csv
from seqexp.system.atomic_files import write_text
from seqexp.system.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

COLOURS = {"better": "green", "worse": "green", "equivalent": "blue", "not resolved": "yellow"}
MOST_BROKEN = 10  # named; of more, how many


@dataclass(frozen=True)
class Commands:
    """What to type: to make the runs again, and this report."""

    runs: Sequence[str]
    report: str


@dataclass(frozen=True)
class Report:
    """What was written, and what it says."""

    sections: Sequence[Section]
    markdown: str
    files: Sequence[Path]  # the page first


def write(answer: Answer, folder: Path, match: str | None, commands: Commands) -> Report:
    """Draw, write and give the report of an answer; ``folder`` exists."""
    sections = [_verdict(answer), Section("Warnings", bullets=all_warnings(answer, match))]
    for contest in answer.contests:
        sections.append(_task(contest, folder))
    if len(answer.contests) > 1:
        sections.append(across_tasks.section(answer.contests, folder))
    sections += [why for contest in answer.contests if (why := _why(contest, folder))]
    sections += [_provenance(answer, match, commands), Section("Notes", bullets=_notes(answer))]
    figures = [path for section in sections for _, path in section.figures]
    title = _title(answer)
    markdown = as_markdown(title, sections)
    texts = {
        "report.html": as_html(title, sections),
        "report.md": markdown,
        "comparison.csv": to_csv(tables.comparison(answer.contests)),
        "runs.csv": to_csv(tables.every_run(answer.contests)),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return Report(sections, markdown, [*(folder / name for name in texts), *figures])


def renderables(report: Report) -> "list[RenderableType]":
    """What the terminal shows: the verdict, the warnings and the tables."""
    from rich.panel import Panel
    from rich.text import Text

    shown: list[Any] = []
    for section in report.sections:
        if section.title in ("Provenance",):
            continue
        for box in section.boxes:
            body = Text(printable("\n".join([box.sentence, *box.remarks])))
            title = Text(printable(box.headline), style="bold")
            shown.append(Panel(body, title=title, title_align="left", border_style=COLOURS[box.verdict]))
        if section.title in ("Warnings", "Notes"):
            word = section.title.lower().rstrip("s")
            shown += [
                Text(printable(f"{word}: {text}"), style="yellow" if word == "warning" else "")
                for text in section.bullets
            ]
            continue
        shown += [Text(printable(text)) for text in section.paragraphs]
        shown += [as_rich(table, name) for name, table in section.tables if len(table)]
    return shown


def all_warnings(answer: Answer, match: str | None) -> list[str]:
    return [warning for contest in answer.contests for warning in warnings(contest, match)]


def slug(contest: Contest) -> str:
    return re.sub(r"\W+", "_", contest.task)[:60]


def _title(answer: Answer) -> str:
    models = dict.fromkeys(entry.model for contest in answer.contests for entry in contest.entries)
    return f"{' against '.join(models)} on {', '.join(contest.label for contest in answer.contests)}"


def _verdict(answer: Answer) -> Section:
    boxes = [_beside_floor(_box(claim), contest, claim) for contest in answer.contests for claim in contest.claims]
    section = Section("Verdict", boxes=boxes)
    for contest in answer.contests:
        terms = contest.terms
        how = "tested after every pair of seeds" if terms.sequential else "all runs compared with all"
        section.paragraphs.append(
            f"{contest.task}: {terms.noun}, {terms.orientation}; differences within {number(terms.margin)} count as "
            f"equivalent; {how}, level {percent(terms.level)}."
        )
    return section


def _beside_floor(box: Box, contest: Contest, claim: Claim) -> Box:
    said = beside_floor(contest, claim)
    return replace(box, headline=f"{box.headline}; {said}") if said else box


def _box(claim: Claim) -> Box:
    unpaired = f"Seeds without a pair: {', '.join(map(str, claim.unpaired))}." if claim.unpaired else ""
    return Box(
        claim.verdict,
        headline(claim),
        sentence(claim),
        [text for text in (claim.alarm, advice(claim), unpaired, *answers(claim)) if text],
    )


def _task(contest: Contest, folder: Path) -> Section:
    section = Section(f"{contest.label}: {contest.terms.metric}, {contest.terms.orientation}")
    section.tables = [("Models", tables.summary(contest)), ("Pairs of models", tables.claims(contest))]
    lost = tables.lost(contest)
    if len(lost):
        section.tables.append(("Runs without a score", lost))
    if contest.baseline is None:
        section.paragraphs.append(f"The runs have no memoryless baseline for {contest.terms.metric}.")
    drawings: list[tuple[str, Callable[[Contest, Path], bool]]] = [
        ("seeds", figures.points),
        ("learning", figures.learning),
        ("tuning", figures.tuning),
    ]
    for name, draw in drawings:
        path = folder / f"{slug(contest)}_{name}.png"
        _keep(section, f"{contest.label}: {name}", path, draw(contest, path))
    return section


def _keep(section: Section, title: str, path: Path, drawn: bool) -> None:
    """A figure that shows something becomes part of the section; an empty one is removed."""
    if drawn:
        section.figures.append((title, path))
    else:
        path.unlink(missing_ok=True)


def _why(contest: Contest, folder: Path) -> Section:
    section, read = Section(f"Why: {contest.label}"), mechanism.read(contest)
    command = mechanism.how_to_get(contest, read)
    if command:
        section.paragraphs.append(f"To see the gradients and gates of a run here, type: {command}")
    for name, table in (
        ("Half-life of the gradient: the steps in which it halves", mechanism.half_lives(read)),
        ("Gates", mechanism.gates(read)),
        ("Gate surgery: the trained network's score with a gate fixed at one", mechanism.surgery(read)),
    ):
        if len(table):
            section.tables.append((name, table))
    path = folder / f"{slug(contest)}_gradient.png"
    drawn = any(each.found for each in read) and mechanism.gradient(contest, read, path)
    _keep(section, f"{contest.label}: gradient norm against lag", path, drawn)
    top = mechanism.shared_top(read)
    for each in read:
        path = folder / f"{slug(contest)}_gradient_{re.sub(r'[^0-9A-Za-z_]+', '_', each.model)}.png"
        drawn = bool(each.over_time) and mechanism.over_training(contest, each, top, path)
        _keep(section, f"{each.model}: gradient norm over training", path, drawn)
    return section


def _provenance(answer: Answer, match: str | None, commands: Commands) -> Section:
    rows = []
    for contest in answer.contests:
        results = [run.result for entry in contest.entries for run in entry.runs.values()]
        for key, name in (
            ("git_sha", "commit"),
            ("numpy", "NumPy"),
            ("blas", "BLAS"),
            ("cpu", "CPU"),
            ("data", "data"),
        ):
            values = dict.fromkeys(str(getattr(result, key) or "not recorded") for result in results)
            rows.append({"task": contest.task, "what": name, "value": ", ".join(values)})
        for entry in contest.entries:
            text = json.dumps(deciding(entry.any), sort_keys=True, default=str)
            digest = hashlib.sha256(text.encode()).hexdigest()[:12]
            rows.append({"task": contest.task, "what": f"config hash of {entry.model}", "value": digest})
    rows.append({"task": "all", "what": "equal for all (match)", "value": match or "nothing"})
    table = tables.frame_of(rows, ["task", "what", "value"])
    lines = ["# the runs", *commands.runs, "# this report", commands.report]
    return Section("Provenance", tables=[("", table)], commands=lines)


def _notes(answer: Answer) -> list[str]:
    notes = [f"{contest.task}: {note}" for contest in answer.contests for note in contest.notes]
    notes += [*answer.notes, *answer.broken[:MOST_BROKEN]]
    return notes + ([f"… and {len(answer.broken) - MOST_BROKEN} more"] if len(answer.broken) > MOST_BROKEN else [])
