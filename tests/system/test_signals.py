"""SIGHUP of a closed terminal, and a scheduler's SIGUSR1 and SIGUSR2, save as SIGTERM does; ignored, as by nohup, they
stay so."""

import os
import signal

import pytest

from seqexp.system import signals


@pytest.fixture(autouse=True)
def handlers(monkeypatch):
    monkeypatch.setattr(signals, "asked", None)
    before = {number: signal.getsignal(number) for number in signals.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGUSR1, 138), (signal.SIGUSR2, 140)]
)
def test_a_signal_becomes_a_request_and_then_an_exit_code(number, code):
    def work():
        with signals.deferred() as request:
            os.kill(os.getpid(), number)
            assert request.signal == number

    with pytest.raises(SystemExit) as ended:
        work()
    assert ended.value.code == code
    assert signals.named(ended.value) == number.name


@pytest.mark.parametrize(
    ("end", "said"),
    [(KeyboardInterrupt(), "Ctrl-C"), (SystemExit(2), "SystemExit"), (GeneratorExit(), "GeneratorExit")],
)
def test_what_ends_a_program_is_named(end, said):
    assert signals.named(end) == said


def test_a_hangup_that_is_ignored_stays_so():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals.deferred() as request:
        os.kill(os.getpid(), signal.SIGHUP)
        assert request.signal is None
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
