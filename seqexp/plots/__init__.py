"""Everything drawn with matplotlib."""
