"""What laws are made of."""

from collections.abc import Callable
from typing import Any


def title(law: Callable[..., Any]) -> str:
    """A law's name, for ``pytest.mark.parametrize(ids=…)``."""
    return law.__name__


def require(kept: object, text: str) -> None:
    """AssertionError with the text where something is not kept. A bare assert says less outside of tests."""
    if not kept:
        raise AssertionError(text)
