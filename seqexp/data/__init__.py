"""Where data comes from: files and their hashes (fetch, catalogue), the user's tables (tables), text as ids (text)."""
