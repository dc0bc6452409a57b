"""Start many runs at once on an empty ``runs/`` and count what arrived: complete runs, points, an intact database.

``python -m scripts.long.crowding --processes 16`` uses SQLite, a ``mlflow server``, and PostgreSQL if it and
``psycopg`` are installed. The script starts both servers, on 127.0.0.1 only, and stops them by their process ids.
"""

import argparse
import importlib.util
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from scripts.long.killing import doubled_or_missing
from seqexp.tracking import empty_database

ROOT = Path(__file__).resolve().parents[2]
WORDS = ["task=adding", "model=rnn", "task.steps_per_epoch=20", "task.examples=50", "training.epochs=5"]
PASSWORD = "hush-hush"  # of the PostgreSQL that is made here; no file of a run may have it


def environment() -> dict[str, str]:
    cleared = {"SEQEXP_TRACEBACK", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MLFLOW_TRACKING_URI"}
    kept = {key: value for key, value in os.environ.items() if key not in cleared}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return kept | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}


Ended = subprocess.CompletedProcess[str]


def seqexp(folder: Path, *words: str) -> Ended:
    """``python -m seqexp words`` in a folder, to its end."""
    command = [sys.executable, "-m", "seqexp", *words]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=600)


def crowd(
    folder: Path, processes: int, uri: str | None = None, command: Callable[..., Ended] = seqexp
) -> dict[str, float]:
    """Do the runs in ``folder`` at once, seeds apart. Gives how many were complete, and the points of MLflow and
    metrics.jsonl that are not in both exactly once."""
    words = [*WORDS, *([] if uri is None else [f"tracking.uri={uri}"])]
    start = time.monotonic()
    with ThreadPoolExecutor(processes) as pool:
        for run in pool.map(lambda seed: command(folder, *words, f"seed={seed}"), range(processes)):
            if run.returncode:
                print(run.stderr, file=sys.stderr)
    seconds = round(time.monotonic() - start, 1)
    complete = wrong = points = 0
    for file in sorted(folder.glob("runs/adding/rnn/*/result.json")):
        complete += json.loads(file.read_text())["status"] == "FINISHED"
        wrong += doubled_or_missing(file.parent, uri or f"sqlite:///{folder}/runs/mlflow.db")
        lines = [json.loads(line) for line in (file.parent / "metrics.jsonl").read_text().splitlines()]
        points += sum(len(line) - 2 for line in lines)
    return {"processes": processes, "complete": complete, "points": points, "wrong": wrong, "seconds": seconds}


def intact(database: Path) -> bool:
    """What SQLite's own check says."""
    connection = sqlite3.connect(database)
    try:
        return bool(connection.execute("pragma integrity_check").fetchone() == ("ok",))
    finally:
        connection.close()


def tell_tale(folder: Path) -> list[Path]:
    """The files below ``folder`` that have the password."""
    return [file for file in folder.rglob("*") if file.is_file() and PASSWORD.encode() in file.read_bytes()]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def mlflow_server(folder: Path, database: str | None = None) -> Iterator[str]:
    """The address of a server, which keeps its files in ``folder``, and its runs there too or in the ``database``."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    if database is None:
        empty_database.make(folder / "server.db", (folder / "files").as_uri())
    kept_in = database or f"sqlite:///{folder}/server.db"
    command += ["--backend-store-uri", kept_in, "--artifacts-destination", f"{folder}/files"]
    server = subprocess.Popen(
        command,
        env=environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("mlflow server did not start") from None
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def postgresql_missing() -> str | None:
    """Why PostgreSQL cannot be tried here."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed: pip install 'psycopg[binary]'"
    return None if _postgresql_programs() else "PostgreSQL is not installed: apt-get install postgresql"


def _postgresql_programs() -> Path | None:
    found = shutil.which("initdb")
    installed = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return installed[-1] if installed else None


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The address, with a password, of a database of its own in ``folder``."""
    programs = _postgresql_programs()
    assert programs is not None
    place, port = folder / "postgresql", free_port()
    place.mkdir()
    (place / "password").write_text(PASSWORD)
    before: Sequence[str] = ()
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        before = ("runuser", "-u", "postgres", "--")
        for path in (folder, place):
            path.chmod(0o755)
        for path in (place, place / "password"):
            shutil.chown(path, "postgres")

    def call(program: str, *words: str) -> None:
        command = [*before, str(programs / program), *words]
        subprocess.run(command, check=True, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    data = str(place / "data")
    call("initdb", "-D", data, "-U", "seqexp", "-A", "scram-sha-256", f"--pwfile={place / 'password'}", "-N")
    settings = f"-p {port} -k {place} -c listen_addresses=127.0.0.1"
    call("pg_ctl", "-D", data, "-o", settings, "-l", str(place / "log"), "-w", "start")
    try:
        yield f"postgresql+psycopg://seqexp:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        call("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.crowding", description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=16)
    given = parser.parse_args()
    print(
        "| kept in | processes | complete runs | points | missing or doubled | seconds |",
        "|---|" + "--:|" * 5,
        sep="\n",
    )
    failed = False
    for kept_in in ("SQLite", "mlflow server", "PostgreSQL"):
        if kept_in == "PostgreSQL" and (reason := postgresql_missing()):
            print(f"| PostgreSQL | skipped: {reason} |")
            continue
        folder = Path(tempfile.mkdtemp(prefix="crowding_"))
        work = folder / "work"
        work.mkdir()
        if kept_in == "SQLite":
            row = crowd(work, given.processes)
            failed |= not intact(work / "runs" / "mlflow.db")
        elif kept_in == "mlflow server":
            with mlflow_server(folder) as uri:
                row = crowd(work, given.processes, uri)
            failed |= not intact(folder / "server.db")
        else:
            with postgresql(folder) as uri:
                row = crowd(work, given.processes, uri)
            failed |= bool(tell_tale(work))
        shutil.rmtree(folder)
        failed |= row["complete"] != given.processes or row["wrong"] != 0
        print(f"| {kept_in} | " + " | ".join(str(value) for value in row.values()) + " |", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
