"""Sentences, reviews, tunes and chords that are made, not read."""
