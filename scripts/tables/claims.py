"""The claims of docs/: which figure has no command, and which differs from the rows that it was made from.

    scripts/claims            # a line for each claim that does not hold; exit code 1 if there is one

- Every section of docs/*.md with a measured figure, in a table or in a picture, has a command: in itself, or in a
  section around it.
- Every mean, half interval, difference and verdict of the catalogue's table, and every count in its words, is computed
  again from docs/catalogue.csv, by formulas of its own.
- Every mean of the tuned catalogue's table, and every share of pairs won, from docs/tuned_catalogue.csv; every count of
  its verdicts in the words of docs/tasks.md.
- Every published figure names its source on its page. One that ours does not reach is told under "Not reached".
"""

import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import stats

from scripts.tables import stored_rows
from scripts.tables.catalogue import MODELS, ROWS, typical_runs
from scripts.tables.tuned_catalogue import MODELS as TUNED
from scripts.tables.tuned_catalogue import scores as tuned_scores

ROOT = Path(__file__).resolve().parents[2]
DOCS, SCORES = ROOT / "docs", ROOT / "docs" / "catalogue.csv"
UNREPEATED = "<!-- claims: no command is left -->"  # of a section that says so itself
COMMAND = re.compile(rf"{re.escape(UNREPEATED)}|scripts/[a-z_]+|python -m (?:seqexp|scripts)|experiment=\w+")
MEASURED = re.compile(r"^\|(?:.*\|)?\s*\**[-+]?\d[\d,]*\.\d+", re.MULTILINE)  # a cell that begins with a decimal number
PICTURE = re.compile(r"!\[[^]]*]\(([^)]+\.png)\)")
BAI = "Bai, Kolter and Koltun 2018, table 1"
PUBLISHED = {  # figure -> who printed it, as its page has to say, each seen in the source; 1 where larger is better
    **dict.fromkeys(("8.45", "8.91", "3.29", "4.05"), (BAI, -1)),
    "2.120": ("the readme of nanoGPT", -1),
    "0.9448": ("the Theano tutorial of Mesnil", 1),
}


@dataclass
class Section:
    """A heading, its level, what stands below it, and the sections around it."""

    title: str
    level: int
    text: str = ""
    around: list["Section"] = field(default_factory=list)


def sections(page: str) -> list[Section]:
    """A page's sections in their order; a ``#`` inside a fenced block is no heading."""
    found, fenced = [Section("", 0)], False
    for line in page.splitlines():
        fenced ^= line.startswith("```")
        heading = None if fenced else re.match(r"(#+) (.*)", line)
        if heading is None:
            found[-1].text += f"{line}\n"
            continue
        level = len(heading[1])
        around = [*found[-1].around, found[-1]]
        found.append(Section(heading[2], level, "", [one for one in around if one.level < level]))
    return found


def without_command(name: str, page: str) -> Iterator[str]:
    """A line for each section whose figures nobody could make again."""
    for section in sections(page):
        shows = MEASURED.search(section.text) or PICTURE.search(section.text)
        if shows and not any(COMMAND.search(one.text) for one in (section, *section.around)):
            yield f"{name}: section {section.title!r} has figures and no command"


def catalogue(page: str, rows: Sequence[dict[str, str]], judged: Mapping[str, str] | None) -> Iterator[str]:
    """A line for each cell of the catalogue's table, and each count in its words, that the rows do not give. judged:
    the verdicts by the row's words, None where they are not drawn again."""
    values: dict[tuple[str, str], dict[str, float | None]] = defaultdict(dict)
    for row in rows:
        score = float(row["value"]) if row["status"] == "FINISHED" else None
        values[row["words"], row["model"]][row["seed"]] = score
    better = {row["words"]: 1 if row["direction"] == "max" else -1 for row in rows}
    verdicts: Counter[str] = Counter()
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        words = cells[0].strip("`")
        if words not in better or len(cells) < len(MODELS) + 4:
            continue
        for model, cell in zip(MODELS, cells[2:], strict=False):
            scores = [v for v in values[words, model].values() if v is not None]
            if scores or cell != "-":  # not every model has run on every row
                yield from _mean(f"tasks.md: {words}, {model}", cell, scores)
        lstm, rnn = values[words, "lstm"], values[words, "rnn"]
        pairs = [(a, b) for seed, a in lstm.items() if a is not None and (b := rnn.get(seed)) is not None]
        d = [better[words] * (a - b) for a, b in pairs]
        said, _, verdict = cells[len(MODELS) + 3].partition(": ")
        if judged is not None and judged[words] != verdict:
            yield f"tasks.md: {words}: {verdict!r} is not the typical run's verdict, {judged[words]!r}"
        yield from _difference(words, said, np.array(d))
        verdicts[verdict] += 1
    told = re.search(r"typical run on (\d+) of the (\d+) rows,\s+worse on (\d+), equivalent on (\d+), and (\d+)", page)
    counts = [verdicts[word] for word in ("better", "worse", "equivalent", "not resolved")]
    if told is None or [int(told[n]) for n in (1, 3, 4, 5)] != counts or int(told[2]) != sum(counts):
        yield f"tasks.md: its words have to count {counts} better, worse, equivalent and not resolved rows"


