"""A sweep and the folders it is given: paths are meant from where the command was typed, and the user's files stay."""

from pathlib import Path

import pytest

from seqexp.sweeps import sweep, workers
from seqexp.sweeps.job_record import JobRecord
from tests.commands.test_run import seqexp


def test_hydras_change_of_folder_moves_nothing(tmp_path):
    rows = [f"{word}{number} film,{label}" for number in range(20) for word, label in (("good", 1), ("bad", 0))]
    (tmp_path / "own.csv").write_text("\n".join(["text,label", *rows]))
    words = ["task=sentiment", "task.source=own.csv", "task.min_count=1", "training.epochs=1", "tracking=off"]
    ended = seqexp(tmp_path, "-m", *words, "model.hidden_size=4", "seed=0,1", "hydra.job.chdir=true")
    assert ended.returncode == 0, ended.stderr
    assert len(list(tmp_path.glob("runs/sentiment/lstm/*/result.json"))) == 2
    assert len(list(tmp_path.glob("runs/sweeps/*/runs.csv"))) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.csv", "runs"]


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
