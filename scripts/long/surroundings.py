"""One small run with MLflow in every surrounding that a user may have: folders with odd names, closed streams, another
language, no home, a checkout that cannot be written, a terminal that is closed.

    python -m scripts.long.surroundings    # a table; about a quarter of an hour on two busy cores
"""

import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = "-m seqexp task=hello model=rnn training.epochs=2 probes=false"


@dataclass(frozen=True)
class Surrounding:
    """Where the run starts. shell: what becomes of the command; environment: None takes a variable away.

    hangs_up: SIGHUP is sent after the first line, to a run that is far longer.
    """

    folder: str = "plain"
    shell: str = "{command}"
    environment: Mapping[str, str | None] = field(default_factory=dict)
    code: int = 0
    status: str = "FINISHED"
    hangs_up: bool = False


SURROUNDINGS = {
    "plain": Surrounding(),
    **{f"a folder named {name}": Surrounding(name) for name in ("a b", 'it\'s "so"', "what?", "a#b", "50%20", "ü")},
    "SIGHUP": Surrounding(code=129, status="KILLED", hangs_up=True),
    "SIGHUP, ignored as by nohup": Surrounding(shell="trap '' HUP; {command}"),
    "stdout closed": Surrounding(shell="{command} >&-"),
    "stdout and stderr closed": Surrounding(shell="{command} >&- 2>&-"),
    "stdout full": Surrounding(shell="{command} > /dev/full"),
    "stdout to head -n 1": Surrounding(shell="{command} | head -n 1; exit ${{PIPESTATUS[0]}}"),
    "stdin closed": Surrounding(shell="{command} <&-"),
    "LANG=C": Surrounding(environment={"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}),
    "LANG=C in a folder named läuft": Surrounding("läuft", environment={"LANG": "C", "LC_ALL": "C"}),
    "no HOME": Surrounding(environment={"HOME": None, "XDG_CACHE_HOME": None}),
    "HOME cannot be written": Surrounding(environment={"HOME": "/proc/nowhere", "XDG_CACHE_HOME": None}),
}


def tried(where: Surrounding, code: Path) -> str:
    """What is wrong with the run there; nothing where all is right. ``code``: a checkout."""
    top = Path(tempfile.mkdtemp(prefix="surroundings_"))
    folder = top / where.folder
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(code), "OPENBLAS_NUM_THREADS": "1"}
    environment |= {name: value for name, value in where.environment.items() if value is not None}
    environment = {name: value for name, value in environment.items() if where.environment.get(name, "") is not None}
    words = f"{RUN} training.epochs=100000" if where.hangs_up else RUN
    line = where.shell.format(command=f"{shlex.quote(sys.executable)} {words}")
    process = subprocess.Popen(
        ["bash", "-c", line], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    if where.hangs_up:
        while not any(file.stat().st_size for file in folder.glob("runs/hello/*/*/metrics.jsonl")):
            time.sleep(0.05)
        process.send_signal(signal.SIGHUP)
    said = process.communicate(timeout=300)[1].decode(errors="replace")
    wrong = problems(where, folder, process.returncode, said)
    if [path.name for path in top.iterdir()] != [where.folder]:
        wrong.append(f"beside it: {[path.name for path in top.iterdir()]}")
    shutil.rmtree(top)
    return "; ".join(wrong)


def problems(where: Surrounding, folder: Path, code: int, said: str) -> list[str]:
    found = [f"exit code {code}, not {where.code}: {said.strip()[-200:]}"] if code != where.code else []
    found += ["a traceback"] if "Traceback" in said or "Exception ignored" in said else []
    results = [json.loads(file.read_text())["status"] for file in folder.glob("runs/hello/*/*/result.json")]
    found += [f"result.json: {results}"] if results != [where.status] else []
    if (database := folder / "runs" / "mlflow.db").exists():
        connection = sqlite3.connect(database)
        states = [str(row[0]) for row in connection.execute("select status from runs")]
        connection.close()
        found += [f"MLflow: {states}"] if states != [where.status] else []
    else:
        found.append("no database in the folder's runs/")
    if [path.name for path in folder.iterdir()] != ["runs"]:
        found.append(f"in the folder: {[path.name for path in folder.iterdir()]}")
    return found


def read_only_checkout() -> Path:
    """A copy of the code whose files and folders have no right to be written. Root may write there nonetheless."""
    copy = Path(tempfile.mkdtemp(prefix="surroundings_code_")) / "checkout"
    for name in ("seqexp", "conf", "hydra_plugins"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return copy


def main() -> None:
    print("| surrounding | |\n|---|---|")
    failed = False
    checkout = read_only_checkout()
    for name, where in SURROUNDINGS.items():
        wrong = tried(where, ROOT)
        failed |= bool(wrong)
        print(f"| {name} | {wrong or 'right'} |", flush=True)
    wrong = tried(Surrounding(), checkout)
    written = [str(path.relative_to(checkout)) for path in checkout.rglob("__pycache__")]
    note = " (by root, who may write everywhere)" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    print(f"| a read-only checkout{note} | {wrong or ('right' if not written or note else str(written))} |")
    for path in [checkout, *checkout.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(checkout.parent)
    sys.exit(failed or bool(wrong))


if __name__ == "__main__":
    main()
