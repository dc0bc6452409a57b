"""A sweep and the folders it is given: the user's files stay."""

from pathlib import Path

import pytest

from seqexp.sweeps import sweep, workers
from seqexp.sweeps.job_record import JobRecord


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A folder of the user's, with a folder of the name that a sweep's has."""
    monkeypatch.setattr(workers, "_sweep", None)
    folder = tmp_path / "mine"
    (folder / "jobs").mkdir(parents=True)
    (folder / "jobs" / "cv.txt").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    workers.lead(folder)
    yield folder
    workers.end()


def kept(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.txt"))


def test_a_refused_sweep_removes_its_own_files_alone(named, capsys):
    JobRecord(job=0, status="BAD_INPUT", error="seed: expected a whole number").write(named)
    (named / "multirun.yaml").write_text("hydra: {}")
    assert sweep.finish() == 2
    assert kept(named) == ["jobs/cv.txt", "notes.txt"]
    assert not (named / "multirun.yaml").exists()
    assert not (named / "jobs" / "00000.json").exists()
    assert "seed: expected a whole number" in capsys.readouterr().err


def test_a_sweep_of_which_no_job_left_a_record_removes_nothing(named, capsys):
    (named / "result.json").write_text("{}")
    assert sweep.finish() == 1
    assert (named / "result.json").exists()
    assert "no job left a record" in capsys.readouterr().err
