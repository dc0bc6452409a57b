"""Sentences, reviews, tunes and chords that are generated, not read from files."""
