"""Kill a run while it draws, ``seqexp.sync``, and ``seqexp.compare run=true`` with SIGKILL at drawn moments; then type
the same again, and see that nothing is lost, doubled, or left as running.

    python -m scripts.long.kill_commands --kills 10    # of each; about 20 seconds a kill
"""

import argparse
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from scripts.long.kill_creation import start
from scripts.long.killing import doubled_or_missing

HELLO = ("task=hello", "training.epochs=3", "probes=false")
PAIR = ("run=true", "a=rnn", "b=lstm", "tuned=false", "max_seeds=3", "match=hidden", "model.hidden_size=8")
COMPARED = (*PAIR, "task=hello", "training.epochs=3")


def done(folder: Path, module: str, *words: str) -> str:
    """What is wrong with a command that nobody kills."""
    process = start(folder, module, *words)
    _, said = process.communicate(timeout=300)
    if process.returncode or "Traceback" in said:
        return f"{module}: exit code {process.returncode}: {said.strip()[-300:]}"
    return ""


def killed(process: "subprocess.Popen[str]", when: Callable[[], bool], later: float) -> bool:
    """Kill it ``later`` seconds after the moment; False where it had ended by then."""
    while not when() and process.poll() is None:
        time.sleep(0.002)
    time.sleep(later)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL) if alive else None
    process.communicate(timeout=60)
    return alive


def states(folder: Path) -> list[tuple[str, str]]:
    """(kind, status) of all runs in MLflow; a run that holds no others has no kind."""
    database = sqlite3.connect(folder / "runs" / "mlflow.db")
    tagged = "left join tags t on t.run_uuid = r.run_uuid and t.key = 'kind'"
    query = f"select coalesce(t.value, ''), r.status from runs r {tagged}"
    found = [(str(kind), str(status)) for kind, status in database.execute(query)]
    database.close()
    return found


def results(folder: Path) -> list[Path]:
    return sorted(folder.glob("runs/hello/*/*/result.json"))


def while_it_draws(folder: Path, rng: random.Random) -> tuple[bool, str]:
    process = start(folder, "seqexp", *HELLO, "model=rnn")
    hit = killed(process, lambda: any(folder.glob("runs/hello/*/*/*.png")), rng.uniform(0, 0.5))
    wrong = done(folder, "seqexp", *HELLO, "model=rnn", "resume=auto")
    if wrong:
        return hit, wrong
    (file,) = results(folder)
    if json.loads(file.read_text())["status"] != "FINISHED":
        return hit, "it did not finish"
    figures = list(file.parent.glob("*.png"))
    broken = [figure.name for figure in figures if not figure.read_bytes().endswith(b"IEND\xaeB`\x82")]
    points = doubled_or_missing(file.parent, f"sqlite:///{folder}/runs/mlflow.db")
    return hit, f"broken figures {broken}, points {points}" if broken or points or not figures else ""


def sync(folder: Path, rng: random.Random) -> tuple[bool, str]:
    if wrong := done(folder, "seqexp", *HELLO, "model=rnn", "tracking=off"):
        return False, wrong
    (file,) = results(folder)
    words = (str(file.parent.relative_to(folder)), "tracking.uri=sqlite:///runs/mlflow.db")
    begun = time.monotonic()
    if rng.random() < 0.5:  # the second half: once the database is there
        wrong = done(folder, "seqexp.sync", words[0], "tracking.uri=sqlite:///runs/other.db")
    took = 4.0 if time.monotonic() - begun < 1 else time.monotonic() - begun
    hit = killed(start(folder, "seqexp.sync", *words), lambda: True, rng.uniform(0, took))
    if wrong := done(folder, "seqexp.sync", *words):
        return hit, wrong
    points = doubled_or_missing(file.parent, f"sqlite:///{folder}/runs/mlflow.db")
    return hit, f"points {points}" if points else ""


def compare(folder: Path, rng: random.Random) -> tuple[bool, str]:
    process = start(folder, "seqexp.compare", *COMPARED)
    hit = killed(process, lambda: any(folder.glob("runs/hello/*/*/run.json")), rng.uniform(0, 4))
    if wrong := done(folder, "seqexp.compare", *COMPARED):
        return hit, wrong
    found = states(folder)
    parents = sorted(status for kind, status in found if kind == "comparison")
    children = sorted(status for kind, status in found if not kind)
    if parents != (["FINISHED", "KILLED"] if hit else ["FINISHED", "FINISHED"]) or children != ["FINISHED"] * 6:
        return hit, f"MLflow has {found}"
    left = list(folder.glob("runs/sweeps/*")) + list(folder.glob("runs/hello/*/*/run.json"))
    return hit, f"left over: {left}" if left else ""


COMMANDS = {"a run while it draws": while_it_draws, "sync": sync, "compare run=true": compare}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.kill_commands", description=__doc__.partition(";")[0])
    parser.add_argument("--kills", type=int, default=10, help="of each command (10)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    failed = False
    print("| killed | tries | kills | exceptions |\n|---|--:|--:|--:|", flush=True)
    for name, command in COMMANDS.items():
        hits = tries = exceptions = 0
        while hits < given.kills and tries < 3 * given.kills:
            folder = Path(tempfile.mkdtemp(prefix="kill_commands_"))
            hit, wrong = command(folder, random.Random(f"{given.seed} {name} {tries}"))
            hits, tries, exceptions = hits + hit, tries + 1, exceptions + bool(wrong)
            if wrong:
                print(f"{name}, try {tries}: {wrong}", file=sys.stderr, flush=True)
            shutil.rmtree(folder, ignore_errors=True)
        print(f"| {name} | {tries} | {hits} | {exceptions} |", flush=True)
        failed |= bool(exceptions)
    sys.exit(failed)


if __name__ == "__main__":
    main()
