"""One run's life: where it lies, what it leaves, how it is found again."""
