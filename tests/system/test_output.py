"""Output that nobody reads is no failure: a closed pipe, a full disk, streams that are closed from the start."""

import os
import subprocess
import sys

import pytest

from seqexp.system.output import _Forgiving
from tests.command import QUICK, environment, only_result

SHELL = {  # what the shell does to the command's output
    "a full disk": "{command} > /dev/full",
    "closed": "{command} >&-",
    "both closed": "{command} >&- 2>&-",
    "a reader that leaves": "{command} | head -n 1 > /dev/null; exit ${{PIPESTATUS[0]}}",
}


def through(shell, folder, *words):
    command = " ".join([sys.executable, "-m", *words])
    line = ["bash", "-c", SHELL[shell].format(command=command)]
    return subprocess.run(line, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True, timeout=120)


@pytest.mark.parametrize(
    ("module", "shell"), [*(("sync", shell) for shell in SHELL), ("explain", "a full disk"), ("compare", "a full disk")]
)
def test_help_ends_well_whoever_reads_it(shell, module, tmp_path):
    ended = through(shell, tmp_path, f"seqexp.{module}", "--help")
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["a full disk", "a reader that leaves", "both closed"])
def test_a_run_whose_output_goes_nowhere_finishes(shell, tmp_path):
    ended = through(shell, tmp_path, "seqexp", *QUICK, "tracking=off", "probes=false")
    assert ended.returncode == 0, ended.stderr
    assert "Error" not in ended.stderr
    assert "Exception" not in ended.stderr
    result, _ = only_result(tmp_path)
    assert result["status"] == "FINISHED"


def test_what_is_buffered_for_a_reader_that_has_gone_is_dropped():
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as stream:
        forgiving = _Forgiving(stream)
        for _ in range(2):
            forgiving.write("a line\n")
            forgiving.flush()
