"""Numbers in words, in any language of num2words."""

from collections.abc import Iterable
from functools import lru_cache, partial
from importlib.metadata import version

from seqexp.system import cache
from seqexp.system.errors import UserError


def languages() -> list[str]:
    """The language codes of num2words, such as en, fr, pt_BR."""
    from num2words import CONVERTER_CLASSES

    return sorted(CONVERTER_CLASSES)


def spelled(numbers: Iterable[int], language: str, key: str) -> list[str]:
    """Each number in words. UserError, naming the config ``key``, for a language or a number that it cannot spell."""
    if language not in languages():
        raise UserError(f"{key}: expected a language of num2words ({', '.join(languages())}); got {language!r}")
    wanted = list(numbers)
    about = [wanted, language, version("num2words")]
    return cache.kept("numerals", about, lambda: _spelled(wanted, language, key), partial(_are_texts, len(wanted)))


def _spelled(numbers: list[int], language: str, key: str) -> list[str]:
    texts = []
    for number in numbers:
        try:
            texts.append(_word(number, language))
        except Exception as error:  # each language raises its own kind of error
            raise UserError(
                f"{key}: num2words cannot spell {number} in {language!r} ({type(error).__name__}: {error}); "
                "try smaller numbers or another language"
            ) from error
    return texts


def _are_texts(count: int, found: object) -> bool:
    return isinstance(found, list) and len(found) == count and all(type(text) is str for text in found)


@lru_cache(maxsize=100_000)  # some languages need 0.1 ms a number, and every run of a sweep asks for the same ones
def _word(number: int, language: str) -> str:
    from num2words import num2words

    return str(num2words(number, lang=language))
