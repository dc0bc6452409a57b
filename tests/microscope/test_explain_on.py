"""``python -m seqexp.explain <run> on="a text"``, and what it refuses in one line."""

import json
import shutil
import sys

import pytest

import seqexp
from seqexp.explain import main
from tests.microscope.small import content, finished


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("run"), "model.hidden_size=4", "model.embedding_size=3")


@pytest.fixture
def explain(monkeypatch, capsys, tmp_path):
    """The command with these words, in this process: (exit code, what it printed, stderr)."""

    def call(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["seqexp.explain", *map(str, words)])
        monkeypatch.setattr("seqexp.system.output.forgive_output", lambda: None)  # which would outlive the test
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), *capsys.readouterr()

    return call


@pytest.fixture
def copied(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    return tmp_path / "copy"


def test_the_page_lies_in_the_runs_directory_or_where_out_says(explain, copied, tmp_path):
    code, said, noted = explain(copied, "on=the film was really fine")
    assert (code, noted) == (0, "note: unknown to a run, and read as <unk>: really\n")
    assert "lstm on sentiment, seed 0: it answers" in said
    assert f"page: {copied}/microscope.html" in said
    assert '"text":"the film was really fine"' in (copied / "microscope.html").read_text()
    assert explain(copied, "on=fine", "out=lecture")[0] == 0
    assert explain(copied, copied, "on=fine", "out=two.html")[0] == 0
    assert (tmp_path / "lecture" / "microscope.html").is_file()
    assert (tmp_path / "two.html").read_text().count('"model":"lstm"') == 2


def test_without_the_data_the_page_says_why_no_unit_is_named(explain, copied, tmp_path):
    table = copied.parent / "gone.csv"
    code, said, _ = explain(copied, "on=fine", f"task.source={table}", "out=a.html")
    assert code == 0
    assert "no unit was looked for: the run's data are not there" in said


def unfinished(directory):
    result = json.loads((directory / "result.json").read_text())
    (directory / "result.json").write_text(json.dumps(result | {"status": "KILLED"}))


def damaged(directory):
    weights = directory / "checkpoints" / "best.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])


def of_a_plug_in(directory):
    config, result = directory / "config.yaml", json.loads((directory / "result.json").read_text())
    config.write_text(config.read_text().replace("name: lstm", "name: mine"))
    (directory / "result.json").write_text(json.dumps(result | {"model": "mine"}))


@pytest.mark.parametrize(
    ("harm", "words", "line"),
    [
        (unfinished, ["on=fine"], "expected a run that FINISHED; its status is 'KILLED'"),
        (damaged, ["on=fine"], "best.safetensors"),
        (of_a_plug_in, ["on=fine"], "mine"),
        (None, ["on= "], "expected words; got ' '"),
        (None, ["on="], "on=: expected a run directory, on=<text>"),
        (None, ["on=fine", "out=/proc/none/a.html"], "out: cannot write"),
        (shutil.rmtree, ["on=fine"], "has no result.json"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_in_one_line(explain, copied, harm, words, line):
    if harm is not None:
        harm(copied)
    code, said, errors = explain(copied, *words)
    assert (code, said) == (2, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert line in errors


def test_several_runs_need_a_text(explain, run):
    assert "several stand side by side with on=<text>" in explain(run, run)[2]
    assert "expected 1 to 4 run directories; got 5" in explain(*[run] * 5, "on=fine")[2]


def test_a_result_explains_itself_in_python(run):
    result = seqexp.load(run)
    page = result.explain("the film was fine", result)
    assert [one["model"] for one in content(page)["runs"]] == ["lstm", "lstm"]
    assert repr(page).startswith("lstm on sentiment, seed 0: it answers")
    with pytest.raises(seqexp.UserError, match="expected words"):
        result.explain(" ")
