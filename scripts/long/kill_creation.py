"""Stop runs by SIGINT, SIGTERM and SIGKILL while MLflow's database is being created, at drawn sizes of its file; then
start again, and see that the next run finishes and is the database's.

    python -m scripts.long.kill_creation --kills 60 --log /tmp/creation.jsonl    # about ten seconds each

With ``--log`` the same command goes on after the last row.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WHOLE = 900_000  # bytes, about, of MLflow's empty database
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
WORDS = ("task=hello", "model=rnn", "training.epochs=1", "probes=false")


def start(folder: Path, module: str, *words: str) -> "subprocess.Popen[str]":
    """A command in a folder, with this checkout's code."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, *words]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def size(folder: Path) -> int:
    """Bytes of the database, in its place or beside it."""
    found = [*folder.glob("runs/mlflow.db"), *folder.glob("runs/.mlflow.db.*.tmp")]
    sizes = []
    for file in found:
        try:
            sizes.append(file.stat().st_size)
        except FileNotFoundError:  # it was just moved to its place
            continue
    return max(sizes, default=0)


def stopped(folder: Path, number: int, at: int) -> dict[str, Any]:
    """Start a run, and stop it once the database has so many bytes; where that hit."""
    process = start(folder, "seqexp", *WORDS)
    while size(folder) < at and process.poll() is None:
        time.sleep(0.001)
    reached = size(folder)
    in_place = (folder / "runs" / "mlflow.db").exists()
    if process.poll() is None:
        process.send_signal(number)
    _, said = process.communicate(timeout=120)
    return {"bytes": reached, "in place": in_place, "code": process.returncode, "traceback": "Traceback" in said}


def finishes(folder: Path) -> str:
    """What is wrong with the next run; nothing where it finishes and the database has it."""
    process = start(folder, "seqexp", *WORDS)
    _, said = process.communicate(timeout=120)
    if process.returncode:
        return f"exit code {process.returncode}: {said.strip().splitlines()[-1][:200] if said.strip() else ''}"
    database = sqlite3.connect(folder / "runs" / "mlflow.db")
    states = [row[0] for row in database.execute("select status from runs")]
    database.close()
    left = [file.name for file in (folder / "runs").glob(".*")]
    runs = [json.loads(file.read_text())["status"] for file in folder.glob("runs/hello/rnn/*/result.json")]
    if "FINISHED" not in states or "RUNNING" in states or "FINISHED" not in runs:
        return f"MLflow has {states}, the directories {runs}"
    orphans = [path.name for path in folder.glob("runs/hello/rnn/*") if not (path / "result.json").exists()]
    return f"left over: {left or orphans}" if left or orphans else ""


def one(number: int, seed: int) -> dict[str, Any]:
    rng = random.Random(f"{seed} {number}")
    folder = Path(tempfile.mkdtemp(prefix="kill_creation_"))
    kind = SIGNALS[number % len(SIGNALS)]
    row = {"signal": kind.name, **stopped(folder, kind, rng.randrange(1, WHOLE)), "wrong": finishes(folder)}
    shutil.rmtree(folder)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.kill_creation", description=__doc__.partition(";")[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, help="a file of rows; those that it has already are not repeated")
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else a run started in the background would ignore it too
    rows = [json.loads(line) for line in given.log.read_text().splitlines()] if given.log and given.log.exists() else []
    for number in range(len(rows), given.kills):
        rows.append(one(number, given.seed))
        print(json.dumps(rows[-1]), flush=True)
        if given.log:
            with given.log.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    print("| signal | stopped | before it was whole | exceptions |\n|---|--:|--:|--:|")
    for kind in SIGNALS:
        mine = [row for row in rows if row["signal"] == kind.name]
        count = Counter({"early": sum(not row["in place"] for row in mine)})
        wrong = sum(bool(row["wrong"] or row["traceback"]) for row in mine)
        print(f"| {kind.name} | {len(mine)} | {count['early']} | {wrong} |")
    sys.exit(any(row["wrong"] or row["traceback"] for row in rows))


if __name__ == "__main__":
    main()
