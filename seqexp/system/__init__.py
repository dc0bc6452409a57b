"""Files that survive, signals, BLAS threads, bounded reading: what any long-running program needs."""
