"""seqexp: what does an LSTM buy over a plain RNN here? Recurrent networks in NumPy, compared honestly."""

__version__ = "0.1.0"
