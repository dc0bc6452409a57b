"""``seqexp.compare capsule=<file> verify=true``: every run of a capsule made again, and every claim drawn again."""

import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seqexp import config
from seqexp.comparison.query import Answer, Query, gather
from seqexp.config.run_config import RunConfig
from seqexp.report import capsule
from seqexp.report.capsule_reading import Capsule, read
from seqexp.runs.description import git_sha
from seqexp.runs.location import Location
from seqexp.runs.reader import Run
from seqexp.runs.result import RunResult
from seqexp.runs.run import run
from seqexp.system.errors import UserError
from seqexp.system.paths import CONFIG
from seqexp.system.plurals import counted
from seqexp.system.printable import printable

CLOSE = 1e-9  # of a figure that the same statistics give again
APART = {"tracking": {"name": "off", "uri": None, "experiment_name": "seqexp"}}  # nothing goes where a stranger says


def command(words: Sequence[str]) -> None:
    """Tell what a capsule says; with verify=true, check it by making its runs again. UserError, in one line, where a
    word is wrong, or where the capsule is not what it says."""
    given = dict(word.partition("=")[::2] for word in words)
    wrong = next((key for key in given if key not in ("capsule", "verify", "plugins", "tracking")), None)
    if wrong is not None or given.get("verify", "true") not in ("true", "false"):
        raise UserError(
            f"{wrong or 'verify'}: expected capsule=<file> with verify=true or false, and plugins=[…] alone"
        )
    if "capsule" not in given:
        raise UserError("verify: expected capsule=<file> beside it; got none")
    path = Path(given["capsule"])
    held = read(path)
    with TemporaryDirectory(prefix="capsule_") as folder:
        stored = Path(folder) / "stored"
        held.unpack(stored)
        answer = _answer(held, stored, path)
        for claim in held.about.claims:
            print(printable(f"{claim['a']} against {claim['b']} on {claim['task']}: {claim['verdict']}"))
        if given.get("verify") != "true":
            print(
                f"the claims follow from the scores in {path}; verify=true makes its {len(held.about.runs)} runs again"
            )
            return
        again = Path(folder) / "again"
        same = _again(held, capsule.counting(answer.contests), again)
        _answer(held, again, path)
    how = "every score is the same" if same else "scores differ by this machine's rounding, the claims do not"
    print(f"verified: {counted(len(held.about.runs), 'run')} made again, {how}")


def _answer(held: Capsule, root: Path, path: Path) -> Answer:
    """The comparison of the runs below ``root``. UserError where it claims anything else than the capsule."""
    terms = held.about.tasks
    if not terms:
        raise UserError(f"capsule: {path} compares nothing")
    margins = {one.task: {one.metric.rpartition("/")[2]: one.margin} for one in terms}
    models = list(dict.fromkeys(model for one in terms for model in one.models))
    answer = gather(
        Query(
            root=root,
            tasks=[one.task for one in terms],
            models=models,
            pairs=[*dict.fromkeys(pair for one in terms for pair in one.pairs)],
            metric=terms[0].metric if len(terms) == 1 else None,
            match=held.about.match,
            margin=terms[0].margin if len(terms) == 1 else None,
            margins=margins,
            level=terms[0].level,
            sequential=terms[0].sequential,
            claims=terms[0].claims,
        )
    )
    runs = sorted(capsule.place(run) for run in capsule.counting(answer.contests))
    if runs != sorted(held.about.runs):
        raise UserError(f"capsule: {path} lists other runs than those that count")
    claims = [capsule.said(claim) for contest in answer.contests for claim in contest.claims]
    exact = root.name == "stored"
    for told, found in zip(held.about.claims, claims, strict=False):
        key = next((key for key in found if not _same(told.get(key), found[key], exact)), None)
        if key is not None:
            raise UserError(
                f"capsule: {found['a']} against {found['b']} on {found['task']}: expected {key} "
                f"{_shown(told.get(key))} as {path} says; its runs give {_shown(found[key])}"
            )
    if len(claims) != len(held.about.claims):
        raise UserError(f"capsule: {path} has {counted(len(held.about.claims), 'claim')}; its runs give {len(claims)}")
    return answer


def _again(held: Capsule, runs: Sequence[Run], root: Path) -> bool:
    """Make the runs again below ``root``; whether every score is the same to the bit. UserError where, on the same
    machine, one is not, or a run ends in another way."""
    seconds = sum(run.result.seconds for run in runs)
    print(f"{counted(len(runs), 'run')} to be made again; they took {seconds:,.0f} s of training", flush=True)
    if held.about.git_sha != git_sha():
        print(
            f"warning: made with commit {held.about.git_sha[:10] or 'unknown'}, this is {git_sha()[:10] or 'unknown'}"
        )
    same = True
    for number, old in enumerate(runs, 1):
        new = run(_config(old), Location(root=root, in_sweep=True)).result
        where = f"{old.result.model} on {old.result.task}, seed {old.result.seed}"
        alike = all(getattr(old.result, key) == getattr(new, key) for key in ("numpy", "blas", "cpu"))
        difference = _difference(old.result, new)
        if difference and (alike or old.result.status != new.status):
            raise UserError(f"capsule: {where}: {difference}")
        same &= not difference
        print(printable(f"{number} of {len(runs)}: {where}: {difference or 'the same'}"), flush=True)
    return same


def _config(old: Run) -> RunConfig:
    """The stored config, so that nothing is tracked or written elsewhere."""
    assert old.directory is not None
    stored = config.stored(old.directory / CONFIG)
    settings = {**stored.settings, **APART, "resume": None, "data_dir": None, "figures": "none", "predictions": False}
    settings = {key: value for key, value in settings.items() if key in stored.settings}
    apart = RunConfig(settings, stored.signature)
    if old.result.files is None:
        return apart
    from seqexp.data.files import own_files

    return apart.of_files(own_files(settings["task"]))


def _difference(old: RunResult, new: RunResult) -> str:
    """What the new run has otherwise; empty where nothing."""
    if old.status != new.status:
        return f"expected it to end as {old.status}; made again it ends as {new.status}"
    if old.signature != new.signature or old.data != new.data:
        return "its settings or data are others than the capsule says"
    for name in sorted(old.metrics.keys() | new.metrics.keys()):
        told, found = old.metrics.get(name), new.metrics.get(name)
        if told != found:
            return f"expected {name} {_shown(told)} as the capsule says; made again it is {_shown(found)}"
    return ""


def _same(told: Any, found: Any, exact: bool) -> bool:
    if isinstance(found, float) and isinstance(told, int | float):
        return not exact or math.isclose(told, found, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(told == found)


def _shown(value: Any) -> str:
    return f"{value:.17g}" if isinstance(value, float) else printable(str(value))[:40]
