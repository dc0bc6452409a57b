"""A comparison written down: the same words, tables and figures on the terminal, in HTML, Markdown, CSV and PNG."""

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
from seqexp.report import (
    across_tasks,
    capsule,
    figures,
    latex,
    mechanism,
    protocol,
    provenance,
    tables,
    tuning,
    variance,
)
from seqexp.report.provenance import Commands
from seqexp.report.render import Box, Figure, Section, as_html, as_markdown
from seqexp.runs.tables import as_rich, to_csv
from seqexp.system.atomic_files import write_text
from seqexp.system.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

COLOURS = {"better": "green", "worse": "green", "equivalent": "blue", "not resolved": "yellow"}
MOST_BROKEN = 10  # named; of more, how many


@dataclass(frozen=True)
class Report:
    """What was written, and what it says."""

    about: str
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
    sections.append(protocol.section(answer, folder))
    sections += [why for contest in answer.contests if (why := _why(contest, folder))]
    for contest in answer.contests:
        sections.append(_details(contest))
    sections += [provenance.section(answer, match, commands), Section("Notes", bullets=_notes(answer))]
    figures = [figure.path for section in sections for figure in section.figures]
    title, about = _title(answer), _about(answer)
    markdown = as_markdown(title, about, sections)
    texts = {
        "report.html": as_html(title, about, sections),
        "report.md": markdown,
        "report.tex": latex.document(title, answer.contests, figures),
        "comparison.csv": to_csv(tables.comparison(answer.contests)),
        "runs.csv": to_csv(tables.every_run(answer.contests)),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    packed = capsule.write(answer.contests, folder, commands, match)
    drawn = [file for path in figures for file in (path, path.with_suffix(".pdf"))]
    return Report(
        about, sections, markdown, [*(folder / name for name in texts), *([packed] if packed else []), *drawn]
    )


def renderables(report: Report) -> "list[RenderableType]":
    """What the terminal shows: the verdict, the warnings and the tables."""
    from rich.panel import Panel
    from rich.text import Text

    shown: list[Any] = [Text(printable(report.about))]
    for section in report.sections:
        if section.title == provenance.TITLE:
            continue
        for box in section.boxes:
            body = Text(printable("\n".join([box.sentence, *box.told()])))
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
    """The warnings; of several tasks each begins with its own."""
    found = [(contest.task, warning) for contest in answer.contests for warning in warnings(contest, match)]
    alone = len(answer.contests) == 1
    return [warning.removeprefix(f"{task}: ") if alone else warning for task, warning in found]


def slug(contest: Contest) -> str:
    return re.sub(r"\W+", "_", contest.task)[:60]


def _title(answer: Answer) -> str:
    models = [*dict.fromkeys(entry.model for contest in answer.contests for entry in contest.entries)]
    named = " against ".join(models) if len(models) < 3 else f"{', '.join(models[:-1])} and {models[-1]}"
    return f"{named} on {', '.join(contest.label for contest in answer.contests)}"


def _about(answer: Answer) -> str:
    """What is judged, and by what: the line below the title."""
    said = []
    for contest in answer.contests:
        terms, task = contest.terms, f"{contest.task}: " if len(answer.contests) > 1 else ""
        how = "tested after every pair of seeds" if terms.sequential else "all runs compared with all"
        text = f"{task}{terms.noun}, {terms.orientation}; differences within {number(terms.margin)} count as equivalent"
        said.append(f"{text[:1].upper()}{text[1:]}; {how}, level {percent(terms.level)}.")
    return " ".join(said)


def _verdict(answer: Answer) -> Section:
    claims = [(contest, claim) for contest in answer.contests for claim in contest.claims]
    several = len(claims) > 1
    return Section("Verdict", boxes=[_beside_floor(_box(claim, several), contest, claim) for contest, claim in claims])


def _beside_floor(box: Box, contest: Contest, claim: Claim) -> Box:
    said = beside_floor(contest, claim)
    return replace(box, headline=f"{box.headline}; {said}") if said else box


def _box(claim: Claim, of_several: bool) -> Box:
    unpaired = [("Seeds without a pair", f"{', '.join(map(str, claim.unpaired))}.")] if claim.unpaired else []
    remarks = [("", claim.alarm), ("What would resolve it", advice(claim)), *answers(claim), *unpaired]
    said = headline(claim)
    if of_several and claim.verdict in ("equivalent", "not resolved"):
        said = f"{claim.a} against {claim.b}: {said}"
    return Box(claim.verdict, said, sentence(claim), [remark for remark in remarks if remark[1]])


def _task(contest: Contest, folder: Path) -> Section:
    section = Section(contest.label)
    if contest.baseline is None:
        section.paragraphs.append(f"The runs have no memoryless baseline for {contest.terms.noun}.")
    drawings: list[tuple[str, str, Callable[[Contest, Path], bool]]] = [
        ("claims", figures.claims_caption(contest), figures.claims),
        ("seeds", "Every run is a point, the bar is the mean.", figures.points),
        ("learning", "Learning: lines are means, bands reach from the worst run to the best.", figures.learning),
        ("cost", "Score against time, a point a run.", figures.cost),
        ("tuning", f"Tuning: points are trials, lines the best so far. {_expected(contest)}", figures.tuning),
        ("settings", "Tuning: each trial's score against its settings, with running medians.", tuning.marginals),
    ]
    for name, caption, draw in drawings:
        path = folder / f"{slug(contest)}_{name}.svg"
        figure = Figure(caption, path, half=name in ("learning", "cost", "tuning", "settings"))
        _keep(section, figure, draw(contest, path))
    section.tables = [("Models, best mean first", tables.summary(contest))]
    mattered = tuning.importance(contest)
    spread = variance.table(contest)
    if len(spread):
        section.tables.append(("Where the spread comes from (Bouthillier et al. 2021)", spread))
    if len(mattered):
        section.tables.append(("Which settings mattered in tuning (fANOVA)", mattered))
    return section


def _expected(contest: Contest) -> str:
    random = any(study.sampler == "random" for study in contest.studies.values())
    return "Dashed: what as many trials are expected to find (without bias; Dodge et al. 2021)." if random else ""


def _details(contest: Contest) -> Section:
    found = Section(f"Figures behind the verdict: {contest.label}", folded=True)
    found.tables = [("Pairs of models", tables.claims(contest))]
    lost = tables.lost(contest)
    if len(lost):
        found.tables.append(("Runs without a score", lost))
    return found


def _keep(section: Section, figure: Figure, drawn: bool) -> None:
    """A figure that shows something becomes part of the section; an empty one is removed."""
    if drawn:
        section.figures.append(figure)
        return
    for file in (figure.path, figure.path.with_suffix(".pdf")):
        file.unlink(missing_ok=True)


def _why(contest: Contest, folder: Path) -> Section:
    section, read = Section(f"Why: {contest.label}"), mechanism.read(contest)
    section.bullets = mechanism.sentences(contest, read)
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
    path = folder / f"{slug(contest)}_gradient.svg"
    drawn = any(each.found for each in read) and mechanism.gradient(contest, read, path)
    _keep(section, Figure("The gradient's norm against the lag.", path), drawn)
    top = mechanism.shared_top(read)
    for each in read:
        path = folder / f"{slug(contest)}_gradient_{re.sub(r'[^0-9A-Za-z_]+', '_', each.model)}.svg"
        drawn = bool(each.over_time) and mechanism.over_training(contest, each, top, path)
        _keep(section, Figure(f"{each.model}: the gradient's norm over training.", path, half=True), drawn)
    return section


def _notes(answer: Answer) -> list[str]:
    notes = [f"{contest.task}: {note}" for contest in answer.contests for note in contest.notes]
    notes += [*answer.notes, *answer.broken[:MOST_BROKEN]]
    return notes + ([f"… and {len(answer.broken) - MOST_BROKEN} more"] if len(answer.broken) > MOST_BROKEN else [])
