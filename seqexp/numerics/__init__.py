"""Parameters in one vector, memory, randomness, stable functions."""
