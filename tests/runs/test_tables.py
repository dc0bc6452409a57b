"""Tables of runs: every score beside what needs no memory, digits that say something, no cell that anything obeys."""

import math

import pandas as pd
import pytest
from rich.console import Console

from seqexp.runs.tables import as_rich, rank, run_table, shown, to_csv, to_markdown
from tests.fabricated import run_result


def cells(table):
    """The table's columns: header, then cells."""
    return [[str(column.header), *(str(cell) for cell in column.cells)] for column in table.columns]


def test_a_runs_score_stands_among_the_baselines_best_first():
    baselines = {"always 1": 0.25, "unknown": None, "mean": 0.125}
    table = run_table(run_result(metrics={"test/mse": 0.1875}, baseline=baselines, seed=3))
    assert str(table.title) == "rnn on adding, seed 3: FINISHED"
    assert table.title_justify == "left"
    assert cells(table) == [
        ["", "mean (no memory)", "rnn", "always 1 (no memory)"],
        ["test/mse (smaller is better)", "0.1250", "0.1875", "0.2500"],
        ["against rnn", "-0.0625", "-", "+0.0625"],
    ]
    assert [column.justify for column in table.columns] == ["left", "right", "right"]
    assert [row.style for row in table.rows] == [None, "bold", None]


def test_larger_is_better_turns_the_order_around_and_a_run_without_a_score_comes_last():
    about = {"primary_metric": "test/accuracy", "direction": "max", "baseline": {"always 1": 0.25, "last": 0.5}}
    table = run_table(run_result(**about, metrics={}))
    assert cells(table) == [
        ["", "last (no memory)", "always 1 (no memory)", "rnn"],
        ["test/accuracy (larger is better)", "0.5000", "0.2500", "-"],
        ["against rnn", "-", "-", "-"],
    ]


def test_nan_ranks_last_whichever_is_better():
    assert sorted([math.nan, 2.0, 1.0], key=lambda value: rank(value, True))[:2] == [1.0, 2.0]
    assert sorted([math.nan, 1.0, 2.0], key=lambda value: rank(value, False))[:2] == [2.0, 1.0]


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("mean", 0.01, "0.0100"),
        ("mean", 0.0099, "0.0099"),
        ("mean", 0.000012345, "1.234e-05"),
        ("mean", -99.99, "-99.9900"),
        ("mean", 100.0, "100"),
        ("mean", 12345.6, "1.235e+04"),
        ("mean", 1234.0, "1,234"),
        ("mean", math.nan, "-"),
        ("mean", None, "-"),
        ("mean", pd.NA, "-"),
        ("seconds", 1234.56, "1,234.6"),
        ("seed", 12345, "12345"),
        ("seed", 12345.0, "12345"),
        ("job", 12345.0, "12345"),
        ("params", 12345.0, "12,345"),
        ("params", 12345.5, "1.235e+04"),
        ("params", 12345, "12,345"),
        ("solved", True, "yes"),
        ("solved", False, "no"),
    ],
)
def test_a_cell_has_the_digits_that_say_something(column, value, text):
    (((cell,),), _) = shown(pd.DataFrame({column: pd.Series([value], dtype=object)}))
    assert cell == text


def test_a_cell_holds_no_escape_code():
    (((cell,),), _) = shown(pd.DataFrame({"model": ["rnn\x1b[31m"]}))
    assert cell == "rnn\ufffd[31m"


def test_a_column_of_numbers_and_gaps_is_aligned_right():
    frame = pd.DataFrame(
        {"model": ["rnn", "lstm"], "mean": [0.5, math.nan], "seed": pd.Series([1, None], dtype=object)}
    )
    assert shown(frame)[1] == [False, True, True]
    assert (
        to_markdown(frame) == "| model | mean | seed |\n| --- | ---: | ---: |\n| rnn | 0.5000 | 1 |\n| lstm | - | - |\n"
    )


def test_no_cell_breaks_a_markdown_table():
    text = to_markdown(pd.DataFrame({"a|b": ["x|y\nz  w"]}))
    assert text.splitlines()[0] == "| a\\|b |"
    assert text.splitlines()[2].startswith("| x\\|y")
    assert len(text.splitlines()) == 3


def test_a_spreadsheet_gets_numbers_as_they_are_and_no_formula():
    texts = ["=1+1", "+x", "-x", "@x", "\uff1d1", "-1.5", "+2e3", "+\u0663", "plain", "x=1", "-1\n"]
    frame = pd.DataFrame({"=name": texts, "mean": [0.1] * len(texts)})
    rows = to_csv(frame).splitlines()
    assert rows[0] == "'=name,mean"
    assert [row.removesuffix(",0.1") for row in rows[1:11]] == [
        *("'=1+1", "'+x", "'-x", "'@x", "'\uff1d1", "-1.5", "+2e3", "'+\u0663", "plain", "x=1")
    ]
    assert rows[11].startswith("\"'-1")


def test_a_terminal_shows_the_frame_under_its_title():
    table = as_rich(pd.DataFrame({"model": ["rnn"], "mean": [0.5]}), "means")
    assert (str(table.title), table.title_justify) == ("means", "left")
    assert cells(table) == [["model", "rnn"], ["mean", "0.5000"]]
    assert [(column.justify, column.overflow) for column in table.columns] == [("left", "fold"), ("right", "fold")]
    console = Console(width=40)
    with console.capture() as said:
        console.print(as_rich(pd.DataFrame({"[red]": ["[bold]x"]}), "[b]t"))
    assert all(text in said.get() for text in ("[red]", "[bold]x", "[b]t"))  # no cell is markup
