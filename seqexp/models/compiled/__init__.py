"""The cells with compiled kernels: the same parameters, states and results as their models in NumPy, to rounding.

``models.create(name, backend="compiled")`` makes them. A model that is not here runs in NumPy.
"""

from seqexp.models.compiled import gru, lstm, rnn

__all__ = ["gru", "lstm", "rnn"]
