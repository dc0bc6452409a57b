"""A report's words, tables and figures as one HTML file that needs no other, and as Markdown.

Whatever comes from a run - error messages, settings, names - is escaped: it may be a stranger's.
"""

import html
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

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
    remarks: Sequence[str]


@dataclass
class Section:
    """A part of the report: what is in it is shown in this order. Figures are (title, file)."""

    title: str
    boxes: list[Box] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)
    bullets: list[str] = field(default_factory=list)
    tables: list[tuple[str, "pd.DataFrame"]] = field(default_factory=list)
    figures: list[tuple[str, Path]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        parts = (self.boxes, self.paragraphs, self.bullets, self.tables, self.figures, self.commands)
        return any(len(part) for part in parts)


LONG = 45  # characters of a cell from which it is broken into lines

STYLE = """
:root { --line: #e0e0e0; --ink: #222; --soft: #666 }
body { font: 16px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: var(--ink); background: #fff;
       margin: 2rem auto; padding: 0 1.2rem; max-width: 70rem }
h1 { font-size: 1.7rem; margin: 0 0 1rem } h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; color: var(--soft); font-weight: 600 }
.box { border-left: 8px solid; border-radius: 6px; padding: .9rem 1.2rem; margin: .8rem 0 }
.box p { margin: .4rem 0 } .box .said { font-size: 1.1rem }
.word { font-weight: 700; text-transform: uppercase; letter-spacing: .05em; font-size: .85rem }
.better, .worse { border-color: #009E73; background: #eef8f4 }
.equivalent { border-color: #0072B2; background: #eef5fb }
.open { border-color: #E69F00; background: #fdf6e7 }
.warnings li { margin: .25rem 0 }
.warnings { border: 1px solid #D55E00; border-radius: 6px; padding: .2rem 1.2rem .5rem;
       background: #fdf1ea } .warnings h2 { margin-top: .6rem; color: #a84300 }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .8rem; margin: .3rem 0 1rem }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { border-bottom: 2px solid #999; vertical-align: bottom }
.n { text-align: right; font-variant-numeric: tabular-nums }
td { white-space: nowrap }
td.long { white-space: normal; overflow-wrap: anywhere; min-width: 20rem }
figure { margin: 1rem 0; max-width: 54rem }
img { max-width: 100%; height: auto } figcaption { color: var(--soft); font-size: .85rem }
pre { background: #f5f5f5; padding: .7rem 1rem; border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere;
      font-size: .85rem }
"""


def as_html(title: str, sections: Sequence[Section]) -> str:
    """The page. Figures are inside it."""
    body = "".join(_html_section(section) for section in sections if section)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{_text(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n<h1>{_text(title)}</h1>\n{body}</body></html>\n"
    )


def fragment(sections: Sequence[Section]) -> str:
    """What of the page a notebook shows below a cell: all but where the runs come from."""
    return "".join(_html_section(section) for section in sections if section and section.title != "Provenance")


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """The same in Markdown; figures are files beside it."""
    parts = [f"# {_escaped(title)}"]
    for section in (section for section in sections if section):
        parts.append(f"## {_escaped(section.title)}")
        for box in section.boxes:
            lines = [f"**{_escaped(box.headline)}.** {_escaped(box.sentence)}", *map(_escaped, box.remarks)]
            parts.append("\n>\n".join(f"> {line}" for line in lines))
        parts += [_escaped(text) for text in section.paragraphs]
        if section.bullets:
            parts.append("\n".join(f"- {_escaped(text)}" for text in section.bullets))
        for name, table in section.tables:
            parts += [f"### {_escaped(name)}"] if name else []
            parts.append(_markdown_table(table))
        parts += [f"![{_escaped(name)}]({path.name})" for name, path in section.figures]
        if section.commands:
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", " ".join(section.commands))), default=0))
            parts.append("\n".join([f"{fence}sh", *map(printable, section.commands), fence]))
    return "\n\n".join(parts) + "\n"


def _html_section(section: Section) -> str:
    boxes = "".join(_html_box(box) for box in section.boxes)
    paragraphs = "".join(f"<p>{_text(text)}</p>\n" for text in section.paragraphs)
    bullets = "".join(f"<li>{_text(text)}</li>\n" for text in section.bullets)
    tables = "".join(_html_table(name, table) for name, table in section.tables)
    figures = "".join(_html_figure(name, path) for name, path in section.figures)
    commands = f"<pre>{_text(chr(10).join(section.commands))}</pre>\n" if section.commands else ""
    kind = ' class="warnings"' if section.title == "Warnings" else ""
    return (
        f"<section{kind}><h2>{_text(section.title)}</h2>\n{boxes}{paragraphs}"
        + (f"<ul>{bullets}</ul>\n" if bullets else "")
        + f"{tables}{figures}{commands}</section>\n"
    )


def _html_box(box: Box) -> str:
    kind = "open" if box.verdict == "not resolved" else box.verdict
    remarks = "".join(f"<p>{_text(remark)}</p>" for remark in box.remarks)
    return (
        f'<div class="box {_text(kind)}"><div class="word">{_text(box.headline)}</div>'
        f'<p class="said">{_text(box.sentence)}</p>{remarks}</div>\n'
    )


def _html_table(name: str, table: "pd.DataFrame") -> str:
    cells, numeric = shown(table)
    kinds = [' class="n"' if right else "" for right in numeric]
    head = "".join(f"<th{kind}>{_text(column)}</th>" for column, kind in zip(table.columns, kinds, strict=True))
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=long' if len(cell) > LONG else kind}>{_text(cell)}</td>"
            for cell, kind in zip(row, kinds, strict=True)
        )
        + "</tr>\n"
        for row in cells
    )
    title = f"<h3>{_text(name)}</h3>" if name else ""
    return f'{title}<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>\n'


def _html_figure(name: str, path: Path) -> str:
    data = b64encode(path.read_bytes()).decode()
    return f'<figure><img alt="{_text(name)}" src="data:image/png;base64,{data}"></figure>\n'


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
