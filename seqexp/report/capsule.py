"""capsule.zip: everything that a comparison rests on, in one file that can be sent and checked.

capsule.json                           what is claimed, of which runs, on what machine; a hash of every other file
runs/<task>/<model>/<signature>/       config.yaml and result.json of each run that counts
claim.json                             what was registered before the first run, where it was
report.md, comparison.csv, runs.csv    what was said
commands.sh, packages.txt              what to type, and the version of every package
changes.diff                           where the code was not a commit's, how it differed from it
"""

import hashlib
import io
import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from seqexp.comparison.contest import Claim, Contest
from seqexp.report.provenance import Commands
from seqexp.runs.description import git_sha
from seqexp.runs.reader import Run
from seqexp.statistics.reliability import ENDED
from seqexp.system.paths import CAPSULE, CONFIG, RESULT, RUNS
from seqexp.system.regular_files import Unreadable, read_file

SCHEMA, ABOUT = 1, "capsule.json"
SAID = ("claim.json", "report.md", "comparison.csv", "runs.csv")  # of the report's folder
LARGEST = 10_000_000  # bytes of one file in a capsule
MADE = (1980, 1, 1, 0, 0, 0)  # a zip file's first day: equal content has equal bytes


def write(contests: Sequence[Contest], folder: Path, commands: Commands, match: str | None) -> Path | None:
    """Write the capsule of a comparison whose other files are in ``folder``; None where a run lies in MLflow alone, or
    can no longer be read."""
    from seqexp.system.atomic_files import write_bytes

    path = folder / CAPSULE
    path.unlink(missing_ok=True)
    runs = counting(contests)
    try:
        files = _of_runs(runs)
    except (FileNotFoundError, Unreadable):
        return None
    for name in SAID:
        if (folder / name).is_file():
            files[name] = read_file(folder / name, LARGEST)
    files["commands.sh"] = "\n".join([*commands.runs, commands.report, ""]).encode()
    files["packages.txt"] = packages().encode()
    if git_sha().endswith("+"):
        files["changes.diff"] = _changes()
    about = {
        "schema": SCHEMA,
        "command": commands.report,
        "git_sha": git_sha(),
        "match": match,
        "tasks": [_terms(contest) for contest in contests],
        "claims": [said(claim) for contest in contests for claim in contest.claims],
        "runs": [place(run) for run in runs],
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as zipped:
        for name, content in {ABOUT: json.dumps(about, indent=1).encode(), **files}.items():
            zipped.writestr(ZipInfo(name, MADE), content, ZIP_DEFLATED)
    write_bytes(path, packed.getvalue())
    return path


def counting(contests: Sequence[Contest]) -> list[Run]:
    """The runs that ended, of every model and task: those that were killed count for nothing."""
    every = (run for contest in contests for entry in contest.entries for run in entry.runs.values())
    return [run for run in every if run.result.status in ENDED]


def said(claim: Claim) -> dict[str, Any]:
    """What is claimed of two models, in JSON's types. A sequential claim is told by itself: its family may have claims
    at other settings, whose runs the capsule has not."""
    typical, mean, alone = claim.typical, claim.mean, claim.terms.sequential
    numbers: dict[str, float | None] = {"p_after_holm": None if alone else claim.holm}
    if typical is not None:
        numbers |= {"probability": typical.probability, "low": typical.low, "high": typical.high, "p": typical.p_claim}
    if mean is not None:
        numbers |= {"mean_difference": mean.effect, "mean_low": mean.low, "mean_high": mean.high}
    known = {key: value if value is None or math.isfinite(value) else None for key, value in numbers.items()}
    about = {"task": claim.task, "a": claim.a, "b": claim.b}
    verdict = typical.verdict if alone and typical is not None else claim.verdict
    average = mean.verdict if alone and mean is not None else claim.on_average
    return {**about, "verdict": verdict, "on_average": average, **known}


def place(run: Run) -> str:
    """The run's folder in the capsule."""
    result = run.result
    return f"{RUNS}/{result.task}/{result.model}/{result.signature}"


@cache  # to look through them all takes longer than the rest of a comparison
def packages() -> str:
    """Every package that is installed, with its version, a line each."""
    found = {f"{each.metadata['Name']}=={each.version}" for each in distributions() if each.metadata["Name"]}
    return "\n".join(sorted(found, key=str.lower)) + "\n"


def _of_runs(runs: Sequence[Run]) -> dict[str, bytes]:
    files = {}
    for run in runs:
        if run.directory is None:
            raise FileNotFoundError(run.where)
        for name in (CONFIG, RESULT):
            files[f"{place(run)}/{name}"] = read_file(run.directory / name, LARGEST)
    return files


def _terms(contest: Contest) -> Mapping[str, Any]:
    terms = contest.terms
    return {
        "task": contest.task,
        "models": [entry.model for entry in contest.entries],
        "pairs": [[claim.a, claim.b] for claim in contest.claims],
        **{key: getattr(terms, key) for key in ("metric", "margin", "level", "sequential", "claims")},
    }


def _changes() -> bytes:
    """How the code differs from its commit; files that git does not know are not in it."""
    git = ["git", "-C", str(Path(__file__).resolve().parent), "diff", "--no-ext-diff", "HEAD"]
    try:
        return subprocess.run(git, capture_output=True, timeout=20, check=True).stdout[:LARGEST]
    except (OSError, subprocess.SubprocessError):
        return b"git could not tell\n"
