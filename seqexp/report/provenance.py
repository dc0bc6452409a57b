"""Where a comparison comes from: code, machine, data, what is equal for all models, and the commands."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from seqexp.comparison.contest import Contest
from seqexp.comparison.query import Answer
from seqexp.report.render import Section
from seqexp.report.tables import frame_of
from seqexp.runs.reader import deciding

TITLE = "Code, data and commands"
RECORDED = (("git_sha", "commit"), ("numpy", "NumPy"), ("blas", "BLAS"), ("cpu", "CPU"), ("data", "data"))


@dataclass(frozen=True)
class Commands:
    """What to type: to make the runs again, and this report."""

    runs: Sequence[str]
    report: str


def section(answer: Answer, match: str | None, commands: Commands) -> Section:
    """Everything recorded of the runs, and what to type."""
    rows = []
    for contest in answer.contests:
        results = [run.result for entry in contest.entries for run in entry.runs.values()]
        for key, name in RECORDED:
            values = dict.fromkeys(str(getattr(result, key) or "not recorded") for result in results)
            rows.append({"task": contest.task, "what": name, "value": ", ".join(values)})
        for entry in contest.entries:
            text = json.dumps(deciding(entry.any), sort_keys=True, default=str)
            digest = hashlib.sha256(text.encode()).hexdigest()[:12]
            rows.append({"task": contest.task, "what": f"config hash of {entry.model}", "value": digest})
        rows.append({"task": contest.task, "what": "equal for all", "value": held_equal(contest, match)})
    alone = len(answer.contests) == 1
    table = frame_of(rows, ["what", "value"] if alone else ["task", "what", "value"])
    lines = ["# the runs", *commands.runs, "# this report", commands.report]
    return Section(TITLE, folded=True, tables=[("", table)], commands=lines)


def held_equal(contest: Contest, match: str | None) -> str:
    """What is equal for all models in fact, whoever asked for it."""
    settings = [entry.any.settings for entry in contest.entries]
    said = []
    budgets = {one.get("model.param_budget") for one in settings}
    if len(budgets) == 1 and (budget := budgets.pop()) is not None:
        counts = ", ".join(f"{entry.model} {entry.counted:,}" for entry in contest.entries if entry.counted is not None)
        said.append(f"parameters, by model.param_budget={budget} ({counts})")
    sizes = {entry.hidden for entry in contest.entries}
    if len(sizes) == 1 and None not in sizes:
        said.append(f"hidden units, {sizes.pop()}")
    limits = {one.get("training.max_seconds") for one in settings}
    if len(limits) == 1 and (seconds := limits.pop()) is not None:
        said.append(f"seconds of training, at most {seconds:g}")
    asked = f"; match={match} was asked for" if match else ""
    return ("; ".join(said) or "neither parameters nor hidden units nor seconds") + asked
