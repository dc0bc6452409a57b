"""Values that are worked out once and kept in files, whoever wrote those."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from seqexp.system import cache


class Counted:
    """Something to work out, and how often it was."""

    def __init__(self, value):
        self.value, self.times = value, 0

    def __call__(self):
        self.times += 1
        return self.value


def kept(make, about="x"):
    return cache.kept("floors", about, make, lambda found: isinstance(found, dict))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "runs" / ".cache"
    folder.parent.mkdir()
    with cache.keeping(folder):
        yield folder


def test_a_value_is_worked_out_once_for_what_decides_it(folder):
    make, other = Counted({"a": 0.1 + 0.2, "b": 1e-300}), Counted({"a": 1.0})
    assert [kept(make), kept(make)] == [make.value] * 2
    assert kept(other, "y") == other.value
    assert (make.times, other.times) == (1, 1)


def test_outside_the_block_nothing_is_kept(folder):
    make = Counted({})
    with cache.keeping(None):
        kept(make), kept(make)
    assert make.times == 2
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b'{"a": ', b"\x80\x04N.", b"[" * 100_000])
def test_a_damaged_or_strange_file_is_worked_out_anew(folder, content):
    kept(Counted({"a": 1.0}))
    (file,) = folder.iterdir()
    file.write_bytes(content)
    make = Counted({"a": 1.0})
    assert kept(make) == {"a": 1.0}
    assert (make.times, json.loads(file.read_text())) == (1, {"a": 1.0})


def test_no_link_is_followed(folder, tmp_path):
    kept(Counted({"a": 1.0}))
    (file,) = folder.iterdir()
    elsewhere = tmp_path / "elsewhere.json"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert kept(Counted({"a": 2.0})) == {"a": 2.0}
    assert json.loads(elsewhere.read_text()) == {"a": 1.0}
    folder.rename(tmp_path / "away")
    folder.symlink_to(tmp_path / "away")
    make = Counted({"a": 3.0})
    assert [kept(make, "z"), kept(make, "z")] == [{"a": 3.0}] * 2
    assert make.times == 2, "a linked folder is neither read nor written"


@pytest.mark.parametrize("value", [{"a": float("nan")}, [1]], ids=["no JSON", "no such value"])
def test_what_would_not_come_back_is_not_kept(folder, value):
    make = Counted(value)
    kept(make), kept(make)
    assert make.times == 2


def test_a_folder_that_cannot_be_written_costs_the_work_and_nothing_else(folder):
    folder.write_text("a file")
    assert kept(Counted({"a": 1.0})) == {"a": 1.0}


def test_the_oldest_go_once_there_are_too_many_or_they_are_too_large(folder, monkeypatch):
    monkeypatch.setattr(cache, "MOST_FILES", 3)
    for number in range(4):
        kept(Counted({"number": number}), number)
        for file in folder.iterdir():
            os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns - 10**9))
    assert sorted(json.loads(file.read_text())["number"] for file in folder.iterdir()) == [1, 2, 3]
    monkeypatch.setattr(cache, "MOST_BYTES", 20)
    kept(Counted({"number": 9}), 9)
    assert [json.loads(file.read_text())["number"] for file in folder.iterdir()] == [9]


def test_many_at_once_leave_whole_files(folder):
    def work(number):
        return kept(Counted({"number": number % 3, "long": "x" * 10_000}), number % 3)["number"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(60))) == [number % 3 for number in range(60)]
    assert len([json.loads(file.read_text()) for file in folder.iterdir()]) == 3


def test_without_runs_nothing_is_kept_and_none_is_made(tmp_path):
    with cache.keeping(tmp_path / "runs" / ".cache"):
        assert kept(lambda: {"a": 1.0}) == {"a": 1.0}
    assert not (tmp_path / "runs").exists()
