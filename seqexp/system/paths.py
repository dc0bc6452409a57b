"""The names of all files and folders below runs/: what is where.

runs/<task>/<model>/<signature>[.<n>]/    a run
runs/trials/<task>/<model>/<signature>/   a run that never sees a test set: a search's
runs/sweeps/<time>/                       a sweep as a whole
runs/tuning/<task>/<model>/<study>.json   what a search found
runs/compare/<tasks>_<models>/            a comparison's report; one that made its runs: …_<claim>/
runs/.cache/<kind>_<hash>.json            what many runs would work out anew
runs/mlflow.db, runs/mlartifacts/         MLflow's, unless tracking.uri says otherwise
"""

RUNS = "runs"
TRIALS, SWEEPS, TUNING, COMPARISONS, CACHE = "trials", "sweeps", "tuning", "compare", ".cache"
DATABASE_LOCK, ARTIFACTS = "mlflow.lock", "mlartifacts"
BESIDE_TASKS = frozenset({TRIALS, SWEEPS, TUNING, COMPARISONS, CACHE, ARTIFACTS})  # no task's

# In a run's directory.
CONFIG, METRICS, RESULT, LOG, TRACEBACK = "config.yaml", "metrics.jsonl", "result.json", "run.log", "traceback.txt"
STARTED, LOCK = "run.json", "run.lock"  # while a run is not wrapped up; while a process works on it
CHECKPOINTS, BEST, NEWEST, BEFORE = "checkpoints", "best.safetensors", "last.safetensors", "previous.safetensors"
MODEL, CODEC = "model", "codec.json"  # what inputs and answers mean in words; the weights are among the checkpoints
PREDICTIONS = "predictions.csv"
LINES, SUMMARY = "mechanism.jsonl", "mechanism.json"
MICROSCOPE = "microscope.html"

# In a comparison's directory, whose runs were made for it.
CLAIM, OUTCOME = "claim.json", "outcome.json"  # what was promised before the first run, and what came of it

# In a comparison's directory.
CAPSULE = "capsule.zip"

# In a sweep's directory.
JOBS, WORKERS = "jobs", "workers"  # folders: a file for each job that has ended, and for each process that has a job
PARENT, PARENT_LOCK, MULTIRUN, STOPPED = "parent.json", "parent.lock", "multirun.yaml", "stopped"
STUDIES = "studies.json"  # what the searches of a tuned sweep came to
SCHEDULER = "scheduler"  # folder: what submitit writes of jobs, and what they print
