"""The book's notebooks run, with small settings and without a Jupyter kernel, and each is whole."""

import re
from pathlib import Path

import pytest

from tests.test_architecture import ROOT

# What the cell tagged ``parameters`` sets, and what a test has instead: every cell runs, and little is learned.
SMALL: dict[str, dict[str, object]] = {
    "1_one_hidden_step": {"H": 8, "B": 2, "repeats": 1},
    "2_backpropagation_through_time": {"T": 9, "updates": 2},
    "3_hello": {"epochs": 1},
    "4_stacking": {"epochs": 1, "steps": 2, "examples": 32},
    "5_vanishing_gradients": {"T": 9, "draws": 2, "epochs": 1, "steps": 2, "examples": 32},
    "6_lstm": {"epochs": 1, "steps": 2, "examples": 32},
    "7_the_family_of_cells": {"epochs": 1, "steps": 2, "examples": 32, "seeds": (0,)},
    "8_a_verdict_of_your_own": {"seeds": 2, "epochs": 1, "steps": 2, "examples": 32, "texts": 60},
}
BOOK = sorted((ROOT / "docs" / "book").glob("[0-9]*.md"))
CELL = re.compile(r"^```\{code-cell\} ipython3\n((?::[^\n]*\n)*)(.*?)^```$", re.MULTILINE | re.DOTALL)

every_chapter = pytest.mark.parametrize("chapter", BOOK, ids=lambda path: path.stem)


def cells(chapter: Path) -> list[tuple[str, str]]:
    """(options, code) of each."""
    return CELL.findall(chapter.read_text(encoding="utf-8"))


@every_chapter
def test_the_cells_of_a_chapter_run_one_after_another(chapter, tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    monkeypatch.setattr("seqexp.plots.figure._as", lambda kind, figure: b"")  # drawn, but no file: half the time
    there: dict[str, object] = {"__name__": "__main__"}
    for number, (options, code) in enumerate(cells(chapter)):
        exec(compile(code, f"{chapter.stem}, cell {number}", "exec"), there)
        if "parameters" in options:
            assert set(SMALL[chapter.stem]) <= set(there), "expected the parameters of the chapter"
            there |= SMALL[chapter.stem]
    plt.close("all")


@every_chapter
def test_a_chapter_has_parameters_equations_pictures_and_exercises(chapter):
    text, (first, *_) = chapter.read_text(encoding="utf-8"), cells(chapter)
    assert first[0] == ":tags: [parameters]\n"
    assert "subplots(" in text
    assert text.count("\n$$\n") >= 2
    _, _, exercises = text.partition("\n## Exercises\n")
    assert len(re.findall(r"^\d\. \*\*", exercises, re.MULTILINE)) >= 4
    assert f"]({chapter.name})" in chapter.with_name("index.md").read_text(encoding="utf-8")


def test_the_book_has_eight_chapters():
    assert [path.stem for path in BOOK] == list(SMALL)
