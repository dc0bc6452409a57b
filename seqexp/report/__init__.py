"""The written report of a comparison and its tables."""
