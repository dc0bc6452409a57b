"""How commands end, whichever they are."""

import pytest

from seqexp.system.commands import ended
from seqexp.system.errors import UserError


def raising(error):
    def command(words):
        raise error

    return command


@pytest.mark.parametrize(
    "command, words, code, out, err",
    [
        (lambda words: None, ["a"], 0, "", ""),
        (lambda words: 1, ["a"], 1, "", ""),
        (raising(UserError("a: expected b; got c")), ["a"], 2, "", "error: a: expected b; got c\n"),
        (raising(KeyboardInterrupt()), ["a"], 130, "", ""),
        (raising(AssertionError()), ["a", "--help"], 0, "usage", ""),
        (raising(AssertionError()), [], 2, "usage", ""),
    ],
)
def test_a_command_ends_with_a_code_and_one_line_at_most(command, words, code, out, err, capsys, monkeypatch):
    monkeypatch.delenv("SEQEXP_TRACEBACK", raising=False)
    assert ended(command, words, "usage") == code
    assert tuple(capsys.readouterr()) == (out, err)


def test_where_an_error_arose_is_shown_to_who_asks(monkeypatch):
    monkeypatch.setenv("SEQEXP_TRACEBACK", "1")
    with pytest.raises(UserError):
        ended(raising(UserError("a")), ["a"], "usage")


def test_a_command_may_need_no_words():
    assert ended(lambda words: len(words), [], "usage", needs_words=False) == 0
