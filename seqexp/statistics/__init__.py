"""Tests and intervals: arrays in, numbers out. They know no file and no run."""
