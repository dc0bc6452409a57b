"""The commands as Python functions, for scripts and notebooks: the same words, the same bytes, results as objects."""

from seqexp.api.arrays import Arrays
from seqexp.api.results import Result, RunFailed, load
from seqexp.api.running import run
from seqexp.api.sweeping import sweep
from seqexp.api.verdicts import Verdict, verdict
from seqexp.api.words import Stopped
from seqexp.system.errors import UserError

__all__ = ["Arrays", "Result", "RunFailed", "Stopped", "UserError", "Verdict", "load", "run", "sweep", "verdict"]
