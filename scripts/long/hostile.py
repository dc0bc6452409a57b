"""A stranger's runs/ against every command: nothing is sent, nothing outside it changes, nothing hangs or crashes.

``python -m scripts.long.hostile`` works in a network namespace without a network, where a listener on 127.0.0.1 counts
who calls; where the system permits none, it says so, and goes on with the listener alone.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from scripts.long.hostile_runs import SECRET, lay
from seqexp import config
from seqexp.config.command_line import word
from seqexp.config.run_config import that_decide
from seqexp.system.paths import CONFIG, RUNS

ROOT = Path(__file__).resolve().parents[2]
EARLIER = ROOT / "tests" / "runs" / "earlier_version"
INSIDE = "SEQEXP_IN_NAMESPACE"
LIMIT = 90  # seconds of a command
LONGEST = 2_000  # characters of a line on stderr
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
TINY = ["model.hidden_size=4", "training.epochs=1", "task.steps_per_epoch=5", "task.examples=32", "probes=false"]


@dataclass
class Tally:
    """How the calls of one command ended."""

    calls: int = 0
    codes: dict[int, int] = field(default_factory=dict)
    connections: int = 0
    bad: list[str] = field(default_factory=list)


class Listener:
    """Counts who calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            connection, _ = self._server.accept()
            self.calls += 1
            connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.hostile", description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=0, help="only so many odd runs of explain, sync and resume; 0: all")
    given = parser.parse_args()
    if os.environ.get(INSIDE) is None:
        _enter_namespace()
    if os.environ[INSIDE] == "yes":
        _loopback_up()
        print("in a network namespace of its own: nothing but 127.0.0.1 can be reached")
    else:
        print("no network namespace is permitted here (unshare -rn failed): only calls to the listener are counted")
    tallies: dict[str, Tally] = {}
    listener = Listener()
    with tempfile.TemporaryDirectory(prefix="hostile_") as folder:
        for name, calls in _commands(Path(folder), listener.uri, given.each).items():
            tallies[name] = Tally()
            for words, place in calls:
                _call(tallies[name], listener, words, place)
    _tell(tallies)


def _enter_namespace() -> None:
    """Become the same command in a namespace; where none is permitted, only say so."""
    os.environ[INSIDE] = "no"
    unshare = shutil.which("unshare")
    if unshare and subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode == 0:
        os.environ[INSIDE] = "yes"
        os.execv(unshare, [unshare, "-rn", sys.executable, "-m", "scripts.long.hostile", *sys.argv[1:]])


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        fcntl.ioctl(asked, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS with IFF_UP


def _commands(folder: Path, uri: str, each: int) -> dict[str, list[tuple[list[str], Path]]]:
    """By command, the words and the folder of each call. Each command has a runs/ of its own."""
    names = ("start", "start in MLflow", "sweep", "compare", "compare run=true", "explain", "sync", "resume")
    places = {name: folder / name.replace(" ", "_") for name in names}
    made = {}
    for name, place in places.items():
        place.mkdir()
        made[name] = [path.relative_to(place) for path in lay(place / RUNS, EARLIER, uri, place / "outside")]
    finished = [path for path in made["explain"] if path.name.startswith("finished")][: each or None]
    killed = [path for path in made["resume"] if path.name.startswith("killed")][: each or None]
    start = ["seqexp", "model=rnn", "task=adding", *TINY]
    (whole,) = (file.parent for file in (places["resume"] / RUNS).glob("adding/*/bc*/run.json"))
    settings = that_decide(config.stored(whole / CONFIG).flattened())
    again = ["seqexp", *(word(key.removesuffix(".name"), value) for key, value in settings.items()), "tracking=off"]
    calls = {
        "start": [[*start, "tracking=off"]],
        "start in MLflow": [start],
        "sweep": [["seqexp", "-m", "seed=0,1", *start[1:], "tracking=off"]],
        "compare": [["seqexp.compare", "a=rnn", "b=lstm", "task=adding", *more] for more in ([], ["dtype=float32"])],
        "compare run=true": [
            ["seqexp.compare", "run=true", "a=rnn", "b=lstm", "task=adding", "trials=2", "max_seeds=2", *TINY[:-1]]
        ],
        "explain": [["seqexp.explain", str(path)] for path in finished],
        "sync": [["seqexp.sync", str(path)] for path in killed],
        "resume": [[*again, f"resume={path}"] for path in killed],
    }
    return {name: [(words, places[name]) for words in said] for name, said in calls.items()}


def _call(tally: Tally, listener: Listener, words: Sequence[str], place: Path) -> None:
    """Call one command, and note what it did that it must not do."""
    before, called = _outside(place), listener.calls
    start, said = monotonic(), " ".join(words[-1:])[:80]
    own = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "SEQEXP_"))}
    own |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", *words], cwd=place, env=own, capture_output=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        tally.bad.append(f"{said}: still running after {LIMIT} s")
        return
    text = (ended.stdout + ended.stderr).decode(errors="replace")
    written = [file for name in ("*.md", "*.html", "*.csv") for file in (place / RUNS).glob(f"compare/*/{name}")]
    texts = [text, *(file.read_bytes().decode() for file in written)]
    tally.calls += 1
    tally.codes[ended.returncode] = tally.codes.get(ended.returncode, 0) + 1
    tally.connections += listener.calls - called
    faults = {
        f"exit code {ended.returncode}: {text[-300:]!r}": ended.returncode not in (0, 1, 2),
        f"a traceback: {text[-500:]!r}": "Traceback" in text,
        "an escape code": any(CONTROL.search(one) for one in texts),
        "a line too long": max(map(len, ended.stderr.decode(errors="replace").splitlines()), default=0) > LONGEST,
        "a warning of a library": bool(re.search(r"\w+Warning: ", text)),
        "a connection": listener.calls > called,
        "something outside runs/ changed": _outside(place) != before,
        "what nobody may read": any(SECRET in one for one in texts),
        "no line at all": ended.returncode != 0 and not ended.stderr.strip(),
    }
    tally.bad += [f"{said} ({monotonic() - start:.0f} s): {fault}" for fault, true in faults.items() if true]


def _outside(place: Path) -> str:
    """A hash of all that lies beside runs/."""
    digest = hashlib.sha256()
    for path in sorted(place.rglob("*")):
        if RUNS not in path.relative_to(place).parts and "__pycache__" not in path.parts:
            digest.update(f"{path}\0{path.read_bytes().hex() if path.is_file() else ''}\0".encode())
    return digest.hexdigest()


def _tell(tallies: dict[str, Tally]) -> None:
    print("| command | calls | exit 0 | exit 1 | exit 2 | connections | faults |", "|---|" + "--:|" * 6, sep="\n")
    for name, tally in tallies.items():
        codes = " | ".join(str(tally.codes.get(code, 0)) for code in (0, 1, 2))
        print(f"| {name} | {tally.calls} | {codes} | {tally.connections} | {len(tally.bad)} |")
    bad = [f"{name}: {line}" for name, tally in tallies.items() for line in tally.bad]
    print(*bad[:60], sep="\n")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
