"""The bar on a terminal, and log lines elsewhere; the terminal is made up."""

import io
import logging
import time

import pytest
from rich.console import Console

from seqexp.runs import progress
from seqexp.runs.progress import Progress, configure_logging


@pytest.fixture
def terminal(monkeypatch):
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None, legacy_windows=False)
    monkeypatch.setattr(progress, "console", console)
    return console


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves when it is told to."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def later(seconds):
        now[0] += seconds

    return later


@pytest.fixture
def said(caplog, monkeypatch):
    monkeypatch.setattr(progress.logger, "propagate", True)
    caplog.set_level(logging.INFO, "seqexp")
    return lambda: [record.getMessage() for record in caplog.records]


def drawn(terminal):
    """What was written since the last look."""
    text = terminal.file.getvalue()
    terminal.file.seek(0)
    terminal.file.truncate()
    return text


METRICS = {"train/loss": 0.5, "val/loss": 0.25, "val/mse": 0.123456, "time/epoch_seconds": 1.5}


def test_the_bar_shows_steps_loss_and_metric_ten_times_a_second_and_at_the_end(terminal, clock, said):
    with Progress("mse", bar=True) as shown:
        shown.on_step(1, 100, 0.5)
        assert drawn(terminal) == ""  # it has just begun
        clock(0.11)
        shown.on_step(2, 100, 0.123456)
        text = drawn(terminal)
        assert all(part in text for part in ("training", "2/100", "loss 0.1235"))
        clock(0.05)
        shown.on_step(3, 100, 0.5)
        assert "3/100" not in drawn(terminal)
        shown.on_metrics(3, METRICS)
        clock(0.06)
        shown.on_step(4, 100, 0.5)
        text = drawn(terminal)
        assert "4/100" in text
        assert "val mse 0.1235" in text
        shown.on_evaluation("val", 5, 7)
        assert drawn(terminal) == ""
        clock(0.2)
        shown.on_evaluation("val", 6, 7)
        text = drawn(terminal)
        assert "validation" in text
        assert "6/7" in text
        shown.on_evaluation("test", 7, 7)
        assert "7/7" in drawn(terminal)
    assert said() == []  # the bar says it


@pytest.mark.parametrize(("width", "bar"), [(120, 40), (90, 30), (50, 4)])
def test_the_bar_is_as_long_as_the_terminal_lets_it(width, bar, terminal, clock):
    terminal.width = width
    with Progress("mse", bar=True) as shown:
        clock(1)
        shown.on_step(100, 100, 0.5)
        assert drawn(terminal).count("━") == bar


def test_a_narrower_terminal_loses_the_lines_into_which_it_broke_the_bar(terminal, clock):
    with Progress("mse", bar=True) as shown:
        clock(1)
        shown.on_step(1, 100, 0.5)
        drawn(terminal)
        (length,) = shown._lengths
        terminal.width = 30
        clock(1)
        shown.on_step(2, 100, 0.5)
        assert drawn(terminal).startswith("\x1b[2K\x1b[1A" * (-(-length // 30) - 1))
        assert max(shown._lengths) <= 30
        shown._lengths = [61, 30, 0]
    assert drawn(terminal).startswith("\x1b[2K\x1b[1A" * 2)


@pytest.mark.parametrize(("bar", "terminals"), [(False, True), (True, False)])
def test_without_a_bar_or_a_terminal_each_epoch_is_a_line(bar, terminals, terminal, clock, said):
    terminal._force_terminal = terminals
    with Progress("mse", bar=bar) as shown:
        clock(1)
        shown.on_step(1, 100, 0.5)
        shown.on_metrics(10, METRICS)
        shown.on_metrics(20, {"train/loss": 1.0})
    assert drawn(terminal) == ""
    assert said() == ["step 10  train loss 0.5  val loss 0.25  val mse 0.1235  (1.5 s)"]


def test_an_evaluation_speaks_after_half_a_minute_of_silence(terminal, clock, said):
    shown = Progress("mse", bar=False)
    clock(30)
    shown.on_evaluation("test", 1, 9)
    assert said() == []
    clock(0.5)
    shown.on_evaluation("test", 2, 9)
    clock(29)
    shown.on_step(1, 1, 0.5)
    clock(29)
    shown.on_evaluation("val", 3, 9)
    clock(2)
    shown.on_evaluation("val", 4, 9)
    assert said() == ["test: 2 of 9 batches", "validation: 4 of 9 batches"]


@pytest.mark.parametrize("terminals", [True, False])
def test_log_lines_go_to_the_one_console_or_plainly_to_stderr(terminals, terminal, capsys):
    terminal._force_terminal = terminals
    for _ in range(2):  # a second call replaces the handler of the first
        configure_logging("job 3: ")
    logger = logging.getLogger("seqexp")
    logger.info("[bold]http://me:hush@host")
    logger.debug("nothing of this")
    text = drawn(terminal) if terminals else capsys.readouterr().err
    (line,) = text.splitlines()
    assert "job 3: [bold]http://***:***@host" in line
    assert line.lstrip("[")[2:3] == line.lstrip("[")[5:6] == ":"  # the time
    assert (len(logger.handlers), logger.propagate, logger.level) == (1, False, logging.INFO)
