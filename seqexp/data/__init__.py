"""Where batches come from: downloads and their hashes, the user's files, text as ids, generators."""
