"""Arrays, parameters, randomness, stability."""
