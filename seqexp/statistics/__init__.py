"""Pure tests and intervals: arrays in, numbers out; it knows no file and no run."""
