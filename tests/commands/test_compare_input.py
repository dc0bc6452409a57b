"""A comparison trusts neither what it reads nor what is typed: all is escaped, checked, and told in one line."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from scripts.tables.fabricate import fabricate, two_models

undrawn = pytest.mark.usefixtures("without_figures")  # where figures are not what is tested: they are most of the time


class Page(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


# -- without trust ---------------------------------------------------------------------------------------------------


def test_text_of_strangers_is_escaped_and_the_page_needs_no_other_file(runs, compare):
    two_models(runs)
    evil = "<script>alert(1)</script> | **x** \x1b[31m `\n# head"
    fabricate(runs, "rnn", 8, None, result={"error": evil})
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "\x1b[31m" not in said
    page = Page(((runs / "compare" / "adding_rnn_lstm") / "report.html").read_text())
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert page.sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.sources)
    markdown = ((runs / "compare" / "adding_rnn_lstm") / "report.md").read_text()
    assert "<script" not in markdown
    assert "\n# head" not in markdown
    assert "\\*\\*x\\*\\*" in markdown


@undrawn
@pytest.mark.parametrize(
    "content",
    ["{", "[]", "null", '{"status": "FINISHED"}', "[" * 100_000, '{"model": "rnn\\u001b", "task": "adding"}', "\x00"],
)
def test_a_broken_result_is_named_and_not_fatal(runs, compare, content):
    two_models(runs)
    folder = runs / "adding" / "rnn" / "broken"
    folder.mkdir()
    (folder / "result.json").write_text(content)
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "1 directories or files could not be read" in said
    assert str(Path("runs/adding/rnn/broken")) in said


@undrawn
@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        "a: &x [1]\nb: [*x, [[1]]]",
        "- " * 20_000,
        "a: " + "x" * 200_000,
        "!!python/object:os.system x",
        "\x00",
    ],
)
def test_a_broken_config_is_named_and_not_fatal(runs, compare, content):
    two_models(runs)
    folder = fabricate(runs, "rnn", 20, 0.1)
    (folder / "config.yaml").write_text(content)
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "could not be read" in said
    assert "8 runs of each" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a=rnn"], "b: expected a model"),
        (["a=rnn", "b=lsmt"], "did you mean lstm?"),
        (["a=rnn", "b=lstm", "task=adding", "level=1"], "level: expected a number between 0 and 1"),
        (["a=rnn", "b=lstm", "task=adding", "margin=-1"], "margin: expected"),
        (["a=rnn", "b=lstm", "task=adding", "metric=bleu"], "metric: expected one of test/loss, test/mse"),
        (["a=rnn", "b=stacked_rnn", "task=adding"], "models with runs on adding: lstm, rnn; got 'stacked_rnn'"),
        (["a=rnn", "b=lstm", "task=copy"], "task: expected one or more of adding"),
        (["a=rnn", "b=lstm", "task=adding", "task.lenght=3"], "did you mean length?"),
        (["a=rnn", "b=lstm", "task=adding", "sed=3"], "sed: no such word"),
        (["a=rnn", "b=lstm", "task=adding", "task.length=x"], "task.length: expected"),
        (["a=rnn", "b=lstm", "task=adding", "task.length=7"], "with task.length=7; there are none"),
        (["a=rnn", "b=lstm", "experiment=nix"], "experiment: expected one of"),
        (["a=rnn", "b=lstm", "task=adding", "match=both"], "match: expected one of params, hidden, seconds"),
        (["a=rnn", "b=lstm", "task=adding", "run=true", "match=seconds"], "training.max_seconds"),
        (["nonsense"], "expected key=value"),
    ],
)
def test_wrong_words_are_one_line_and_leave_nothing(runs, compare, words, says):
    two_models(runs)
    code, said, error = compare(*words)
    assert (code, said) == (2, "")
    assert says in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not (runs / "compare").exists()


def test_without_runs_it_says_how_to_make_some(runs, compare):
    code, _, error = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 2
    assert "python -m seqexp -m model=rnn,lstm" in error


# -- speed -----------------------------------------------------------------------------------------------------------


@undrawn
def test_only_the_candidates_files_are_opened(runs, compare, monkeypatch):
    """A thousand runs take seconds as long as each costs one small file, and only those compared a second one."""
    from seqexp.runs import reader as reading

    two_models(runs)
    for seed in range(60):
        fabricate(runs, "stacked_rnn", seed, 0.1)
        fabricate(runs, "rnn", seed, 0.1, task="copy")
    opened = []
    read = reading.read_settings

    def noted(path):
        opened.append(path)
        return read(path)

    monkeypatch.setattr(reading, "read_settings", noted)
    assert compare("a=rnn", "b=lstm", "task=adding")[0] == 0
    assert len(opened) == 16
