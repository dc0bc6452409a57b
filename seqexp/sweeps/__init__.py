"""Many runs: jobs, workers, searches, their summary."""
