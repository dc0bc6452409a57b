"""Where kernels come from, and what happens where they cannot be had."""

import importlib.util

import pytest

from seqexp import config
from seqexp.kernels import library
from tests.config.test_build import checked
from tests.config.test_signature import settings


def found_anew() -> library.Library | str:
    return library._library.__wrapped__()


@pytest.fixture
def without_kernels(monkeypatch):
    monkeypatch.setattr(library, "_library", lambda: "cffi is not installed: pip install it")
    library._say.cache_clear()


def test_numpy_computes_where_there_are_no_kernels_and_one_line_says_so(without_kernels, caplog):
    assert library.usable("compiled") == library.usable("compiled") == "numpy"
    said = "backend=compiled: cffi is not installed: pip install it; NumPy computes"
    assert [record.getMessage() for record in caplog.records] == [said]
    assert library.usable("numpy") == "numpy"
    with pytest.raises(library.Unavailable, match="cffi is not installed"):
        library.library()


def test_a_run_that_numpy_computes_is_signed_as_one(without_kernels):
    assert checked("model=rnn", "backend=compiled").signature == checked("model=rnn").signature


def test_the_backend_is_signed():
    assert config.checked(settings() | {"backend": "compiled"}).signature != config.checked(settings()).signature


def test_without_cffi_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert found_anew() == "cffi is not installed: pip install 'seqexp[fast]', and a C compiler (cc)"


def test_a_compiler_that_fails_is_quoted_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(library, "_cache_folder", lambda: tmp_path / "kernels")
    line = found_anew()
    assert isinstance(line, str)
    assert "no-such-compiler" in line
    assert "pip install 'seqexp[fast]'" in line
    assert "\n" not in line
    assert not list((tmp_path / "kernels").glob("*.so"))


def test_a_home_that_cannot_be_written_to_costs_a_compilation_and_no_more(monkeypatch, tmp_path):
    if (why := library.missing()) is not None:
        pytest.skip(why)
    blocked = tmp_path / "file"
    blocked.write_text("")
    there, asked = library._built(f"_seqexp_kernels_{library._fingerprint()}", library._cache_folder()), []

    def built(name, folder):
        asked.append(folder)
        return there if folder is None else real(name, folder)

    real = library._built
    monkeypatch.setattr(library, "_built", built)
    monkeypatch.setattr(library, "_cache_folder", lambda: blocked / "kernels")
    assert isinstance(found_anew(), library.Library)
    assert asked == [blocked / "kernels", None]
