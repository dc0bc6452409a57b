"""A plug-in as somebody outside the project writes it: a GRU, and a task of numbers from a CSV file."""

from . import gru

__all__ = ["gru"]
