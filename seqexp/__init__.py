"""seqexp: what does an LSTM buy over a plain RNN here? Recurrent networks in NumPy, compared honestly.

``seqexp.run``, ``sweep``, ``verdict`` and ``load`` are the commands as functions (``seqexp.api``).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqexp.api import Arrays as Arrays
    from seqexp.api import Result as Result
    from seqexp.api import RunFailed as RunFailed
    from seqexp.api import Stopped as Stopped
    from seqexp.api import UserError as UserError
    from seqexp.api import Verdict as Verdict
    from seqexp.api import load as load
    from seqexp.api import run as run
    from seqexp.api import sweep as sweep
    from seqexp.api import verdict as verdict

__version__ = "0.1.0"

_PUBLIC = ("Arrays", "Result", "RunFailed", "Stopped", "UserError", "Verdict", "load", "run", "sweep", "verdict")


def __getattr__(name: str) -> Any:
    """Imported at their first use: who imports ``seqexp.models`` does not wait for them."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
