"""The names of all files and folders below runs/."""

LOCK, METRICS, RESULT, STARTED = "run.lock", "metrics.jsonl", "result.json", "run.json"
TRIALS = "trials"  # the folder, beside those of the tasks, of the runs that never see a test set
LINES, SUMMARY = "mechanism.jsonl", "mechanism.json"
STUDIES = "studies.json"  # what the searches of a tuned sweep came to
