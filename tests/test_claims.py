"""Each figure of docs/ has a command, and those from stored rows follow from them; scripts/claims also judges anew."""

import csv
import re

import pytest

from scripts.tables import claims, formal, predictive_typing, series, tuned_catalogue
from seqexp import tasks


def test_the_claims_of_the_docs_hold():
    assert claims.wrong(quick=True) == []


@pytest.mark.parametrize("of", [formal, predictive_typing])
def test_a_table_is_that_of_its_rows(of):
    told = of.PAGE.read_text(encoding="utf-8").partition(of.BEGIN)[2].partition(of.END)[0]
    assert told.strip().splitlines() == [*of.table(of.scores())]


@pytest.mark.parametrize("name", series.ROWS)
def test_a_table_of_series_is_that_of_its_rows(name):
    tasks.names()  # each task's module registers the metrics of its own
    page = series.PAGE.read_text(encoding="utf-8")
    told = page.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
    assert told.strip().splitlines() == [*series.table(name, series.scores())]


def test_the_tuned_catalogue_is_that_of_its_rows():
    told = tuned_catalogue.PAGE.read_text(encoding="utf-8")
    assert told.splitlines() == [*tuned_catalogue.page(tuned_catalogue.scores())]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("62 ± 1.07 at", "63 ± 1.07 at", "'63 ± 1.07' is not the mean 61.9"),
        ("better (1.00, p 0", "better (0.90, p 0", "is not the share won against rnn, 1.00"),
    ],
)
def test_a_figure_of_the_tuned_catalogue_that_its_rows_do_not_give_is_found(old, new, says):
    page, rows = tuned_catalogue.PAGE.read_text(encoding="utf-8"), tuned_catalogue.scores()
    lines = [line for line in page.splitlines() if "one_to_many" in line and old in line]
    found = [*claims.tuned_catalogue(lines[0].replace(old, new, 1), rows)]
    assert len(found) == 1
    assert says in found[0]


@pytest.fixture(scope="module")
def page():
    return (claims.DOCS / "tasks.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rows():
    with open(claims.SCORES, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("2.8 ± 0.00525", "2.7 ± 0.00525", "'2.7 ± 0.00525' is not the mean 2.8"),
        ("2.8 ± 0.00525", "2.8 ± 0.00225", "is not the mean"),
        ("+0.0579 (+0.0481 to", "+0.0579 (+0.0281 to", "is not the difference of its rows"),
        ("+0.0677): better", "+0.0677): worse", "its words have to count"),
        ("typical run on 14 of", "typical run on 13 of", "its words have to count [14, 5, 4, 6]"),
    ],
)
def test_a_figure_that_its_rows_do_not_give_is_found(page, rows, old, new, says):
    assert old in page
    found = [*claims.catalogue(page.replace(old, new, 1), rows, None)]
    assert len(found) == 1
    assert says in found[0]


def test_a_count_of_the_tuned_catalogue_that_the_words_do_not_repeat_is_found(page):
    tuned = tuned_catalogue.PAGE.read_text(encoding="utf-8")
    assert [*claims.tuned_words(page, tuned)] == []
    other = re.sub(r"Against rnn: \d+ better", "Against rnn: 31 better", tuned)
    assert ["31 better, 1 worse" in line for line in claims.tuned_words(page, other)] == [True]
    other = re.sub(r"\. \d+ of them keep", ". 0 of them keep", tuned)
    assert ["rows that both tables have" in line for line in claims.tuned_words(page, other)] == [True]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Bai, Kolter and Koltun 2018, table 1, at", "somebody, at", "the published 8.45 names no source"),
        ("| 3.29 | 3.25 |", "| 3.19 | 3.25 |", "the published 3.19 names no source"),
        ("**8.320**", "**8.515**", "8.515 does not reach the published 8.45, and no word says so"),
    ],
)
def test_a_published_figure_without_its_source_and_one_not_reached_in_silence_are_found(page, old, new, says):
    assert old in page
    assert any(says in line for line in claims.published(page.replace(old, new, 1)))


def test_a_table_or_a_picture_without_a_command_is_found():
    told = "# A\n\n## B\n\n| x |\n|---|\n| 0.97 |\n\n## C\n\n![d](e.png)\n\n## D\n\nwords alone\n"
    assert [*claims.without_command("x.md", told)] == [
        "x.md: section 'B' has figures and no command",
        "x.md: section 'C' has figures and no command",
    ]
    assert [*claims.without_command("x.md", told.replace("# A\n", "# A\n\n`python -m seqexp`\n", 1))] == []
