"""What a person sees of a run: digits that say something, how far an evaluation is, one block of samples."""

import logging
import re
import shutil
import subprocess
import sys
import time
from types import ModuleType, SimpleNamespace

import pytest

from seqexp.runs import progress, tables
from seqexp.runs.progress import Progress
from seqexp.system.plurals import counted
from tests.command import environment, seqexp
from tests.fabricated import run_result


@pytest.fixture
def lines(caplog, monkeypatch):
    monkeypatch.setattr(progress.logger, "propagate", True)
    caplog.set_level(logging.INFO, progress.logger.name)
    return caplog


def test_small_losses_have_digits(lines):
    metrics = {"train/loss": 1.234e-5, "val/loss": 0.00034567, "val/mse": 0.00034567, "time/epoch_seconds": 1.0}
    Progress("mse", bar=False).on_metrics(10, metrics)
    assert "train loss 1.234e-05  val loss 0.0003457  val mse 0.0003457" in lines.text


def test_small_differences_have_digits():
    from rich.console import Console

    result = run_result(metrics={"test/mse": 1e-5}, baseline={"always 1": 4e-5})
    console = Console(width=160)
    with console.capture() as said:
        console.print(tables.run_table(result))
    assert "+3e-05" in said.get()
    assert "+0.0000" not in said.get()


def test_a_long_evaluation_says_how_far_it_is(lines, monkeypatch):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    shown = Progress("mse", bar=False)
    for done in range(1, 101):
        now += 1
        shown.on_evaluation("val", done, 100)
    assert [record.getMessage() for record in lines.records] == [
        f"validation: {done} of 100 batches" for done in (31, 62, 93)
    ]


def test_a_notebook_has_a_bar_below_its_cell_that_goes_away(monkeypatch):
    shown: list[str] = []
    place = SimpleNamespace(update=shown.append)
    fake = ModuleType("IPython.display")
    fake.__dict__.update(HTML=str, display=lambda *what, **how: place)
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    with Progress("mse", bar=True) as bar:
        bar.on_step(10, 10, 0.5)
    assert shown == ['training <progress value="10" max="10"></progress> 10/10 loss 0.5  ', ""]


def test_one_seed_is_no_seeds():
    assert (counted(1, "seed"), counted(0, "seed"), counted(12_000, "seed")) == ("1 seed", "0 seeds", "12,000 seeds")


def test_a_sweep_shows_no_block_of_samples_for_each_job(tmp_path):
    words = ["task=hello", "training.epochs=1", "model.hidden_size=4", "tracking=off", "probes=false"]
    assert "temperature 1  h" in seqexp(tmp_path, *words).stderr
    swept = seqexp(tmp_path, "-m", *words, "seed=1,2")
    assert swept.returncode == 0, swept.stderr
    assert "temperature 1  h" not in swept.stderr
    assert len(list(tmp_path.glob("runs/hello/lstm/*/samples.txt"))) == 3


def test_the_jobs_of_a_search_are_numbered_once(tmp_path):
    words = ["task=hello", "training.epochs=1", "model=rnn", "model.hidden_size=4", "tracking=off", "probes=false"]
    search = ["hydra/sweeper=optuna", "hydra.sweeper.trials=2", "hydra.sweeper.seeds=1"]
    swept = seqexp(tmp_path, "-m", *words, *search)
    assert swept.returncode == 0, swept.stderr
    said = swept.stdout + swept.stderr
    assert "Launching" not in said
    assert set(re.findall(r"#(\d+) ", said)) == {"0", "1", "2"}


def wait_until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def steps(pane):
    """The newest step that the bar shows."""
    return max(map(int, re.findall(r"(\d+)/", pane)), default=0)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux to be the terminal")
def test_a_terminal_that_becomes_narrower_keeps_no_pieces_of_the_bar(tmp_path):
    script = (
        "import time\nfrom seqexp.runs.progress import Progress\n"
        "with Progress('mse', bar=True) as shown:\n"
        "    print('above', flush=True)\n"
        "    for step in range(600):\n        shown.on_step(step, 1000, 0.5); time.sleep(0.1)\n"
    )
    (tmp_path / "bar.py").write_text(script)
    own = {key: value for key, value in environment().items() if key not in ("COLUMNS", "LINES")}  # pytest-xdist's

    def tmux(*words):
        command = ["tmux", "-S", str(tmp_path / "socket"), *words]
        return subprocess.run(command, env=own, capture_output=True, text=True, check=True).stdout

    tmux("new-session", "-d", "-x", "120", "-y", "20", f"{sys.executable} {tmp_path}/bar.py; sleep 30")
    try:
        wait_until(lambda: "training" in tmux("capture-pane", "-p"))
        for width in ("50", "35"):
            step = steps(tmux("capture-pane", "-p"))
            tmux("resize-window", "-x", width)
            wait_until(lambda: steps(tmux("capture-pane", "-p")) > step + 3)  # noqa: B023 -- called at once
        wait_until(lambda: tmux("capture-pane", "-p").count("training") == 1)  # not while it is being drawn
        assert "above" in tmux("capture-pane", "-p", "-S", "-")  # with what tmux has scrolled out
    finally:
        tmux("kill-server")
