"""Which runs are compared, whether fairly, and what the verdict is."""
