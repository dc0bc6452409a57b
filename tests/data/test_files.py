"""The user's own files in whatever form they come, and what is wrong with them, told in one line."""

import csv
import gzip
import io
import json

import pytest

from seqexp.data import corpora, fetch, files, labelled_files, pair_files, tagged
from seqexp.data.files import Faults
from seqexp.data.labelled_files import Columns
from seqexp.data.tagged import Columns as TagColumns
from seqexp.system.errors import UserError

COLUMNS = Columns("text", "label")
TEXT = 'Größe, "naïve" 文\nsecond\nthird'


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        *(TEXT.encode(encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32")),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        b"\x00\x00\xfe\xff" + TEXT.encode("utf-32-be"),
        gzip.compress(TEXT.encode(), mtime=0),
        gzip.compress(TEXT.encode("utf-16"), mtime=0),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode("utf-16"),
    ],
)
def test_text_in_every_form(tmp_path, content):
    assert files.text(written(tmp_path, "a.txt", content)) == TEXT


@pytest.mark.parametrize(
    "content, says",
    [
        (TEXT.encode("utf-16-le"), "it looks like UTF-16 without a byte order mark"),
        (TEXT.encode("latin-1", "replace"), r":1: expected UTF-8; byte 2 of the file, 0xf6, is not"),
        (b"\xff\xfe" + TEXT.encode("utf-16-le")[:-1], "expected UTF-16, as its byte order mark says; truncated data"),
        (b"PK\x03\x04...", "a zip archive or a spreadsheet; unpack it, or save the sheet as CSV"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], "expected a whole gzip"),
        (b"\x1f\x8bnothing", "expected a whole gzip"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, content, says):
    with pytest.raises(UserError, match=says) as caught:
        files.text(written(tmp_path, "a.txt", content))
    assert "\n" not in str(caught.value)


def test_a_gzip_that_holds_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_UNPACKED", 10)
    assert files.text(written(tmp_path, "a.gz", gzip.compress(b"x" * 10))) == "x" * 10
    with pytest.raises(UserError, match="expected at most 10 bytes in the gzip"):
        files.text(written(tmp_path, "a.gz", gzip.compress(b"x" * 11)))


@pytest.mark.parametrize(
    "source, says",
    [
        ("s3://bucket/a.csv", "got a web address, 's3://bucket/a.csv'; download it"),
        ("a.xlsx", "save or export it as CSV"),
        ("a.parquet", "save or export it as CSV"),
        ("a.csv.zip", r"unpack it first \(gzip is read as it is\)"),
        ("~nobody-of-that-name/a.csv", "which cannot be used"),
        ("x" * 5000 + ".csv", "which cannot be used"),
        ("a.csv.gz", "expected an existing file"),
        (".", r"expected none, or a file ending in \.csv; '\.' is a folder"),
    ],
)
def test_paths_that_cannot_be_read_say_why(source, says):
    with pytest.raises(UserError, match=f"^task.source: .*{says}") as caught:
        files.own_path(source, ("none",), (".csv",))
    assert "\n" not in str(caught.value)


def test_faults_are_told_at_once():
    faults = Faults("a.csv")
    faults.refuse()
    faults.add(3, "expected a text, got nothing", "remove it")
    with pytest.raises(UserError, match=r"^a\.csv:3: expected a text, got nothing; remove it$"):
        faults.refuse()
    faults.add(5, "expected a text, got nothing", "remove it")
    faults.add(4, "expected a label", "")
    with pytest.raises(UserError, match=r"^a\.csv: 3 faulty rows: lines 3, 5: expected a text, .*; line 4: exp"):
        faults.refuse()
    for line in range(100, 120):
        faults.add(line, "expected a label")
    first = "100, 101, 102, 103, 104, 105, 106"
    with pytest.raises(UserError, match=rf"a\.csv: 23 faulty rows: .*lines 4, {first}: .* \(the first 10 of them\)"):
        faults.refuse()


def spreadsheet(rows, quoting, delimiter="\t"):
    """As a spreadsheet or pandas writes them."""
    said = io.StringIO()
    csv.writer(said, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(rows)
    return said.getvalue()


ROWS = [("text", "label"), ('so "so"', "no"), ("fine, really", "yes"), ('"all" of it', "no"), ("it's", "yes")]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("name, delimiter", [("a.tsv", "\t"), ("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t")])
def test_quotation_marks_that_a_spreadsheet_adds_are_undone(tmp_path, quoting, name, delimiter):
    table = labelled_files.read(written(tmp_path, name, spreadsheet(ROWS, quoting, delimiter)), COLUMNS)
    assert list(zip(table.texts, table.labels, strict=True)) == ROWS[1:]


def test_quotation_marks_of_a_tsv_are_text_otherwise(tmp_path):
    said = ['"a', 'b"', '"whole"', 'in "the" middle', '"', '""', 'half""', '"two" "of them"']
    rows = "".join(f"{text}\tx\n" for text in said)
    table = labelled_files.read(written(tmp_path, "a.tsv", "text\tlabel\n" + rows), COLUMNS)
    assert table.texts == tuple(said)
    with pytest.raises(UserError, match=r"a\.tsv:2: malformed row, expected 2 fields .*, got 3; a \.tsv has a line"):
        labelled_files.read(written(tmp_path, "a.tsv", 'text\tlabel\n"a\tb"\tx\n'), COLUMNS)
    with pytest.raises(UserError, match=r"rename a file with commas to \.csv"):
        labelled_files.read(written(tmp_path, "a.tsv", "text,label\na,x\n"), COLUMNS)


@pytest.mark.parametrize("yes, no", [("pos", "neg"), ("Y", "X")])
@pytest.mark.parametrize("first", ["good film,{yes}", "good film"])
def test_rows_that_stray_marks_of_a_csv_merge_are_warned_of(tmp_path, caplog, first, yes, no):
    rows = ['"' + first.format(yes=yes), f"dull film,{no}", f'so he said",{yes}', f"last,{no}"]
    table = labelled_files.read(written(tmp_path, "a.csv", "text,label\n" + "\n".join(rows)), COLUMNS)
    assert len(table.texts) == 2  # as the marks say
    assert "goes over 3 lines, and they look like rows; is a quotation mark left open?" in caplog.text


def test_a_text_over_lines_that_look_like_no_rows_is_not_warned_of(tmp_path, caplog):
    labelled_files.read(written(tmp_path, "a.csv", 'text,label\n"one\ntwo, three\nfour",pos\nlast,neg\n'), COLUMNS)
    assert not caplog.records


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_by_lines_or_as_one_array(tmp_path, name):
    rows = [{"text": "cafe\u0301", "label": 1}, {"label": False, "text": "no", "more": []}]
    for content in ("\n".join(map(json.dumps, rows)), json.dumps(rows, indent=1)):
        table = labelled_files.read(written(tmp_path, name, content), COLUMNS)
        assert table.texts == ("café", "no")
        assert table.labels == ("1", "false")
    with pytest.raises(UserError, match=r"JSON dict.*orient='records'"):
        labelled_files.read(written(tmp_path, name, json.dumps({"text": {"0": "a"}, "label": {"0": "b"}})), COLUMNS)


def test_names_are_the_same_whatever_program_wrote_them(tmp_path):
    path = written(tmp_path, "a.csv", "re\u0301sume\u0301,label\na,e\u0301\nb,\u00e9\nc,x\n")
    table = labelled_files.read(path, Columns("r\u00e9sum\u00e9", "label"))
    assert table.labels == ("\u00e9", "\u00e9", "x")


def test_parts_in_a_column(tmp_path):
    rows = ["a,x,train", "b,y,Training", "c,x,dev", "d,y,validation", "e,x,test", "f,y,TEST"]
    columns = Columns("text", "label", "part")
    table = labelled_files.read(written(tmp_path, "a.csv", "text,label,part\n" + "\n".join(rows)), columns)
    assert table.splits == ("train", "train", "val", "val", "test", "test")
    with pytest.raises(UserError, match=r"a\.csv:2: expected train, val or test in the split column; got '1'"):
        labelled_files.read(written(tmp_path, "a.csv", "text,label,part\na,x,1\n"), columns)


def test_classes_that_differ_in_capitals_only_are_told(tmp_path, caplog):
    path = written(tmp_path, "a.csv", "text,label\na,Good\nb,good\nc,bad\n")
    corpus = corpora.own_files(str(path), (), COLUMNS, {})
    assert set(corpus.labels) == {"Good", "good", "bad"}
    assert "classes differ in capitals only, and stay apart: 'Good' and 'good'" in caplog.text


def test_a_column_of_numbers_is_warned_of(tmp_path, caplog):
    path = written(tmp_path, "a.csv", "id,label\n" + "".join(f"{n},{n % 2}\n" for n in range(9)))
    corpora.own_files(str(path), (), Columns("id", "label"), {})
    assert "9 of 9 texts are numbers; is column 'id' the text" in caplog.text


def test_pairs_with_identifiers(tmp_path):
    rows = "".join(f"{n}\ta{n}\t{n + 50}\tb{n}\n" for n in range(20))
    with pytest.raises(UserError, match=r"columns 1 and 3 hold numbers, .* keep the texts only, with cut -f2,4"):
        pair_files.read(written(tmp_path, "a.tsv", rows))


@pytest.mark.parametrize("row, said", [("{n}\tword{n}", "1, the source"), ("word{n}\t{n}", "2, the target")])
def test_a_column_of_numbers_in_pairs_is_warned_of(tmp_path, caplog, row, said):
    """Numbers may be what is to be said: more than nine in ten are warned of, and read all the same."""
    rows = [row.format(n=n) for n in range(9)]
    assert len(pair_files.read(written(tmp_path, "a.tsv", "\n".join([*rows, "a\tb"])))) == 10
    assert not caplog.records
    assert pair_files.read(written(tmp_path, "a.tsv", "\n".join(rows)))[3] == tuple(row.format(n=3).split("\t"))
    assert f"column {said} text, holds numbers" in caplog.text


@pytest.mark.parametrize(
    "content, columns, says",
    [
        (
            "a b X\nc d Y\n",
            TagColumns(),
            r"expected two columns, word and tag; got 3 \(a \| b \| X\); .*word_column=1",
        ),
        ("a b X\nc d Y\n", TagColumns(word=4), "task.word_column: expected 1 to 3, the columns of .*; got 4"),
        ("a b X\nc d Y\n", TagColumns(2, 2), "task.tag_column: expected another column than task.word_column"),
        ("a b X\nc d Y\ne f\n", TagColumns(1, 3), r":3: expected 3 columns, as most; got 'e f'"),
        ("a\nb\n", TagColumns(), r"2 faulty rows: line 1: expected a word and a tag, .*; line 2: "),
    ],
)
def test_columns_of_tagged_files(tmp_path, content, columns, says):
    with pytest.raises(UserError, match=says):
        tagged.read(written(tmp_path, "a.conll", content), columns)


def test_columns_of_conllu_can_be_chosen(tmp_path):
    path = written(tmp_path, "a.conllu.gz", gzip.compress(b"1\tGoes\tgo\tVERB\tVBZ\t_\t0\troot\t_\t_\n\n"))
    assert tagged.read(path)[0] == tagged.Sentence(("Goes",), ("VERB",), 1)
    assert tagged.read(path, TagColumns(word=3, tag=8))[0] == tagged.Sentence(("go",), ("root",), 1)


def test_a_column_that_conllu_does_not_have(tmp_path):
    with pytest.raises(UserError, match=r"task\.tag_column: expected 1 to 10, the columns of \S+a\.conllu; got 11$"):
        tagged.read(written(tmp_path, "a.conllu", "\n"), TagColumns(word=10, tag=11))


def test_a_column_of_numbers_where_words_should_be(tmp_path, caplog):
    path = written(tmp_path, "a.tsv", "1\tAnna\tB-PER\n2\tsaw\tO\n\n# id\n1\tOslo\tB-LOC\n")
    assert [one.words for one in tagged.read(path, TagColumns(1, 3))] == [("1", "2"), ("1",)]
    assert "3 of 3 words are numbers; is it the column of the words?" in caplog.text


def test_fingerprints(tmp_path):
    a, b = written(tmp_path, "a.csv", "1"), written(tmp_path, "b.csv", "2")
    same = written(tmp_path, "c.csv", "1")
    assert files.fingerprint({"train": a}) == files.fingerprint({"train": same}) == fetch.sha256(a)
    assert files.fingerprint({"train": a, "test": b}) == files.fingerprint({"train": same, "test": b})
    assert files.fingerprint({"train": a, "test": b}) != files.fingerprint({"train": a, "val": b})
    folder = tmp_path / "folder"
    folder.mkdir()
    first = written(folder, "X.txt", "x")
    before = files.fingerprint({"train": folder})
    first.rename(folder / "Y.txt")  # another category is other data
    assert files.fingerprint({"train": folder}) != before


def test_a_run_knows_its_files_before_it_reads_them(tmp_path):
    a, b = written(tmp_path, "a.csv", "1"), written(tmp_path, "b.csv", "2")
    named = {"source": str(a), "val_source": None, "test_source": str(b), "min_count": 2}
    assert files.own_files(named) == files.fingerprint({"train": a, "test": b})
    assert files.own_files({"source": str(a), "val_source": str(b)}) == files.fingerprint({"train": a, "val": b})
    assert files.own_files({"source": str(a)}) == fetch.sha256(a)


@pytest.mark.parametrize("source", ["ptb", None, "~nobody-of-that-name/a.csv", "x" * 5000, "a\0b"])
def test_where_no_file_is_named_there_is_none_to_know(source, tmp_path):
    other = str(written(tmp_path, "b.csv", "2"))
    assert files.own_files({"source": source, "test_source": other}) is None
    assert files.own_files({}) is None
