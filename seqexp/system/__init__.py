"""What any long-running program needs: files that survive a crash, signals, BLAS threads, bounded reading."""
