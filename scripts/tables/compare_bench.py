"""How long a comparison of many runs takes: ``python scripts/tables/compare_bench.py [runs]`` prints the seconds.

The runs are fabricated, half of them for each of two models. An MLflow database has all of them.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def main() -> None:
    from scripts.tables.fabricate import fabricate
    from seqexp.numerics.rng import Purpose, stream

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rng = stream(0, Purpose.DATA)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        for n in range(count):
            model, run_id = ("rnn", "lstm")[n % 2], f"{n:032x}"
            score = float(rng.normal(0.1 if model == "rnn" else 0.09, 0.02))
            fabricate(root, model, n // 2, score, result={"mlflow_run_id": run_id})
        _track(root, count)
        words = [sys.executable, "-m", "seqexp.compare", "a=rnn", "b=lstm", "task=adding"]
        start = time.perf_counter()
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        print(done.stdout[:900])
        print(f"{count} tracked runs compared in {time.perf_counter() - start:.1f} s, imports and report included")


def _track(root: Path, count: int) -> None:
    """An MLflow database that has the runs: copies of one that MLflow has made."""
    from seqexp.tracking.mlflow_store import TrackingSettings, connect

    client, experiment = connect(
        TrackingSettings(name="mlflow", uri=f"sqlite:///{root}/mlflow.db", experiment_name="seqexp")
    )
    run_id = client.create_run(experiment).info.run_id
    with sqlite3.connect(root / "mlflow.db") as database:
        others = [row[1] for row in database.execute("pragma table_info(runs)") if row[1] != "run_uuid"]
        columns = ", ".join(others)
        for n in range(count):
            copy = f"insert into runs (run_uuid, {columns}) select ?, {columns} from runs where run_uuid = ?"
            database.execute(copy, (f"{n:032x}", run_id))
        database.execute("delete from runs where run_uuid = ?", (run_id,))


if __name__ == "__main__":
    main()
