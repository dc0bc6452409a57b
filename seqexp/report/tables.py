"""The tables of a comparison: models beside the memoryless baseline, lost runs, and one row for each run."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqexp.comparison.contest import Claim, Contest, Entry
from seqexp.comparison.wording import by, number, percent, sentence

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("FAILED", "DIVERGED", "KILLED")
OF_A_RUN = ("signature", "params", "epochs", "stop", "seconds", "git_sha", "data")


def summary(contest: Contest) -> "pd.DataFrame":
    """One row for each model, best first, and one for the best memoryless baseline."""
    terms = contest.terms
    interval = f"{percent(terms.level)} interval"
    sign = 1 if terms.direction == "min" else -1
    ordered = sorted(contest.entries, key=lambda entry: (math.isnan(entry.mean), sign * entry.mean))
    embedded = any(entry.params != entry.counted for entry in ordered)
    lost_as = [status for status in STATUSES if any(entry.count(status) for entry in ordered)]
    rows: list[dict[str, Any]] = [
        {
            "model": entry.model,
            "parameters": entry.params,
            **({"without embedding": entry.counted} if embedded else {}),
            "units": entry.hidden,
            "runs": len(entry.scores),
            "mean": entry.mean,
            "sd": entry.std,
            interval: _interval(entry),
            **{status.lower(): entry.count(status) for status in lost_as},
            "seconds": entry.seconds,
        }
        for entry in ordered
    ]
    if contest.baseline is not None:
        name, value = contest.baseline
        rows.append({"model": name if "no memory" in name else f"{name} (no memory)", "mean": value})
    return frame_of(rows, list(rows[0]))


def lost(contest: Contest) -> "pd.DataFrame":
    """A row for each seed that has no score, and why."""
    rows = [
        {"model": entry.model, "run with seed": str(run.seed), "status": run.status, "reason": run.reason}
        for entry in contest.entries
        for run in entry.lost
    ]
    return frame_of(rows, ["model", "run with seed", "status", "reason"])


def comparison(contests: Sequence[Contest]) -> "pd.DataFrame":
    """comparison.csv: one row a model and metric, the metric compared with its baseline and verdicts."""
    rows = []
    for contest in contests:
        for entry in contest.entries:
            for metric in _metrics(entry):
                rows.append(_row(contest, entry, metric))
    return frame_of(rows, list(dict.fromkeys(key for row in rows for key in row)))


def every_run(contests: Sequence[Contest]) -> "pd.DataFrame":
    """runs.csv: one row a run that counts."""
    rows = []
    for contest in contests:
        names = sorted({name for entry in contest.entries for name in _metrics(entry)})
        for entry in contest.entries:
            for seed, run in entry.runs.items():
                known = {key: getattr(run.result, key) for key in OF_A_RUN}
                reason = next((lost.reason for lost in entry.lost if lost.seed == seed), None)
                scores = {name: run.result.score(name) for name in names}
                row = {"task": contest.task, "model": entry.model, "seed": seed, "status": run.result.status}
                rows.append({**row, **scores, **known, "reason": reason, "run": run.where})
    return frame_of(rows, list(dict.fromkeys(key for row in rows for key in row)))


def claims(contest: Contest) -> "pd.DataFrame":
    """The figures behind the verdicts, a row a pair of models."""
    rows = []
    for claim in contest.claims:
        interval = f"{percent(claim.terms.level)} interval"
        row: dict[str, Any] = {"models": f"{claim.a} against {claim.b}", "typical run": claim.verdict}
        if claim.typical is not None:
            row |= {
                f"P({'first' if len(contest.claims) > 1 else claim.a} wins)": round(claim.typical.probability, 3),
                f"its {interval}": f"{claim.typical.low:.2f} to {claim.typical.high:.2f}",
                "p": claim.typical.p_claim,
            }
        if claim.holm is not None:
            row["p after Holm"] = claim.holm
        if claim.paired is not None:
            median = " (median)" if claim.terms.sequential else ""
            row |= {
                "pairs of seeds": claim.paired.n,
                "mean difference": by(claim, claim.paired.effect),
                f"{interval}{median}": _ahead(claim.paired.effect, claim.paired.low, claim.paired.high),
                "p (t test)": claim.paired.p_t,
            }
        row["seeds without a pair"] = _seeds(claim.unpaired)
        rows.append(row)
    return frame_of(rows, list(dict.fromkeys(key for row in rows for key in row)))


def _row(contest: Contest, entry: Entry, metric: str) -> dict[str, Any]:
    import numpy as np

    compared = metric == contest.terms.metric
    values = [value for run in entry.runs.values() if (value := run.result.score(metric)) is not None]
    row: dict[str, Any] = {
        "task": contest.task,
        "model": entry.model,
        "metric": metric,
        "compared": compared,
        "seeds": len(values),
        "mean": float(np.mean(values)) if values else None,
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "params": entry.params,
        "params_counted": entry.counted,
        "hidden_size": entry.hidden,
        **{status.lower(): entry.count(status) for status in STATUSES},
        "seconds": entry.seconds,
    }
    if compared:
        row |= {"low": entry.interval[0], "high": entry.interval[1], "level": contest.terms.level}
        row |= {"baseline": contest.baseline[0], "baseline_value": contest.baseline[1]} if contest.baseline else {}
        own: list[Claim] = [claim for claim in contest.claims if entry.model in (claim.a, claim.b)]
        row["verdicts"] = " ".join(sentence(claim) for claim in own)
    return row


def _metrics(entry: Entry) -> list[str]:
    names = {name for run in entry.runs.values() for name in run.result.metrics if run.result.status == "FINISHED"}
    return sorted(names | {entry.terms.metric}, key=lambda name: (name != entry.terms.metric, name))


def frame_of(rows: Sequence[dict[str, Any]], columns: list[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame([[row.get(column) for column in columns] for row in rows], columns=columns, dtype=object)


def _interval(entry: Entry) -> str | None:
    return _range(*entry.interval)


def _ahead(effect: float, low: float, high: float) -> str | None:
    """The interval of the difference as it is told: positive in favour of who is ahead."""
    return _range(low, high) if effect >= 0 else _range(-high, -low)


def _range(low: float, high: float) -> str | None:
    return f"{number(low)} to {number(high)}" if math.isfinite(high - low) else None


def _seeds(seeds: Sequence[int]) -> str | None:
    return ", ".join(map(str, seeds)) or None
