"""Slurm's words: what squeue, sacct and sbatch say becomes a state, or a line with what may help."""

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqexp.sweeps import slurm_queue
from seqexp.sweeps.submitted import Submitted


def program(folder: Path, name: str, says: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def test_slurms_states_are_squeues_and_of_what_it_has_forgotten_saccts(tmp_path, monkeypatch):
    program(tmp_path, "squeue", "12_0|RUNNING|None\n12_1|PENDING|Resources\n13|PENDING|Priority")
    program(tmp_path, "sacct", "12_0|FAILED|None\n12_2|CANCELLED by 0|None")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = slurm_queue._states(dict.fromkeys(["12_0", "12_1", "12_2", "12_3"]))
    assert found == {
        "12_0": ("RUNNING", "None"),
        "12_1": ("PENDING", "Resources"),
        "12_2": ("CANCELLED", "None"),
    }


def test_a_partition_that_does_not_exist_is_one_line_with_those_that_do(tmp_path, monkeypatch):
    program(tmp_path, "sinfo", "main\nlong\nmain")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    said = slurm_queue._refused(RuntimeError("sbatch: error: invalid partition specified: x\n"), "x")
    assert said == (
        "hydra/launcher=submitit_slurm: Slurm refused the jobs: invalid partition specified: x; "
        "hydra.launcher.partition=x; this cluster has main, long"
    )


@pytest.mark.parametrize(
    ("state", "printed", "says"),
    [
        ("OUT_OF_MEMORY", "srun: error", "out_of_memory; give a job more with hydra.launcher.mem_gb (srun: error)"),
        ("FAILED", "task 0: Killed", f"failed{slurm_queue.KILLED} (task 0: Killed)"),
        ("FAILED", "No module", "failed (No module)"),
        ("CANCELLED", "Killed", "cancelled; the same command goes on"),
    ],
)
def test_what_slurm_says_of_a_lost_job_goes_on_with_what_may_help(state, printed, says, tmp_path, monkeypatch):
    for name in ("sbatch", "squeue"):
        program(tmp_path, name, "")
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "log").write_text(printed)
    queue = slurm_queue.SlurmQueue(tmp_path, {})
    paths = SimpleNamespace(stderr=tmp_path / "log", result_pickle=tmp_path / "none")
    queue._left, queue._gone, queue._said = {"7": Submitted(0, paths)}, {"7": -100.0}, {"7": (state, "")}
    assert [ended.lost for ended in queue._lost()] == [f"Slurm job 7: {says}"]
