"""claim.json: what is compared, how, and on which seeds, written before the first run.

runs/compare/<task>_<models>_<claim>/claim.json

The claim's name is a hash of its terms, in which the order of the models does not matter; its seeds follow from that
name, so that nobody chooses them. The same command finds its claim again. What has been changed since is told, and so
is every other claim on the task.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import seqexp
from seqexp.comparison.plan import Plan
from seqexp.comparison.protocol_words import LARGEST_SEED
from seqexp.runs.description import git_sha
from seqexp.runs.reader import Run
from seqexp.sweeps.search import SAMPLER, TUNING_SEEDS
from seqexp.system import blas
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError
from seqexp.system.json_files import read_object
from seqexp.system.paths import CLAIM, COMPARISONS
from seqexp.system.plurals import counted
from seqexp.system.printable import printable
from seqexp.system.regular_files import Unreadable

RULE = "bets on the signs of the pairs' differences, looked at after every pair (statistics/sequential)"
FIRST_FRESH, BLOCK, BLOCKS = 10_000, 1_000, 9_000  # seeds that claims are given: blocks far from 0, 1, 2, …
WITNESSES = ("registered", "code", "data", "numpy", "blas", "digest")  # what was so as it was registered; no terms
OPEN = ("max_seeds",)  # a term that may grow: the test is valid at any number


@dataclass(frozen=True)
class Registration:
    """A claim that is registered. content: of claim.json. changed: why it is exploratory, a line each; none where
    nothing was changed. earlier: other claims on the same task in this folder. replicates: the name of the claim of
    which this one is a replication."""

    folder: Path
    content: Mapping[str, Any]
    earlier: int = 0
    changed: tuple[str, ...] = ()
    replicates: str | None = None
    is_new: bool = True

    @property
    def name(self) -> str:
        return str(self.content["claim"])

    @property
    def first_seed(self) -> int:
        return int(self.content["seeds"]["first"])

    @property
    def registered(self) -> float:
        """Seconds since the epoch."""
        return datetime.fromisoformat(self.content["registered"]).timestamp()


def register(plan: Plan, first_seed: int | None, root: Path) -> Registration:
    """Write the claim, or find it as it was written. UserError where its seeds were used to tune."""
    terms = terms_of(plan)
    drawn = _digest(_without(terms, OPEN))[:12]
    first = FIRST_FRESH + int(drawn, 16) % BLOCKS * BLOCK if first_seed is None else first_seed
    last = first + BLOCK * (len(plan.conditions) - 1) + plan.max_seeds - 1
    if last > LARGEST_SEED:
        raise UserError(f"first_seed: expected seeds up to {LARGEST_SEED}; got {first}, and the last is {last}")
    if first < TUNING_SEEDS.stop and last >= TUNING_SEEDS.start:
        raise UserError(
            f"first_seed: expected seeds that no trial runs on, such as {FIRST_FRESH} or more; got {first} to {last}, "
            f"and trials run on {TUNING_SEEDS.start} to {TUNING_SEEDS.stop - 1}"
        )
    terms["seeds"] = {"first": first, "drawn": first_seed is None}
    name = drawn if first_seed is None else _digest(_without(terms, OPEN))[:12]
    folder = root / COMPARISONS / "_".join([plan.task, *sorted(plan.models), name])
    others = list(others_on(root, plan.task, name))
    alike = sorted((one for one in others if _same_question(one, terms)), key=lambda one: str(one.get("registered")))
    changed = [line for one in alike[:1] for line in _differences(one, terms)]
    replicates = next((str(one["claim"]) for one in alike if not list(_differences(one, terms))), None)
    known = _read(folder / CLAIM)
    if known is None:
        witnesses = {"registered": _now(), "code": _code(), "data": plan.data}
        witnesses |= {"numpy": np.__version__, "blas": blas.kernels()}
        content = {"claim": name, **terms, **witnesses}
        known = {**content, "digest": _digest(content)}
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / CLAIM, json.dumps(known, indent=2) + "\n")
        return Registration(folder, known, len(others), tuple(changed), replicates)
    if known.get("digest") != _digest(_without(known, ("digest",))):
        changed.append(f"{folder / CLAIM} was edited after it was registered")
        known = {**known, **terms, "claim": name}
    if known.get("data") != plan.data:
        changed.append("the data are others than were registered")
    return Registration(folder, known, len(others), tuple(changed), replicates, is_new=False)


def terms_of(plan: Plan) -> dict[str, Any]:
    """All that is promised, in JSON's types, with the models in the order of their names."""
    models = sorted(plan.models)
    terms = {
        "task": plan.task,
        "models": models,
        "pairs": sorted(sorted(pair) for pair in plan.pairs),
        "metric": plan.metric,
        "direction": plan.direction,
        "margin": plan.margin,
        "level": plan.level,
        "rule": RULE,
        "claims": plan.claims,
        "max_seeds": plan.max_seeds,
        "match": plan.match,
        "splits": plan.splits,
        "conditions": [[one.name, one.budget, one.values, *one.words] for one in plan.conditions],
        "search": _search(plan),
        "settings": {model: _settings(plan, model) for model in models},
    }
    return dict(json.loads(json.dumps(terms)))


