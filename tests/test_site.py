"""The site is built without a warning, and every link leads somewhere. ``tests/test_book.py`` executes the book."""

import subprocess
import sys

import pytest

from tests.test_architecture import ROOT

PAGE = '<a href="{}"></a><h1 id="here"></h1>'


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_no_link_leads_nowhere(tmp_path):
    build = ["sphinx", "-W", "--keep-going", "-q", "-t", "unexecuted", "-c", "docs", ".", str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", *build], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "docs" / "book" / "1_one_hidden_step.html").read_text(encoding="utf-8")
    assert "rnn_cell_forward" in page


@pytest.mark.parametrize(
    "page, told",
    [
        (PAGE.format("#here"), None),
        (PAGE.format("index.html#here"), None),
        (PAGE.format("https://elsewhere.example"), None),
        (PAGE.format("gone.html"), "index.html links to gone.html, which is not there"),
        (PAGE.format("#there"), "index.html links to #there: no such place"),
        ('<script src="https://elsewhere.example/a.js">', "index.html loads https://elsewhere.example/a.js"),
    ],
)
def test_a_link_that_leads_nowhere_and_a_file_of_another_host_are_told(page, told, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    from site_links import broken  # type: ignore[import-not-found]

    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    assert list(broken(tmp_path)) == ([told] if told else [])