def tuned_catalogue(page: str, rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """A line for each mean of the tuned catalogue's table, and each share of pairs won, that the rows do not give."""
    values: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for row in rows:
        lost = -math.inf if row["direction"] == "max" else math.inf
        values[row["words"], row["model"]][row["seed"]] = float(row["value"] or lost)
    sign = {row["words"]: 1 if row["direction"] == "max" else -1 for row in rows}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if (words := cells[0].strip("`")) not in sign:
            continue
        for model, cell in zip(TUNED, cells[2:], strict=False):
            scores = [value for value in values[words, model].values() if math.isfinite(value)]
            yield from _mean(f"tuned_catalogue.md: {words}, {model}", cell.partition(" at ")[0], scores)
        a = values[words, TUNED[-1]]
        for model, cell in zip(TUNED[:-1], cells[3 + len(TUNED) : -1], strict=True):
            told = re.search(r"\(([\d.]+), p [\d.e-]+, n (\d+)\)", cell)
            pairs = [sign[words] * ((a[seed] > b) - float(a[seed] < b)) for seed, b in values[words, model].items()]
            share = sum(pairs[: int(told[2])]) / (2 * int(told[2])) + 0.5 if told else math.nan
            if told is None or not abs(float(told[1]) - share) <= 0.0051:
                yield f"tuned_catalogue.md: {words}: {cell!r} is not the share won against {model}, {share:.2f}"


def tuned_words(page: str, tuned: str) -> Iterator[str]:
    """A line for each count of the tuned catalogue that the words of tasks.md do not repeat."""
    facts = re.findall(r"^- Against \w+: (.*)\.$", tuned, re.MULTILINE)
    facts += [
        f"{rows} of its {all_} rows" for rows, all_ in re.findall(r"^(\d+) of (\d+) rows so far", tuned, re.MULTILINE)
    ]
    alike = re.findall(r"^(\d+) of these rows with the same words\. (\d+) of them", tuned, re.MULTILINE)
    facts += [f"{int(both) - int(kept)} of the {both} rows that both tables have" for both, kept in alike]
    said = " ".join(page.split())
    yield from (
        f"tasks.md: its words have to say {fact!r}, as tuned_catalogue.md does" for fact in facts if fact not in said
    )


def published(page: str) -> Iterator[str]:
    """A line for each published figure without its source, and for each that ours misses without a word on it."""
    missed = page.partition("**Not reached:**")[2].partition("\n\n")[0]
    for line in page.splitlines():
        cells = [cell.strip().strip("*") for cell in line.strip("|").split("|")]
        if len(cells) != 7 or not re.fullmatch(r"[\d.]+", cells[2]) or not re.fullmatch(r"[\d.]+", cells[4]):
            continue
        source, sign = PUBLISHED.get(cells[2], ("", 0))
        if not source or source not in " ".join(page.split()):
            yield f"tasks.md: {cells[0]}: the published {cells[2]} names no source that was seen"
        name = cells[0].split(",")[0].split()[0]
        if sign * float(cells[4]) < sign * float(cells[2]) and name not in missed:
            yield f"tasks.md: {cells[0]}: {cells[4]} does not reach the published {cells[2]}, and no word says so"


def wrong(*, quick: bool = False) -> list[str]:
    """Every claim that does not hold, a line each. ``quick``: without drawing the verdicts again."""
    pages = {page.name: page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))}
    rows = stored_rows.read(SCORES)
    found = [line for name, page in pages.items() for line in without_command(name, page)]
    judged = None if quick else {ROWS[name]: verdict for name, (verdict, _, _) in typical_runs(rows).items()}
    tuned = tuned_catalogue(pages["tuned_catalogue.md"], tuned_scores())
    words = tuned_words(pages["tasks.md"], pages["tuned_catalogue.md"])
    return [*found, *catalogue(pages["tasks.md"], rows, judged), *tuned, *words, *published(pages["tasks.md"])]


def _mean(where: str, cell: str, scores: Sequence[float]) -> Iterator[str]:
    want = (float(np.mean(scores)), float(stats.t.ppf(0.975, len(scores) - 1) * stats.sem(scores)))
    told = re.match(r"([\d.e-]+) ± ([\d.e-]+)$", cell)
    if told is None or not all(map(_rounds, told.groups(), want)):
        yield f"{where}: {cell!r} is not the mean {want[0]:.6g} ± {want[1]:.6g} of its rows"


def _difference(words: str, cell: str, d: np.ndarray) -> Iterator[str]:
    half = stats.t.ppf(0.975, len(d) - 1) * stats.sem(d)
    want = (d.mean(), d.mean() - half, d.mean() + half)
    told = re.fullmatch(r"([-+][\d.e-]+) \(([-+][\d.e-]+) to ([-+][\d.e-]+)\)", cell)
    if told is None or not all(map(_rounds, told.groups(), want)):
        shown = f"{want[0]:.6g} ({want[1]:.6g} to {want[2]:.6g})"
        yield f"tasks.md: {words}: {cell!r} is not the difference of its rows, {shown}"


def _rounds(text: str, value: float) -> bool:
    """Whether the text is the value to three digits."""
    return abs(float(text) - value) <= 0.0051 * abs(value) + 1e-9


def main() -> None:
    """Print what is wrong."""
    found = wrong()
    print("\n".join(found) or "every claim of docs/ has a command, and every recomputed figure agrees")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
