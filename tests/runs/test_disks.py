"""Full and read-only disks, real ones: a small tmpfs, which only root can mount."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.command import seqexp
from tests.runs.test_interrupted import SHORT

LARGE = [*SHORT[:-1], "model.hidden_size=200", "tracking=off", "training.checkpoint_every=5"]


@contextmanager
def mounted(folder, *options):
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root can mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_run_keeps_its_checkpoint_and_lets_it_go_on(tmp_path):
    small = tmp_path / "small"
    with mounted(small, "size=3m"):
        filler = small / "filler"
        filler.write_bytes(bytes(2_000_000))  # one checkpoint of 0.65 MB fits, a second does not
        full = seqexp(small, *LARGE, "training.epochs=3", "seed=1")
        (path,) = (
            file.parent for file in small.glob("runs/adding/rnn/*/checkpoints") if (file / "last.safetensors").exists()
        )
        result = json.loads((path / "result.json").read_text())
        assert (full.returncode, result["status"]) == (1, "FAILED"), full.stderr
        assert "No space left on device; the last checkpoint is kept" in full.stderr
        assert "Traceback" not in full.stderr
        assert not list(small.rglob("*.tmp"))
        kept = (path / "checkpoints" / "last.safetensors").read_bytes()
        assert len(kept) > 300_000
        filler.unlink()
        again = seqexp(small, *LARGE, "training.epochs=3", "seed=1", f"resume={path.relative_to(small)}")
        assert again.returncode == 0, again.stderr
        assert "retried at step" in again.stderr
        assert json.loads((path / "result.json").read_text())["status"] == "FINISHED"


def test_a_read_only_folder_is_one_line_and_exit_code_2(tmp_path):
    folder = tmp_path / "folder"
    with mounted(folder, "size=1m"):
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        for words in (["tracking=off"], ["-m", "tracking=off", "seed=0,1"], []):
            ended = seqexp(folder, *words, *SHORT)
            assert ended.returncode == 2, (words, ended.stderr)
            assert "Read-only file system" in ended.stderr
            assert "Traceback" not in ended.stderr
            assert len(ended.stderr.splitlines()) == 1, ended.stderr
        assert list(folder.iterdir()) == []
