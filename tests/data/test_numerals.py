"""Numbers in words: spelled once for what decides them, and asked anew where a file has something else."""

import pytest

from seqexp.data import numerals
from seqexp.system import cache
from seqexp.system.errors import UserError


def test_numbers_are_spelled_once_for_each_language(tmp_path, monkeypatch):
    asked = []

    def word(number, language):
        asked.append(number)
        return f"{language} {number}"

    monkeypatch.setattr(numerals, "_word", word)
    (tmp_path / "runs").mkdir()
    with cache.keeping(tmp_path / "runs" / "cache"):
        for _ in range(2):
            assert numerals.spelled([1, 2], "en", "task.language") == ["en 1", "en 2"]
            assert numerals.spelled([1, 2], "fr", "task.language") == ["fr 1", "fr 2"]
            assert numerals.spelled([3], "en", "task.language") == ["en 3"]
        assert asked == [1, 2, 1, 2, 3]
        for file in (tmp_path / "runs" / "cache").iterdir():
            file.write_text('["one"]')  # a text too few for two of the three; a number in the third
        assert numerals.spelled([1, 2], "en", "task.language") == ["en 1", "en 2"]
        for file in (tmp_path / "runs" / "cache").iterdir():
            file.write_text("[7]")
        assert numerals.spelled([3], "en", "task.language") == ["en 3"]


def test_what_a_language_cannot_spell_names_the_key(monkeypatch):
    def refuses(number, language):
        raise OverflowError(f"{number} is too large")

    monkeypatch.setattr(numerals, "_word", refuses)
    with pytest.raises(UserError, match=r"^task\.to: num2words cannot spell 7 in 'pl' \(OverflowError: 7 is too large"):
        numerals.spelled([7], "pl", "task.to")
    with pytest.raises(UserError, match=r"^task\.to: expected a language of num2words"):
        numerals.spelled([1], "klingon", "task.to")