def _search(plan: Plan) -> dict[str, Any] | None:
    if plan.studies:
        return {"studies": {model: [one.path.stem, dict(one.best)] for model, one in sorted(plan.studies.items())}}
    if not plan.rungs:
        return None
    return {
        "sampler": SAMPLER,
        "stages": [[rung.trials, rung.seed, *rung.words] for rung in plan.rungs],
        "space": {m: {key: one.text() for key, one in plan.spaces[m].items()} for m in sorted(plan.models)},
        "first": {model: plan.first[model] for model in sorted(plan.models)},
    }


def _settings(plan: Plan, model: str) -> dict[str, Any]:
    """What decides a model's runs, but for the seed and what is searched."""
    searched = {*plan.spaces.get(model, ()), *(plan.studies[model].best if model in plan.studies else ())}
    settings = plan.configs[model].deciding()
    files = {"files": plan.configs[model].files} if plan.configs[model].files else {}
    return {key: value for key, value in settings.items() if key != "seed" and key not in searched} | files


def others_on(root: Path, task: str, name: str) -> Iterator[Mapping[str, Any]]:
    """The other claims on a task in a folder of runs, as their files say; those that cannot be read are none."""
    for file in sorted((root / COMPARISONS).glob(f"*/{CLAIM}")):
        found = _read(file)
        if found is not None and found.get("task") == task and found.get("claim") != name:
            yield found


def _same_question(other: Mapping[str, Any], terms: Mapping[str, Any]) -> bool:
    """Whether another claim is of the same models on the same task, with the same settings of the task."""
    return other.get("models") == terms["models"] and _of_task(other) == _of_task(terms)


def _of_task(claim: Mapping[str, Any]) -> Any:
    settings = claim.get("settings")
    if not isinstance(settings, Mapping):
        return None
    each = [one for _, one in sorted(settings.items()) if isinstance(one, Mapping)]
    return [{key: value for key, value in one.items() if key.startswith("task.")} for one in each]


def _differences(first: Mapping[str, Any], terms: Mapping[str, Any]) -> Iterator[str]:
    """The terms that a claim registered before has otherwise, a line each."""
    then, now = (_flat(_without(one, (*WITNESSES, *OPEN, "claim", "seeds"))) for one in (first, terms))
    for key in dict.fromkeys([*then, *now]):
        if then.get(key) != now.get(key):
            who = f"claim {_short(first.get('claim'))}, registered {_short(first.get('registered'))}"
            what = f"{key} (then {_short(then.get(key))}, now {_short(now.get(key))})"
            yield f"{who}, asked the same with another {what}"


def _flat(terms: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in terms.items():
        path = f"{prefix}{key}"
        flat |= _flat(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return flat


def _short(value: Any) -> str:
    return "none" if value is None else printable(str(value))[:60]


def unlike_registered(registration: Registration, runs: Sequence[Run]) -> list[str]:
    """What makes a claim exploratory that only its runs show: other code, or seeds that were run before it was made."""
    said = []
    commit = registration.content["code"]["commit"]
    other = sorted({run.result.git_sha[:10] for run in runs} - {commit[:10]})
    if other:
        said.append(f"runs were made by other code (commit {', '.join(other)}) than was registered ({commit[:10]})")
    elif registration.content["code"] != _code() and any(_is_later(run, registration) for run in runs):
        said.append("the code was changed after the claim was registered")
    before = [run for run in runs if not _is_later(run, registration)]
    if before:
        said.append(f"{counted(len(before), 'run')} of its seeds had been made before the claim was registered")
    return said


def _is_later(run: Run, registration: Registration) -> bool:
    return run.result.started is None or run.result.started >= registration.registered


@cache
def _code() -> dict[str, str]:
    """The commit, and a hash of the package's files, since a changed tree has no commit of its own."""
    found = hashlib.sha256()
    folder = Path(seqexp.__file__).parent
    for file in sorted(file for file in folder.rglob("*") if file.suffix in {".py", ".c", ".h"}):
        found.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return {"commit": git_sha(), "files": found.hexdigest()[:12]}


def _read(file: Path) -> dict[str, Any] | None:
    """What a claim's file says; None where there is none, or it lacks what a claim has."""
    try:
        found = read_object(file)
        datetime.fromisoformat(found["registered"])
        _ = int(found["seeds"]["first"]), found["code"]["commit"][:10], found["claim"]
    except (FileNotFoundError, Unreadable, KeyError, TypeError, ValueError):
        return None
    return found


def _without(content: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in keys}


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
