"""A report's words, tables and figures as one HTML file that needs no other, and as Markdown.

Whatever comes from a run - error messages, settings, names - is escaped: it may be a stranger's.
"""

import html
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seqexp.plots.colours import style
from seqexp.runs.tables import shown
from seqexp.system.printable import printable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Box:
    """A claim: its verdict, the sentence, and what must be said together with it."""

    verdict: str  # better, worse, equivalent or not resolved
    headline: str
    sentence: str
    remarks: Sequence[tuple[str, str]]  # each with its name, which may be empty

    def told(self) -> list[str]:
        """The remarks as lines."""
        return [f"{name}: {text}" if name else text for name, text in self.remarks]


class Figure(NamedTuple):
    """half: whether two of them stand beside each other."""

    caption: str
    path: Path
    half: bool = False


@dataclass
class Section:
    """A part of the report: what is in it is shown in this order.

    folded: whether the page shows its title alone, until somebody opens it.
    """

    title: str
    boxes: list[Box] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)
    bullets: list[str] = field(default_factory=list)
    tables: list[tuple[str, "pd.DataFrame"]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    folded: bool = False

    def __bool__(self) -> bool:
        parts = (self.boxes, self.paragraphs, self.bullets, self.tables, self.figures, self.commands)
        return any(len(part) for part in parts)


LONG = 45  # characters of a cell from which it is broken into lines

STYLE = """
:root { --line: #dcdcdc; --ink: #1d1d1f; --soft: #5f6368 }
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: var(--ink); background: #fff;
       margin: 3rem auto 5rem; padding: 0 1.4rem; max-width: 58rem }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -.01em; margin: 0 0 .3rem }
.about { color: var(--soft); margin: 0 0 1.8rem }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--line) }
h3 { font-size: .95rem; margin: 1.4rem 0 .3rem; font-weight: 600 }
.first h2 { display: none }
.box { border-left: 5px solid #8a8a8a; padding: .1rem 0 .1rem 1.2rem; margin: 1.2rem 0 1.6rem }
.box h3 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 .4rem; font-weight: 700 }
.box p { margin: .2rem 0 .8rem }
dl { display: grid; grid-template-columns: minmax(7rem, 11rem) 1fr; gap: .35rem 1.2rem; margin: 0; font-size: .93rem }
dt { color: var(--soft) } dd { margin: 0 } dd.whole { grid-column: 1 / -1 }
.better, .worse { border-color: #009E73 } .equivalent { border-color: #0072B2 } .open { border-color: #E69F00 }
.warnings { background: #fdf4ec; border-radius: 6px; padding: .1rem 1.2rem .4rem; margin: 1.6rem 0 }
.warnings h2 { margin: .8rem 0 .2rem; padding: 0; border: 0; font-size: 1rem; color: #9a3d00 }
.warnings ul { margin: .3rem 0; padding-left: 1.1rem } .warnings li { margin: .2rem 0; font-size: .93rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .85rem; margin: .3rem 0 1.2rem }
table { border-top: 2px solid var(--ink); border-bottom: 2px solid var(--ink) }
th, td { padding: .32rem .7rem .32rem 0; text-align: left; vertical-align: top; white-space: nowrap }
th { border-bottom: 1px solid var(--ink); vertical-align: bottom; font-weight: 600 }
.n { text-align: right; font-variant-numeric: tabular-nums; padding-left: .6rem }
th, td:first-child { white-space: normal } td:first-child { min-width: 7rem }
td.long { white-space: normal; overflow-wrap: anywhere; min-width: 18rem }
.dot { display: inline-block; width: .65em; height: .65em; border-radius: 50%; margin-right: .45em }
.figures { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem 1.6rem; margin: 1.2rem 0 1.6rem }
figure { margin: 0; grid-column: 1 / -1 } figure.half { grid-column: auto } img { width: 100%; height: auto }
figcaption { color: var(--soft); font-size: .87rem; margin-top: .2rem }
details { margin: 1.2rem 0; border-top: 1px solid var(--line); padding-top: .7rem }
summary { cursor: pointer; font-weight: 600 } details h2 { display: none }
pre { background: #f6f6f7; padding: .8rem 1rem; border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere;
      font-size: .82rem; line-height: 1.45 }
@media (max-width: 44rem) { figure.half { grid-column: 1 / -1 } }
@media print { body { margin: 0; font-size: 11pt } details { display: none } figure, .box { break-inside: avoid } }
"""


def as_html(title: str, about: str, sections: Sequence[Section]) -> str:
    """The page, with a line ``about`` it below its title. Figures are inside it."""
    body = "".join(_html_section(section, first=number == 0) for number, section in enumerate(filter(None, sections)))
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{_text(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n<h1>{_text(title)}</h1>\n"
        f'<p class="about">{_text(about)}</p>\n{body}</body></html>\n'
    )


def fragment(sections: Sequence[Section]) -> str:
    """What of the page a notebook shows below a cell: all but where the runs come from."""
    return "".join(_html_section(section) for section in sections if section and not section.folded)


def as_markdown(title: str, about: str, sections: Sequence[Section]) -> str:
    """The same in Markdown; figures are files beside it."""
    parts = [f"# {_escaped(title)}", _escaped(about)]
    for section in (section for section in sections if section):
        parts.append(f"## {_escaped(section.title)}")
        for box in section.boxes:
            lines = [f"**{_escaped(box.headline)}.** {_escaped(box.sentence)}", *map(_escaped, box.told())]
            parts.append("\n>\n".join(f"> {line}" for line in lines))
        parts += [_escaped(text) for text in section.paragraphs]
        if section.bullets:
            parts.append("\n".join(f"- {_escaped(text)}" for text in section.bullets))
        for name, table in section.tables:
            parts += [f"### {_escaped(name)}"] if name else []
            parts.append(_markdown_table(table))
        parts += [f"![{_escaped(figure.caption)}]({figure.path.name})" for figure in section.figures]
        if section.commands:
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", " ".join(section.commands))), default=0))
            parts.append("\n".join([f"{fence}sh", *map(printable, section.commands), fence]))
    return "\n\n".join(parts) + "\n"


def _html_section(section: Section, first: bool = False) -> str:
    boxes = "".join(_html_box(box) for box in section.boxes)
    paragraphs = "".join(f"<p>{_text(text)}</p>\n" for text in section.paragraphs)
    bullets = "".join(f"<li>{_text(text)}</li>\n" for text in section.bullets)
    tables = "".join(_html_table(name, table) for name, table in section.tables)
    figures = "".join(map(_html_figure, section.figures))
    commands = f"<pre>{_text(chr(10).join(section.commands))}</pre>\n" if section.commands else ""
    kind = ' class="warnings"' if section.title == "Warnings" else ' class="first"' if first else ""
    body = (
        f"<section{kind}><h2>{_text(section.title)}</h2>\n{boxes}{paragraphs}"
        + (f"<ul>{bullets}</ul>\n" if bullets else "")
        + (f'<div class="figures">{figures}</div>\n' if figures else "")
        + f"{tables}{commands}</section>\n"
    )
    return f"<details><summary>{_text(section.title)}</summary>{body}</details>\n" if section.folded else body


def _html_box(box: Box) -> str:
    kind = "open" if box.verdict == "not resolved" else box.verdict
    remarks = "".join(
        f"<dt>{_text(name)}</dt><dd>{_text(text)}</dd>" if name else f'<dd class="whole">{_text(text)}</dd>'
        for name, text in box.remarks
    )
    plain = box.headline.startswith(("equivalent", "not resolved"))  # a model's name keeps its small letter
    headline = box.headline[:1].upper() + box.headline[1:] if plain else box.headline
    return (
        f'<div class="box {_text(kind)}"><h3>{_text(headline)}</h3>'
        f'<p class="said">{_text(box.sentence)}</p><dl>{remarks}</dl></div>\n'
    )


def _html_table(name: str, table: "pd.DataFrame") -> str:
    cells, numeric = shown(table)
    kinds = [' class="n"' if right else "" for right in numeric]
    head = "".join(f"<th{kind}>{_text(column)}</th>" for column, kind in zip(table.columns, kinds, strict=True))
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=long' if len(cell) > LONG else kind}>{_dot(column, cell)}{_text(cell)}</td>"
            for column, cell, kind in zip(table.columns, row, kinds, strict=True)
        )
        + "</tr>\n"
        for row in cells
    )
    title = f"<h3>{_text(name)}</h3>" if name else ""
    return f'{title}<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>\n'


