"""Python looks for garbage again from the first step on, whatever became of the start."""

import subprocess
import sys

import pytest

from tests.command import environment

CODE = """
import gc, runpy, sys
from seqexp.training.trainer import Trainer
fit = Trainer.fit
def noted(self, *given, **more):
    print("WHILE", gc.isenabled())
    return fit(self, *given, **more)
Trainer.fit = noted
sys.argv = ["seqexp", *{words!r}]
try: runpy.run_module("seqexp", run_name="__main__")
except SystemExit: pass
print("AFTER", gc.isenabled())
"""


@pytest.mark.parametrize(
    ("words", "trains"), [([], 1), (["-m", "seed=0,0"], 1), (["-m", "model.hidden_size=-1"], 0)], ids=str
)
def test_garbage_is_looked_for_while_training(words, trains, tmp_path):
    quick = ["task=hello", "training.epochs=1", "tracking=off", "probes=false", *words]
    command = [sys.executable, "-c", CODE.format(words=quick)]
    said = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True).stdout
    assert said.count("WHILE True") == trains
    assert "WHILE False" not in said
    assert "AFTER True" in said
