"""A comparison for a paper: tables with booktabs and the figures' PDFs, as a document of its own or to be cut from."""

import re
from collections.abc import Sequence
from pathlib import Path

from seqexp.comparison.contest import Contest
from seqexp.comparison.wording import headline, number, percent, sentence
from seqexp.system.printable import printable

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "…": r"\ldots{}", "–": "--", "−": "$-$",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
}  # fmt: skip


def document(title: str, contests: Sequence[Contest], figures: Sequence[Path]) -> str:
    """report.tex. ``figures``: SVG files, each with a PDF beside it."""
    parts = [
        r"\documentclass{article}",
        r"\usepackage{booktabs,graphicx}",
        r"\usepackage[utf8]{inputenc}",
        rf"\title{{{escaped(title)}}}\author{{}}\date{{}}",
        r"\begin{document}\maketitle",
    ]
    for contest in contests:
        parts += [rf"\section*{{{escaped(contest.label)}}}", _models(contest)]
        parts += [rf"\paragraph{{{escaped(headline(claim))}.}} {escaped(sentence(claim))}" for claim in contest.claims]
    parts += [rf"\begin{{center}}\includegraphics[width=\linewidth]{{{path.stem}}}\end{{center}}" for path in figures]
    return "\n".join([*parts, r"\end{document}"]) + "\n"


def escaped(text: str) -> str:
    """Text of any origin as LaTeX that prints it and does nothing else."""
    line = " ".join(printable(text).split())
    return re.sub(r"[\\{}$&#_%~^±…–−<>|\"]", lambda found: SPECIAL[found[0]], line)


def _models(contest: Contest) -> str:
    """The models with their means and intervals, best first."""
    sign = 1 if contest.terms.direction == "min" else -1
    ordered = sorted(contest.entries, key=lambda entry: (not entry.scores, sign * entry.mean if entry.scores else 0))
    level = percent(contest.terms.level)
    rows = [
        [
            entry.model,
            f"{entry.counted:,}" if entry.counted is not None else "",
            str(len(entry.scores)),
            number(entry.mean),
            number(entry.std),
            f"{number(entry.interval[0])} to {number(entry.interval[1])}" if len(entry.scores) > 1 else "",
        ]
        for entry in ordered
    ]
    if contest.baseline is not None:
        rows.append([f"{contest.baseline[0]} (no memory)", "", "", number(contest.baseline[1]), "", ""])
    noun = contest.terms.noun
    mean = noun if noun.startswith("mean ") else f"mean {noun}"
    head = ["model", "parameters", "runs", mean, "sd", f"{level} interval"]
    lines = [" & ".join(map(escaped, row)) + r" \\" for row in (head, *rows)]
    body = "\n".join([r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"])
    table = r"\begin{tabular}{lrrrrl}" + f"\n{body}\n" + r"\end{tabular}"
    return rf"\noindent{{\footnotesize\setlength{{\tabcolsep}}{{4pt}}{table}}}"
