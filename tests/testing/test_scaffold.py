"""scripts/new_model and scripts/new_task: what they write works, and nothing is written over."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.scaffold.__main__ import write
from seqexp.system.errors import UserError

ROOT = Path(__file__).parents[2]


def test_a_plug_in_of_both_passes_its_own_tests(tmp_path):
    folder = tmp_path / "my-plugin"
    files = [*write("model", "my_cell", ROOT, folder), *write("task", "first_number", ROOT, folder)]
    assert {str(file.relative_to(folder)) for file in files} == {
        *("pyproject.toml", "my_plugin/__init__.py", "my_plugin/my_cell.py", "my_plugin/first_number.py"),
        *("my_plugin/conf/model/my_cell.yaml", "my_plugin/conf/task/first_number.yaml"),
        *("tests/test_my_cell.py", "tests/test_first_number.py"),
    }
    assert not [file for file in files if "new_" in file.read_text() or "New" in file.read_text()]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_in_the_project_it_is_a_file_a_yaml_and_a_test(tmp_path):
    for kind in ("model", "task"):
        files = write(kind, "mine", tmp_path)
        assert [str(file.relative_to(tmp_path)) for file in files] == [
            f"seqexp/{kind}s/mine.py",
            f"conf/{kind}/mine.yaml",
            f"tests/{kind}s/test_mine.py",
        ]
        assert "class Mine" in files[0].read_text()
        before = [file.read_bytes() for file in files]
        files[0].unlink()
        with pytest.raises(UserError, match=r"expected a new one; .*mine.yaml exists"):
            write(kind, "mine", tmp_path)
        assert [file.read_bytes() for file in files[1:]] == before[1:]
        assert not files[0].exists()


@pytest.mark.parametrize("name", ["Mine", "my-cell", "1st", "class", "", "lstm", "names", "../x"])
def test_names_that_cannot_be_are_refused(name, tmp_path):
    with pytest.raises(UserError, match=r"^name: expected"):
        write("model", name, tmp_path)
    with pytest.raises(UserError, match="--plugin: expected a folder"):
        write("model", "mine", tmp_path, tmp_path / "not a package")
    assert list(tmp_path.iterdir()) == []
