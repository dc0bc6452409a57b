"""A stranger's text reaches no terminal, report or spreadsheet as a command, and no nesting is too deep to refuse."""

import logging

import pandas as pd
import pytest

from seqexp.report.render import Section, as_html, as_markdown
from seqexp.runs.tables import as_rich, to_csv
from seqexp.system.errors import UserError, mask_logs
from seqexp.system.json_files import parsed, read_json
from seqexp.system.printable import printable
from seqexp.system.regular_files import Unreadable
from seqexp.system.yaml_files import read_yaml

ESCAPE = "\x1b]0;owned\x07\x1b[2J\u202eevil\u2066\x9b31m\ud800"
HARMLESS = "�]0;owned��[2J�evil��31m�"


def test_what_a_terminal_obeys_is_replaced():
    assert printable(ESCAPE) == HARMLESS
    assert str(UserError(ESCAPE)) == HARMLESS


@pytest.mark.parametrize("text", ["plain", "two\nlines\tand a tab", "می\u200cخواهم", "New\u00a0York", "日本語", "é"])
def test_words_of_any_script_stay_whole(text):
    assert printable(text) == text


def test_no_log_line_holds_an_escape_code():
    mask_logs()
    record = logging.getLogRecordFactory()("seqexp", logging.INFO, "", 0, "found %s", (ESCAPE,), None)
    assert record.getMessage() == f"found {HARMLESS}"


def test_reports_and_tables_are_printable():
    table = pd.DataFrame([[ESCAPE]], columns=pd.Index([ESCAPE], dtype=object), dtype=object)
    section = Section("Title", [], [ESCAPE], [ESCAPE], [("name", table)], [], [f"python -m seqexp '{ESCAPE}'"])
    for text in (as_markdown("x", ESCAPE, [section]), as_html("x", ESCAPE, [section]), to_csv(table)):
        assert "evil" in text
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & {*text}
    (column,) = as_rich(table, "x").columns
    assert {str(column.header), *map(str, column.cells)} == {HARMLESS}


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+cmd", "@SUM(1)", "\uff1d1"])
def test_text_that_a_spreadsheet_would_calculate_gets_an_apostrophe(text):
    assert to_csv(pd.DataFrame({text: [text]})) == f"'{text}\n'{text}\n"


@pytest.mark.parametrize("text", ["\t=1", "\r=1"])
def test_blanks_before_a_formula_hide_it_from_nobody(text):
    assert to_csv(pd.DataFrame({"a": [text]})).splitlines()[1].lstrip('"').startswith("'")


def test_numbers_stay_numbers():
    frame = pd.DataFrame([[-1, -0.5, "-0.5", "+3", None]], columns=[*"abcde"], dtype=object)
    assert to_csv(frame) == "a,b,c,d,e\n-1,-0.5,-0.5,+3,\n"


@pytest.mark.parametrize("text", ["[" * 60_000, "- " * 60_000, "{a: " * 20_000, "? " * 60_000])
def test_yaml_nested_without_end_is_refused(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(Unreadable, match=r"nested more than 8 levels deep|is no YAML"):
        read_yaml(tmp_path / "config.yaml", 1_000_000)


def test_yaml_with_an_alias_or_a_tag_is_refused(tmp_path):
    for text, says in (("a: &a [1]\nb: *a", "alias"), ("a: !!python/object/apply:os.getcwd []", "is no YAML")):
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(Unreadable, match=says):
            read_yaml(tmp_path / "config.yaml", 1_000)


@pytest.mark.parametrize("deep", [33, 700, 60_000])
def test_json_nested_without_end_is_refused(tmp_path, deep):
    (tmp_path / "a.json").write_text("[" * deep + "]" * deep)
    with pytest.raises(Unreadable, match="is no JSON"):
        read_json(tmp_path / "a.json")
    assert parsed("[" * 32 + "]" * 32)
