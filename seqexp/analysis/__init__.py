"""What a person looks at: figures drawn from typed data, and tables of runs."""