def _dot(column: str, cell: str) -> str:
    """A model's colour in the figures, before its name."""
    return (
        f'<span class="dot" style="background:{style(cell)[0]}"></span>'
        if column == "model" and "(no memory)" not in cell
        else ""
    )


def _html_figure(figure: Figure) -> str:
    """The figure as an image: what is in it can run nothing, wherever its words come from."""
    caption, kind = _text(figure.caption), {".svg": "svg+xml"}.get(figure.path.suffix, figure.path.suffix[1:])
    image = f'<img alt="{caption}" src="data:image/{kind};base64,{b64encode(figure.path.read_bytes()).decode()}">'
    half = ' class="half"' if figure.half else ""
    return f"<figure{half}>{image}<figcaption>{caption}</figcaption></figure>\n"


def _markdown_table(table: "pd.DataFrame") -> str:
    cells, numeric = shown(table)
    rows = [[_escaped(cell).replace("|", "\\|") for cell in row] for row in [[*map(str, table.columns)], *cells]]
    rules = ["---:" if right else "---" for right in numeric]
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], rules, *rows[1:]))


def _text(text: object) -> str:
    return re.sub(r"(\d) %", r"\1&nbsp;%", html.escape(printable(str(text))))


def _escaped(text: object) -> str:
    """In one line, with what Markdown or HTML in it would act on made harmless."""
    line = " ".join(printable(str(text)).split())
    return re.sub(r"([\\`*_\[\]])", r"\\\1", html.escape(line, quote=False))
