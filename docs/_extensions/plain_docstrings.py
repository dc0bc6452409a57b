"""Docstrings as they are written in seqexp, shown by autodoc: prose and ``code``, and indented lines as they stand.

An equation such as ``h_t = g(W_xh x_t)`` is neither a link nor emphasis, and keeps its columns.
"""

import re
from typing import Any

CODE = re.compile(r"(``.+?``)")
SPECIAL = re.compile(r"([\\*`|_<>])")


def escaped(line: str) -> str:
    """The line as text; what stands in double backticks stays code."""
    return "".join(part if CODE.fullmatch(part) else SPECIAL.sub(r"\\\1", part) for part in CODE.split(line))


def as_restructured(lines: list[str]) -> list[str]:
    """Paragraphs as prose; a block with an indented line, such as equations or a list of arguments, as it stands."""
    made: list[str] = []
    for block in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        rows = block.split("\n")
        if any(row.startswith("  ") for row in rows) or re.match(r"^\w+(, \w+)*:  ", block):
            made += ["::", "", *(f"    {row}" for row in rows), ""]
        else:
            made += [*map(escaped, rows), ""]
    return made


def process(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    lines[:] = as_restructured(lines)


def signature(app: Any, what: str, name: str, obj: object, *rest: Any) -> tuple[str, None] | None:
    """A protocol has no arguments of its own."""
    return ("", None) if what == "class" and getattr(obj, "_is_protocol", False) else None


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", signature)
    return {"parallel_read_safe": True}
